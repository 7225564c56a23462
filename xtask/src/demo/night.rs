//! The night: the day is closed at both authorities, their files are matched, everything is verified.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::faults;
use super::tally::Tally;
use crate::stack::Stack;

/// What the night found.
#[derive(Debug)]
pub(crate) struct Night {
    /// Why a file with a trailer that lies was refused, per business date; `None` if it was published.
    pub(crate) refused_files: Vec<Option<String>>,
    /// One published result per business date.
    pub(crate) reconciled: Vec<Value>,
    /// Dates that could not be published, with the reason.
    pub(crate) unpublished: Vec<String>,
    pub(crate) verified: bool,
    /// What `verify` printed, or its complaint.
    pub(crate) verdict: Value,
    pub(crate) complaint: String,
    pub(crate) books: Vec<Book>,
}

/// One authority's book beside ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) authority: &'static str,
    /// Booked there and not reversed.
    pub(crate) paid_there: usize,
    /// Confirmed here.
    pub(crate) confirmed_here: usize,
    /// Booked there, and here waiting for two people.
    pub(crate) held_here: usize,
    /// Booked there and unknown or refused here.
    pub(crate) unknown_here: Vec<String>,
    /// Confirmed here and not booked there.
    pub(crate) missing_there: Vec<String>,
    /// Plates booked there more than once.
    pub(crate) twice_there: Vec<String>,
}

impl Book {
    /// Whether each payment stands in both, once.
    pub(crate) fn agrees(&self) -> bool {
        self.unknown_here.is_empty() && self.missing_there.is_empty() && self.twice_there.is_empty()
    }
}

impl Night {
    /// Whether nothing was lost, paid twice or left unproven.
    pub(crate) fn is_good(&self) -> bool {
        let published = !self.reconciled.is_empty() && self.unpublished.is_empty();
        let balanced = self.reconciled.iter().all(|result| result["balanced"] == true);
        let refused = self.refused_files.iter().all(Option::is_some);
        self.verified && refused && published && balanced && self.books.iter().all(Book::agrees)
    }
}

/// Closes, reconciles, verifies, compares.
///
/// # Errors
/// When the mock or a command cannot be reached; what they refuse is part of the result.
pub(crate) async fn run(stack: &Stack, mock_url: &str, tally: &Tally) -> Result<Night> {
    let book = faults::book(mock_url).await?;
    let dates = dates(&book);
    let (mut refused_files, mut reconciled, mut unpublished) = (Vec::new(), Vec::new(), Vec::new());
    for date in &dates {
        let reconcile = ["reconcile", "--date", date, "--json"];
        faults::play(mock_url, &faults::broken_file()).await?;
        faults::close_day(mock_url, date).await?;
        let broken = stack.gateway_command(&reconcile).await?;
        refused_files.push((!broken.success).then(|| last_line(&broken.complained)));
        faults::play(mock_url, &faults::night()).await?;
        let finished = stack.gateway_command(&reconcile).await?;
        if finished.success {
            reconciled.push(serde_json::from_str(&finished.printed).context("reconcile printed no JSON")?);
        } else {
            unpublished.push(format!("{date}: {}", last_line(&finished.complained)));
        }
    }
    let verify = stack.gateway_command(&["verify", "--json"]).await?;
    Ok(Night {
        refused_files,
        reconciled,
        unpublished,
        verified: verify.success,
        verdict: serde_json::from_str(&verify.printed).unwrap_or(Value::Null),
        complaint: last_line(&[verify.printed, verify.complained].concat()),
        books: vec![
            compare("BAPENDA", &book, tally, &tally.ntpds),
            compare("JASA_RAHARJA", &book, tally, &tally.certificates),
        ],
    })
}

/// Every accounting day on which an authority booked.
fn dates(book: &Value) -> BTreeSet<String> {
    let hosts = book.as_object().into_iter().flat_map(|hosts| hosts.values());
    let rows = hosts.filter_map(Value::as_object).flat_map(|rows| rows.values());
    rows.filter_map(|row| row["business_date"].as_str().map(str::to_owned)).collect()
}

fn compare(authority: &'static str, book: &Value, tally: &Tally, numbers: &BTreeSet<String>) -> Book {
    let member = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let mut plates = BTreeSet::new();
    let mut there = BTreeSet::new();
    let (mut paid_there, mut held_here) = (0, 0);
    let (mut unknown_here, mut twice_there) = (Vec::new(), Vec::new());
    for row in book[authority].as_object().into_iter().flat_map(|rows| rows.values()) {
        if row["status"] != "PAID" {
            continue;
        }
        let (plate, number) = (member(row, "plate"), member(row, "number"));
        paid_there += 1;
        if !numbers.contains(&number) {
            if tally.held_plates.contains(&plate) {
                held_here += 1;
            } else {
                unknown_here.push(plate.clone());
            }
        }
        if !plates.insert(plate.clone()) {
            twice_there.push(plate);
        }
        there.insert(number);
    }
    let missing_there = numbers.difference(&there).cloned().collect();
    Book {
        authority,
        paid_there,
        confirmed_here: numbers.len(),
        held_here,
        unknown_here,
        missing_there,
        twice_there,
    }
}

fn last_line(text: &str) -> String {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(plate: &str, number: &str, status: &str) -> Value {
        json!({"plate": plate, "number": number, "status": status, "business_date": "2026-11-24", "amount": 1, "id": "1"})
    }

    #[test]
    fn a_booking_that_we_do_not_know_is_named() {
        let book = json!({"BAPENDA": {"r1": row("L1A", "N1", "PAID"), "r2": row("L2A", "N2", "PAID"), "r3": row("L3A", "N3", "REVERSED")}});
        let tally = Tally::default();
        let compared = compare("BAPENDA", &book, &tally, &BTreeSet::from(["N1".to_owned()]));
        assert_eq!(compared.paid_there, 2);
        assert_eq!(compared.unknown_here, ["L2A"]);
        assert!(!compared.agrees());
    }

    #[test]
    fn a_number_that_the_authority_does_not_know_is_named() {
        let compared = compare(
            "BAPENDA",
            &json!({"BAPENDA": {}}),
            &Tally::default(),
            &BTreeSet::from(["N1".to_owned()]),
        );
        assert_eq!(compared.missing_there, ["N1"]);
        assert!(!compared.agrees());
    }

    #[test]
    fn a_plate_booked_twice_is_named_and_a_held_one_is_not_lost() {
        let book = json!({"BAPENDA": {"r1": row("L1A", "N1", "PAID"), "r2": row("L1A", "N2", "PAID"), "r3": row("L3A", "N3", "PAID")}});
        let tally = Tally { held_plates: BTreeSet::from(["L3A".to_owned()]), ..Tally::default() };
        let compared = compare("BAPENDA", &book, &tally, &BTreeSet::from(["N1".to_owned(), "N2".to_owned()]));
        assert_eq!((compared.held_here, compared.unknown_here.len()), (1, 0));
        assert_eq!(compared.twice_there, ["L1A"]);
    }

    #[test]
    fn every_day_with_a_booking_is_closed_once() {
        let book = json!({"BAPENDA": {"r1": row("L1A", "N1", "PAID")}, "JASA_RAHARJA": {"r2": row("L1A", "C1", "PAID")}});
        assert_eq!(dates(&book), BTreeSet::from(["2026-11-24".to_owned()]));
    }
}
