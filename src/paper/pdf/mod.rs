//! A paper as PDF/A-2a: A5, or a roll of 58 or 80 mm as long as its text. Tagged for screen readers, its face embedded, its
//! language and title set, and nothing in it that the paper does not say: the same paper is the same bytes.
//!
//! The signed payload stands in the QR, which is an image of one pixel a square, and as the file's keyword, from where
//! `receipt verify` takes it without drawing the page.

mod draw;
mod font;
mod layout;

use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::metadata::{DateTime, Metadata};
use krilla::{Document, SerializeSettings};

use chrono::{Datelike, Timelike};

use self::draw::Beside;
use self::font::Faces;
use self::layout::{Layout, Sheet};
use super::{Paper, Part, Width, parts, title};
use crate::domain::{Timestamp, wib};

/// A paper that cannot be drawn: our bug.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The faces in the program cannot be read.
    #[error("no font")]
    Font,
    /// The payload fits into no QR.
    #[error("no QR code")]
    Code,
    /// The file would not be PDF/A.
    #[error("not PDF/A: {0}")]
    Format(String),
}

/// The file.
///
/// # Errors
/// [`PdfError`] when it cannot be drawn or would be no PDF/A-2a.
pub fn print(paper: &Paper, width: Width) -> Result<Vec<u8>, PdfError> {
    let faces = Faces::get().ok_or(PdfError::Font)?;
    let parts = parts(paper);
    let code = layout::code_of(&parts).ok_or(PdfError::Code)?;
    let alt = format!("Kode QR dengan teks bertanda tangan bukti {}", paper.receipt_no);
    let beside = Beside { code: Some((&code, &alt)), across: paper.void_mark() };
    let named = format!("{} {}", title(paper.kind), paper.receipt_no);
    let metadata = metadata(named, paper.issued_at).keywords(vec![paper.payload.clone()]);
    document(metadata, (faces, Sheet::of(width)), &parts, &beside)
}

/// Text and tables on sheets of A4: what an office files.
///
/// # Errors
/// [`PdfError`] when it cannot be drawn or would be no PDF/A-2a.
pub fn sheets(title: String, at: Timestamp, parts: &[Part]) -> Result<Vec<u8>, PdfError> {
    let faces = Faces::get().ok_or(PdfError::Font)?;
    document(metadata(title, at), (faces, Sheet::A4), parts, &Beside { code: None, across: None })
}

fn document(
    metadata: Metadata,
    (faces, sheet): (&Faces, Sheet),
    parts: &[Part],
    beside: &Beside<'_>,
) -> Result<Vec<u8>, PdfError> {
    let (height, pages) = layout::pages(sheet, Layout::of(sheet, faces, parts));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .finish()
        .map_err(|error| PdfError::Format(format!("{error:?}")))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    document.set_metadata(metadata);
    draw::pages(&mut document, faces, beside, (sheet, height), &pages)?;
    document.finish().map_err(|error| PdfError::Format(format!("{error:?}")))
}

fn metadata(title: String, at: Timestamp) -> Metadata {
    let at = at.with_timezone(&wib());
    let byte = |n: u32| u8::try_from(n).unwrap_or_default();
    let issued = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(byte(at.month()))
        .day(byte(at.day()))
        .hour(byte(at.hour()))
        .minute(byte(at.minute()))
        .second(byte(at.second()))
        .utc_offset_hour(7)
        .utc_offset_minute(0);
    Metadata::new()
        .title(title)
        .language("id".to_owned())
        .creator("Samsat OPOP".to_owned())
        .creation_date(issued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::sample::{lunas, titip};
    use crate::paper::{Period, Status};

    const WIDTHS: [Width; 3] = [Width::Mm58, Width::Mm80, Width::A5];

    fn count(bytes: &[u8], text: &str) -> usize {
        bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    }

    #[test]
    fn every_paper_is_pdf_a_tagged_and_the_same_bytes_twice() {
        let cancelled = Paper { status: Status::Revoked, copy_no: 12, ..lunas() };
        for paper in [lunas(), titip(), cancelled] {
            for width in WIDTHS {
                let file = print(&paper, width).unwrap();
                assert!(file.starts_with(b"%PDF-1.7"));
                for sign in ["/StructTreeRoot", "/MarkInfo", "/Lang", "/FontFile2", "/H1", "/Figure", "/TR"] {
                    assert!(count(&file, sign) > 0, "{sign} {width:?}");
                }
                assert!(count(&file, "<pdfaid:part>2<") > 0 && count(&file, "<pdfaid:conformance>A<") > 0);
                assert_eq!(file, print(&paper, width).unwrap(), "the same paper, the same bytes");
                assert!(file.len() < 40_000, "{} bytes {width:?}", file.len());
            }
        }
    }

    #[test]
    fn an_ordinary_paper_is_one_page_and_a_long_one_has_as_many_as_it_needs() {
        let pages = |paper: &Paper, width| count(&print(paper, width).unwrap(), "/Contents ");
        for width in WIDTHS {
            assert_eq!(pages(&lunas(), width), 1, "{width:?}");
        }
        let period = lunas().periods.remove(0);
        let periods: Vec<Period> = (0..12).map(|_| period.clone()).collect();
        let long = Paper { periods, ..lunas() };
        assert_eq!(pages(&long, Width::Mm58), 1, "a roll is as long as its text");
        assert!(pages(&long, Width::A5) > 1);
    }

    #[test]
    fn a_name_in_any_script_is_printed_somehow() {
        let mut paper = lunas();
        paper.taken_by.outlet = "\u{645}\u{639}\u{647}\u{62f} Al-Qur\u{2019}an \u{1f54c}".to_owned();
        print(&paper, Width::A5).unwrap();
    }
}
