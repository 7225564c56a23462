//! What the day and the night were, on one screen.

use std::collections::BTreeMap;

use serde_json::Value;

use super::night::{Book, Night};
use super::tally::Tally;
use crate::out::{line, rupiah};

/// How many offenders are named.
const SHOWN: usize = 5;
/// A list is folded so that the table fits a wide terminal.
const LIST_WIDTH: usize = 66;

/// Prints the table.
pub(crate) fn print(tally: &Tally, night: &Night) {
    line("");
    section("The day");
    row("looked up", tally.looked_up, &codes(&tally.verdicts));
    row("  asked again", sum(&tally.lookups_again), &codes(&tally.lookups_again));
    row("  turned away", sum(&tally.turned_away), &codes(&tally.turned_away));
    row("payments", tally.payments, "");
    row("  confirmed at once", tally.confirmed_at_once, "");
    row("  refused", sum(&tally.refused), &codes(&tally.refused));
    row("  doubtful", tally.doubtful, "cash taken, answer lost or unusable: Bukti Titip");
    row("    confirmed by asking the authority", tally.doubts_confirmed, "");
    row("    refused in the end, cash returned", sum(&tally.doubts_refused), &codes(&tally.doubts_refused));
    row("    contradicting its bill, held", sum(&tally.held_for_people), &codes(&tally.held_for_people));
    row("      confirmed by two people", tally.decided_by_people, "");
    row("    still open", tally.unsettled, "");
    row("answers lost by the cashiers' side", tally.lost_answers, "asked again under the same key");
    row("told to ask again with the same key", sum(&tally.same_key_again), &codes(&tally.same_key_again));
    row("paid twice", tally.paid_twice, "");
    row("confirmed", tally.confirmed_all(), &rupiah(tally.amount));
    section("The night");
    for refusal in &night.refused_files {
        match refusal {
            Some(reason) => line(&format!("  ✓ a broken file changes nothing: {reason}")),
            None => line("  ✗ A BROKEN FILE WAS PUBLISHED"),
        }
    }
    for result in &night.reconciled {
        print_result(result);
    }
    for reason in &night.unpublished {
        line(&format!("  NOT PUBLISHED {reason}"));
    }
    section("Invariants");
    print_verdict(night);
    section("Both books");
    night.books.iter().for_each(print_book);
    line("");
}

fn print_result(result: &Value) {
    let text = |member: &str| result[member].as_str().unwrap_or_default();
    let balanced = if result["balanced"] == true { "balanced" } else { "NOT BALANCED" };
    line(&format!("  {} {balanced}, result {}", text("date"), text("result_sha256")));
    let mut none = Vec::new();
    for (class, count) in result["counts"].as_object().into_iter().flatten() {
        if count == 0 {
            none.push(class.as_str());
            continue;
        }
        let amount = result["amounts"][class].as_i64();
        row(&format!("  {class}"), count, &amount.map(rupiah).unwrap_or_default());
    }
    row("  none of", "", &none.join(", "));
    row("  doubts resolved", &result["doubts_resolved"], "");
    row("  cases opened", &result["cases_opened"], "each with owner and age");
}

fn print_verdict(night: &Night) {
    let checks = night.verdict["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (invariant, of_it) in by_invariant(checks) {
        let holds = of_it.iter().all(|check| check["holds"] == true);
        let rows: i64 = of_it.iter().filter_map(|check| check["checked"].as_i64()).sum();
        let name = of_it.first().and_then(|check| check["name"].as_str()).unwrap_or_default();
        let more = if of_it.len() > 1 { format!(" (+{} checks)", of_it.len() - 1) } else { String::new() };
        line(&format!("  {} {invariant:>2} {name}{more}: {rows} rows", if holds { "✓" } else { "✗" }));
    }
    if night.verified {
        line("  ✓ verify: every invariant holds");
    } else {
        line(&format!("  ✗ verify FAILED: {}", night.complaint));
    }
}

/// The checks of each invariant, in the order of their numbers.
fn by_invariant(checks: &[Value]) -> BTreeMap<i64, Vec<&Value>> {
    let mut grouped: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for check in checks {
        grouped.entry(check["invariant"].as_i64().unwrap_or_default()).or_default().push(check);
    }
    grouped
}

fn print_book(book: &Book) {
    let mark = if book.agrees() { "✓" } else { "✗" };
    line(&format!(
        "  {mark} {:<13} {} booked there = {} confirmed here + {} held for two people",
        book.authority, book.paid_there, book.confirmed_here, book.held_here
    ));
    for (what, which) in [
        ("booked there, unknown or refused here", &book.unknown_here),
        ("confirmed here, not booked there", &book.missing_there),
        ("booked there twice", &book.twice_there),
    ] {
        if !which.is_empty() {
            line(&format!("      {what}: {}", first_few(which)));
        }
    }
}

/// Enough to look for, however many there are.
fn first_few(names: &[String]) -> String {
    let shown = names.get(..SHOWN.min(names.len())).unwrap_or_default().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

fn section(title: &str) {
    line(&format!("── {title} {}", "─".repeat(70usize.saturating_sub(title.chars().count()))));
}

fn row(what: &str, number: impl std::fmt::Display, more: &str) {
    let mut start = format!("  {what:<38} {number:>7}  ");
    for part in folded(more) {
        line(format!("{start}{part}").trim_end());
        start = " ".repeat(start.chars().count());
    }
}

/// Breaks a list at its commas; nothing is one empty line.
fn folded(list: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for item in list.split_inclusive(", ") {
        let full = lines.last().is_some_and(|last| !last.is_empty() && last.len() + item.len() > LIST_WIDTH);
        if full {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(item);
        }
    }
    lines
}

fn sum(codes: &BTreeMap<String, u32>) -> u32 {
    codes.values().sum()
}

fn codes(codes: &BTreeMap<String, u32>) -> String {
    let mut sorted: Vec<_> = codes.iter().collect();
    sorted.sort_by_key(|(code, number)| (std::cmp::Reverse(**number), code.as_str()));
    sorted.into_iter().map(|(code, number)| format!("{code} {number}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_offenders_are_counted_and_few_are_named() {
        let names: Vec<String> = (1..=7).map(|number| format!("L{number}A")).collect();
        assert_eq!(first_few(&names), "L1A, L2A, L3A, L4A, L5A and 2 more");
        assert_eq!(first_few(&names[..2]), "L1A, L2A");
    }

    #[test]
    fn a_long_list_is_folded_at_its_commas() {
        let list = ["A".repeat(40), "B".repeat(40), "C".repeat(10)].join(", ");
        assert_eq!(
            folded(&list),
            [format!("{}, ", "A".repeat(40)), format!("{}, {}", "B".repeat(40), "C".repeat(10))]
        );
        assert_eq!(folded(""), [""]);
    }

    #[test]
    fn checks_are_grouped_by_their_invariant() {
        let checks = serde_json::json!([{"invariant": 3, "name": "b"}, {"invariant": 1, "name": "a"}, {"invariant": 3, "name": "c"}]);
        let grouped = by_invariant(checks.as_array().unwrap());
        assert_eq!(grouped.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(grouped[&3].len(), 2);
    }

    #[test]
    fn codes_are_shown_by_number() {
        let counts = BTreeMap::from([("A".to_owned(), 1), ("B".to_owned(), 3), ("C".to_owned(), 1)]);
        assert_eq!(codes(&counts), "B 3, A 1, C 1");
        assert_eq!(sum(&counts), 5);
    }
}
