//! What can be wrong with a settlement file: rows that do not agree with the book, or bytes that are no file.
//!
//! The same plant in the same day's file always does the same; a changed file still has a true trailer.

use crate::dice::{Dice, index};
use crate::fault::Planted;
use crate::sheet::Row;

/// One fault of a settlement file, named as the protocol names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFault {
    MissingRow,
    ExtraRow,
    AmountOff,
    BeneficiarySwapped,
    DuplicateRow,
    PlateChanged,
    BadTrailer,
    BadChain,
    Truncated,
    Late,
    CorrectedRevision,
}

impl FileFault {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "missing_row" => Self::MissingRow,
            "extra_row" => Self::ExtraRow,
            "amount_off" => Self::AmountOff,
            "beneficiary_swapped" => Self::BeneficiarySwapped,
            "duplicate_row" => Self::DuplicateRow,
            "plate_changed_after_payment" => Self::PlateChanged,
            "bad_trailer" => Self::BadTrailer,
            "bad_chain" => Self::BadChain,
            "truncated_file" => Self::Truncated,
            "late_file" => Self::Late,
            "corrected_revision" => Self::CorrectedRevision,
            _ => return None,
        })
    }

    /// A plausible file with rows that the book does not bear out.
    pub(crate) fn changes_rows(self) -> bool {
        match self {
            Self::MissingRow
            | Self::ExtraRow
            | Self::AmountOff
            | Self::BeneficiarySwapped
            | Self::DuplicateRow
            | Self::PlateChanged => true,
            Self::BadTrailer | Self::BadChain | Self::Truncated | Self::Late | Self::CorrectedRevision => {
                false
            }
        }
    }
}

/// Plants the row faults, one after the other, each in a row of its own as long as there are enough.
pub(crate) fn change_rows(rows: &mut Vec<Row>, planted: &[Planted]) {
    let mut touched: Vec<String> = Vec::new();
    for plant in planted {
        let Some(place) = choose(rows, plant, &touched) else { continue };
        let Some(row) = rows.get(place).cloned() else { continue };
        touched.push(row.reference.clone());
        match plant.fault {
            FileFault::MissingRow => {
                rows.remove(place);
            }
            FileFault::ExtraRow => rows.push(invented(&row, plant.dice)),
            FileFault::AmountOff => {
                if let Some(row) = rows.get_mut(place) {
                    row.principal += if row.status == "PAID" { 1_000 } else { -1_000 };
                }
            }
            FileFault::BeneficiarySwapped => {
                if let Some(row) = rows.get_mut(place) {
                    row.beneficiary = another_beneficiary(&row.beneficiary);
                }
            }
            FileFault::DuplicateRow => rows.insert(place + 1, row),
            FileFault::PlateChanged => {
                let changed = another_plate(&row.plate);
                for other in rows.iter_mut().filter(|other| other.reference == row.reference) {
                    other.plate.clone_from(&changed);
                }
            }
            FileFault::BadTrailer
            | FileFault::BadChain
            | FileFault::Truncated
            | FileFault::Late
            | FileFault::CorrectedRevision => {}
        }
    }
}

/// Breaks the file's form: a trailer that lies, a chain that leads nowhere, an end cut off.
pub(crate) fn break_file(bytes: Vec<u8>, planted: &[Planted]) -> Vec<u8> {
    let mut bytes = bytes;
    for plant in planted {
        match plant.fault {
            FileFault::BadTrailer => bytes = replace_field(&bytes, "T", 5, |total| format!("{total}1")),
            FileFault::BadChain => {
                let wrong = format!("{:064x}", plant.dice.roll("chain"));
                bytes = replace_field(&bytes, "H", 7, |_| wrong);
            }
            FileFault::Truncated => bytes.truncate(bytes.len() * 3 / 5),
            FileFault::MissingRow
            | FileFault::ExtraRow
            | FileFault::AmountOff
            | FileFault::BeneficiarySwapped
            | FileFault::DuplicateRow
            | FileFault::PlateChanged
            | FileFault::Late
            | FileFault::CorrectedRevision => {}
        }
    }
    bytes
}

/// A row of a payment that no other plant has touched, fit for the fault; any row if there is none.
fn choose(rows: &[Row], plant: &Planted, touched: &[String]) -> Option<usize> {
    if !plant.fault.changes_rows() {
        return None;
    }
    let fit = |row: &Row| match plant.fault {
        FileFault::BeneficiarySwapped => row.beneficiary != "35" && row.principal != 0,
        _ => row.principal != 0,
    };
    let fresh = |row: &Row| row.status == "PAID" && !touched.contains(&row.reference);
    let places = |wanted: &dyn Fn(&Row) -> bool| -> Vec<usize> {
        rows.iter().enumerate().filter(|(_, row)| wanted(row)).map(|(place, _)| place).collect()
    };
    let mut candidates = places(&|row| fit(row) && fresh(row));
    if candidates.is_empty() {
        candidates = places(&fresh);
    }
    if candidates.is_empty() {
        candidates = places(&|_| true);
    }
    plant.dice.pick("row", &candidates).copied()
}

/// A booking that never was: another reference, number, bill and plate, the amounts of a real one.
fn invented(like: &Row, dice: Dice) -> Row {
    let part = |question: &str| dice.roll(question);
    let reference = format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        part("a") & 0xffff_ffff,
        part("b") & 0xffff,
        part("c") & 0xfff,
        part("d") & 0xfff,
        part("e") & 0xffff_ffff_ffff
    );
    Row {
        reference,
        number: format!("{:016X}", part("number")),
        bill_id: format!("{:016}", part("bill") % 10_000_000_000_000_000),
        plate: another_plate(&like.plate),
        ..like.clone()
    }
}

/// Another kabupaten or kota for one of them; the province for anyone else.
fn another_beneficiary(beneficiary: &str) -> String {
    match beneficiary {
        "3578" => "3573".to_owned(),
        "JASA_RAHARJA" | "RKUN" => "35".to_owned(),
        _ => "3578".to_owned(),
    }
}

/// The same plate with its number one higher.
fn another_plate(plate: &str) -> String {
    let code: String = plate.chars().take_while(char::is_ascii_uppercase).collect();
    let rest: Vec<char> = plate.chars().skip(code.len()).collect();
    let digits: String = rest.iter().take_while(|sign| sign.is_ascii_digit()).collect();
    let letters: String = rest.iter().skip(digits.len()).collect();
    let number = digits.parse::<u64>().unwrap_or(0) % 9999 + 1;
    format!("{code}{number}{letters}")
}

/// Rewrites one field of the first line of that record type; the fields before it carry no quotes.
fn replace_field(bytes: &[u8], kind: &str, place: u64, to: impl FnOnce(&str) -> String) -> Vec<u8> {
    let whole = String::from_utf8_lossy(bytes);
    let mut lines: Vec<String> = whole.split_inclusive('\n').map(str::to_owned).collect();
    let start = format!("{kind},");
    if let Some(line) = lines.iter_mut().find(|line| line.starts_with(&start)) {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if let Some(field) = fields.get_mut(index(place)) {
            *field = to(field);
        }
        *line = fields.join(",");
    }
    lines.concat().into_bytes()
}
