//! A run as minutes (*berita acara*): what was compared, how it came out, and every line that did not match, for the file.

use super::Line;
use crate::domain::{Plate, Rupiah, Timestamp};
use crate::paper::Part;
use crate::paper::pdf::{self, PdfError};
use crate::reconciliation::class::Class;
use crate::reconciliation::report::{Input, Report};

/// Lines that did not match that are listed one by one; who needs more takes the workbook.
pub const LISTED_MAX: usize = 500;

/// The minutes as PDF/A; `breaks` are the lines that did not match, at most [`LISTED_MAX`] of them.
///
/// # Errors
/// [`PdfError`] when they cannot be drawn.
pub fn minutes(report: &Report, breaks: &[Line], at: Timestamp) -> Result<Vec<u8>, PdfError> {
    let name = format!("Rekonsiliasi {}", report.date.long());
    pdf::sheets(name.clone(), at, &parts(name, report, breaks))
}

fn parts(name: String, report: &Report, breaks: &[Line]) -> Vec<Part> {
    let balanced = if report.balanced { "ya" } else { "tidak" };
    let mut all = vec![
        Part::Name(name),
        Part::Pair("Tanggal buku", report.date.long()),
        Part::Pair("Revisi", report.revision.to_string()),
        Part::Pair("Nomor proses", report.run_id.0.to_string()),
        Part::Pair("Kedua sisi seimbang", balanced.to_owned()),
        Part::Pair("Kasus dibuka", report.cases_opened.to_string()),
        Part::Pair("Kasus terdahulu", report.cases_carried.to_string()),
        Part::Pair("Keraguan selesai", report.doubts_resolved.to_string()),
        Part::Heading("Berkas yang dibandingkan".to_owned()),
    ];
    all.extend(report.inputs.iter().flat_map(input));
    all.push(Part::Heading("Hasil menurut golongan".to_owned()));
    all.extend(report.counts.iter().map(|(class, count)| class_row(report, class, *count)));
    all.push(Part::Heading("Sidik hasil".to_owned()));
    all.push(Part::Text(format!("SHA-256 {}", report.result_sha256)));
    all.push(Part::Text(
        "Hasil ini dapat dihitung ulang oleh siapa pun dari kedua berkas dan buku gateway.".to_owned(),
    ));
    all.push(Part::Rule);
    all.push(Part::Heading("Baris yang tidak cocok".to_owned()));
    if breaks.is_empty() {
        all.push(Part::Text("Tidak ada.".to_owned()));
    }
    all.extend(breaks.iter().flat_map(broken));
    let listed = breaks.len() as u64;
    let matched = report.counts.get(Class::Matched.as_str()).copied().unwrap_or_default();
    let unlisted = report.lines.saturating_sub(matched).saturating_sub(listed);
    if unlisted > 0 {
        all.push(Part::Text(format!("Dan {unlisted} baris lagi, yang ada di buku kerja (XLSX).")));
    }
    all
}

fn input(input: &Input) -> [Part; 2] {
    [
        Part::Row {
            name: format!("{}: {} baris", authority(&input.source), input.rows),
            receiver: String::new(),
            principal: input.total.to_string(),
            penalty: String::new(),
        },
        Part::Text(format!("SHA-256 {}", input.sha256)),
    ]
}

fn class_row(report: &Report, class: &str, count: u64) -> Part {
    let word = Class::named(class).map_or("", Class::word);
    Part::Row {
        name: format!("{class} ({word}): {count} baris"),
        receiver: String::new(),
        principal: report.amounts.get(class).copied().unwrap_or_default().to_string(),
        penalty: String::new(),
    }
}

fn broken(line: &Line) -> [Part; 2] {
    let row = &line.line;
    let plate = Plate::parse(&row.plate).map_or_else(|_| row.plate.clone(), |plate| plate.to_string());
    let (there, here) =
        (sum(row.there_principal, row.there_penalty), sum(row.here_principal, row.here_penalty));
    let whose = authority(&row.authority);
    [
        Part::Row {
            name: format!("{}: {plate}, {} {}, {whose}", row.class, row.code, row.due_on),
            receiver: String::new(),
            principal: row.amount().unwrap_or_default().to_string(),
            penalty: String::new(),
        },
        Part::Text(format!(
            "di berkas {there}, di sini {here}; nomor {}; rujukan {}{}",
            row.number.as_deref().unwrap_or("-"),
            row.reference,
            row.line_no.map(|n| format!("; baris {n}")).unwrap_or_default(),
        )),
    ]
}

fn authority(name: &str) -> &str {
    match name {
        "BAPENDA" => "Bapenda",
        "JASA_RAHARJA" => "Jasa Raharja",
        other => other,
    }
}

fn sum(principal: Option<Rupiah>, penalty: Option<Rupiah>) -> String {
    let both = principal.map(|principal| principal.plus(penalty.unwrap_or_default()));
    both.and_then(Result::ok).map_or_else(|| "tidak ada".to_owned(), |sum| sum.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::workbook::tests::{line, report};
    use super::*;

    fn missing() -> Line {
        let mut row = line("PKB");
        "MISSING_UPSTREAM".clone_into(&mut row.class);
        Line { ordinal: 1, payment_id: None, line: row }
    }

    fn all_text(parts: &[Part]) -> String {
        format!("{parts:?}")
    }

    #[test]
    fn every_break_is_listed_and_what_is_not_listed_is_said() {
        let run = Report { lines: 10, ..report() };
        let text = all_text(&parts("Rekonsiliasi".to_owned(), &run, &[missing(), missing()]));
        assert_eq!(text.matches("MISSING_UPSTREAM: L 1234 AB, PKB 2026-03-10, Bapenda").count(), 2, "{text}");
        assert!(text.contains("di berkas tidak ada, di sini Rp216.000; nomor 0012345678901234"), "{text}");
        assert!(text.contains("MATCHED (cocok): 3 baris") && text.contains(&run.result_sha256), "{text}");
        // Ten lines, three of them matched, two listed.
        assert!(text.contains("Dan 5 baris lagi"), "{text}");
        let none = all_text(&parts("Rekonsiliasi".to_owned(), &report(), &[]));
        assert!(none.contains("Tidak ada.") && !none.contains("baris lagi"), "{none}");
    }

    #[test]
    fn minutes_of_many_breaks_are_pdf_a_on_as_many_sheets_as_they_need() {
        let breaks = vec![missing(); LISTED_MAX];
        let file = minutes(&report(), &breaks, Timestamp::default()).unwrap();
        let count = |text: &str| file.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
        assert!(file.starts_with(b"%PDF-1.7") && count("<pdfaid:conformance>A<") == 1 && count("/H1") > 0);
        assert!((20..60).contains(&count("/Contents ")), "{} sheets", count("/Contents "));
    }
}
