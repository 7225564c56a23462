//! A run as a workbook (XLSX): a summary, then every line, row by row in files rather than in memory.
//!
//! Texts are cells of text, so a spreadsheet runs none of them; amounts are numbers. A sheet that is full is followed by
//! another.

use std::io::Write;

use rust_decimal::Decimal;
use rust_xlsxwriter::{Format, IntoExcelData, Workbook as Xlsx, Worksheet, XlsxError};

use super::EXPORT_HEAD;
use crate::domain::Rupiah;
use crate::reconciliation::report::Report;
use crate::reconciliation::result::ResultLine;
use crate::reconciliation::spool::SpoolDir;

/// Lines in one sheet: what a spreadsheet opens, less the head.
const SHEET_MAX: u32 = 1_048_575;

/// A workbook under way.
pub struct Workbook {
    book: Xlsx,
    /// Of the sheet under way: its place, and the row that comes next.
    sheet: usize,
    row: u32,
    sheet_max: u32,
}

impl Workbook {
    /// Begins with the summary.
    ///
    /// # Errors
    /// [`XlsxError`] when nothing can be written in the folder of spools.
    pub fn begin(report: &Report, spools: &SpoolDir) -> Result<Self, XlsxError> {
        Self::with_sheets_of(SHEET_MAX, report, spools)
    }

    fn with_sheets_of(sheet_max: u32, report: &Report, spools: &SpoolDir) -> Result<Self, XlsxError> {
        let mut book = Xlsx::new();
        book.set_tempdir(spools.folder())?;
        summary(book.add_worksheet(), report)?;
        let mut begun = Self { book, sheet: 0, row: 0, sheet_max };
        begun.next_sheet()?;
        Ok(begun)
    }

    fn next_sheet(&mut self) -> Result<(), XlsxError> {
        (self.sheet, self.row) = (self.sheet + 1, 1);
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(format!("Baris {}", self.sheet))?;
        sheet.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        for (column, name) in (0..).zip(EXPORT_HEAD.trim_end().split(',')) {
            sheet.write_with_format(0, column, name, &bold)?;
        }
        Ok(())
    }

    /// Adds the next line.
    ///
    /// # Errors
    /// [`XlsxError`] when it cannot be written.
    pub fn add(&mut self, line: &ResultLine) -> Result<(), XlsxError> {
        if self.row > self.sheet_max {
            self.next_sheet()?;
        }
        let sheet = self.book.worksheet_from_index(self.sheet)?;
        let mut cells = Cells { sheet, row: self.row, column: 0 };
        cells.text(&line.class)?;
        cells.text(&line.note)?;
        cells.text(&line.authority)?;
        cells.maybe(line.line_no)?;
        cells.text(&line.reference.to_string())?;
        cells.maybe(line.number.as_deref())?;
        cells.maybe(line.document_id.as_deref())?;
        cells.text(&line.plate)?;
        cells.text(&line.due_on.to_string())?;
        for word in [&line.code, &line.beneficiary, &line.status] {
            cells.text(word)?;
        }
        for amount in [line.here_principal, line.here_penalty, line.there_principal, line.there_penalty] {
            cells.maybe(amount.map(number))?;
        }
        cells.maybe(line.ours.as_deref())?;
        self.row += 1;
        Ok(())
    }

    /// Writes the whole workbook.
    ///
    /// # Errors
    /// [`XlsxError`] when `target` takes no more.
    pub fn finish(mut self, target: impl Write + Send) -> Result<(), XlsxError> {
        self.book.save_to_writer(target)
    }
}

/// One row from left to right.
struct Cells<'a> {
    sheet: &'a mut Worksheet,
    row: u32,
    column: u16,
}

impl Cells<'_> {
    fn text(&mut self, text: &str) -> Result<(), XlsxError> {
        self.maybe(Some(text))
    }

    fn maybe(&mut self, value: Option<impl IntoExcelData>) -> Result<(), XlsxError> {
        if let Some(value) = value {
            self.sheet.write(self.row, self.column, value)?;
        }
        self.column += 1;
        Ok(())
    }
}

/// A spreadsheet's numbers hold every amount exactly: fifteen digits.
fn number(amount: Rupiah) -> Decimal {
    Decimal::from(amount.get())
}

fn summary(sheet: &mut Worksheet, report: &Report) -> Result<(), XlsxError> {
    sheet.set_name("Ringkasan")?;
    let bold = Format::new().set_bold();
    let (date, revision) = (report.date.to_string(), report.revision.to_string());
    let facts = [
        ("Tanggal buku", date.as_str()),
        ("Revisi", revision.as_str()),
        ("Nomor proses", &report.run_id.0.to_string()),
        ("Seimbang", if report.balanced { "ya" } else { "tidak" }),
        ("SHA-256 hasil", &report.result_sha256),
    ];
    let mut row = 0;
    for (name, fact) in facts {
        sheet.write_with_format(row, 0, name, &bold)?;
        sheet.write(row, 1, fact)?;
        row += 1;
    }
    row += 1;
    for (column, name) in (0..).zip(["Berkas", "Baris", "Jumlah (rupiah)", "SHA-256"]) {
        sheet.write_with_format(row, column, name, &bold)?;
    }
    for input in &report.inputs {
        row += 1;
        sheet.write(row, 0, &*input.source)?;
        sheet.write(row, 1, Decimal::from(input.rows))?;
        sheet.write(row, 2, number(input.total))?;
        sheet.write(row, 3, &*input.sha256)?;
    }
    row += 2;
    for (column, name) in (0..).zip(["Golongan", "Baris", "Jumlah (rupiah)"]) {
        sheet.write_with_format(row, column, name, &bold)?;
    }
    for (class, count) in &report.counts {
        row += 1;
        sheet.write(row, 0, &**class)?;
        sheet.write(row, 1, Decimal::from(*count))?;
        if let Some(amount) = report.amounts.get(class) {
            sheet.write(row, 2, number(*amount))?;
        }
    }
    sheet.autofit();
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Read};

    use super::*;
    use crate::domain::{BusinessDate, RunId};

    pub(in super::super) fn report() -> Report {
        Report {
            date: "2026-11-24".parse::<chrono::NaiveDate>().unwrap().into(),
            run_id: RunId(uuid::Uuid::nil()),
            revision: 2,
            inputs: vec![],
            counts: [("MATCHED".to_owned(), 3)].into(),
            amounts: [("MATCHED".to_owned(), Rupiah::new(999_999_999_999_999).unwrap())].into(),
            balanced: true,
            result_sha256: "ab".repeat(32),
            cases_opened: 0,
            cases_carried: 0,
            doubts_resolved: 0,
            seconds: 0,
            lines: 3,
        }
    }

    pub(in super::super) fn line(code: &str) -> ResultLine {
        ResultLine {
            class: "MATCHED".to_owned(),
            note: String::new(),
            authority: "BAPENDA".to_owned(),
            reference: uuid::Uuid::nil(),
            due_on: BusinessDate::from("2026-03-10".parse::<chrono::NaiveDate>().unwrap()),
            code: code.to_owned(),
            beneficiary: "35".to_owned(),
            status: "PAID".to_owned(),
            number: Some("0012345678901234".to_owned()),
            document_id: None,
            plate: "L1234AB".to_owned(),
            here_principal: Some(Rupiah::new(216_000).unwrap()),
            here_penalty: None,
            there_principal: None,
            there_penalty: None,
            line_no: Some(7),
            ours: None,
        }
    }

    fn sheet(bytes: &[u8], n: usize) -> Option<String> {
        let mut parts = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        parts.by_name(&format!("xl/worksheets/sheet{n}.xml")).ok()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    #[test]
    fn texts_stay_texts_amounts_numbers_and_a_full_sheet_is_followed_by_another() {
        let mut book = Workbook::with_sheets_of(2, &report(), &SpoolDir::new("")).unwrap();
        for code in ["PKB", "=1+1", "OPSEN_PKB"] {
            book.add(&line(code)).unwrap();
        }
        let mut bytes = Cursor::new(vec![]);
        book.finish(&mut bytes).unwrap();
        let bytes = bytes.into_inner();
        let [summary, first, second] = [1, 2, 3].map(|n| sheet(&bytes, n).unwrap());
        assert!(summary.contains("<v>999999999999999</v>"), "{summary}");
        assert_eq!((first.matches("<row ").count(), second.matches("<row ").count()), (3, 2));
        assert!(first.contains("<v>216000</v>") && !first.contains("<f>"), "{first}");
        assert!(first.contains("<t>=1+1</t>") && first.contains("<t>0012345678901234</t>"), "{first}");
        assert!(sheet(&bytes, 4).is_none());
    }
}
