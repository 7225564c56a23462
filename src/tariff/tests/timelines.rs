//! A timeline answers for every day with one row, or is refused.

use serde::Deserialize;

use crate::domain::BusinessDate;
use crate::tariff::RuleError;
use crate::tariff::table::{Dates, RuleValue, Table};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenths {
    bp: i64,
}

impl RuleValue for Tenths {
    fn refuse_absurd(&self) -> Result<(), String> {
        if self.bp < 0 { Err("bp is negative".to_owned()) } else { Ok(()) }
    }
}

fn table(rows: &[(&str, &str, i64)]) -> Result<Table<Tenths>, RuleError> {
    let row = |(from, to, bp): &(&str, &str, i64)| {
        let end = if to.is_empty() { String::new() } else { format!("valid_to = \"{to}\"") };
        let value = format!("value = {{ bp = {bp} }}\nsource = \"a law\"\nconfidence = \"high\"");
        format!("[[row]]\nvalid_from = \"{from}\"\n{end}\n{value}\n")
    };
    let text = format!("keyed_by = \"due_on\"\n{}", rows.iter().map(row).collect::<Vec<_>>().concat());
    Table::parse("planted.toml", &text)
}

fn bp_on(table: &Table<Tenths>, day: &str) -> Option<i64> {
    let day = BusinessDate::parse(day).unwrap();
    table.in_force(Dates { due_on: day, paid_on: day }).ok().map(|row| row.value.bp)
}

#[test]
fn a_row_holds_from_its_first_day_to_the_day_before_its_end() {
    let table = table(&[("2000-01-01", "2025-01-05", 1), ("2025-01-05", "", 2)]).unwrap();
    for (day, bp) in [
        ("1999-12-31", None),
        ("2000-01-01", Some(1)),
        ("2025-01-04", Some(1)),
        ("2025-01-05", Some(2)),
        ("2199-12-31", Some(2)),
    ] {
        assert_eq!(bp_on(&table, day), bp, "{day}");
    }
}

#[test]
fn a_gap_between_two_rows_is_refused_and_named() {
    let refused = table(&[("2000-01-01", "2025-01-04", 1), ("2025-01-05", "", 2)]).unwrap_err();
    let (file, from, to) = ("planted.toml".to_owned(), "2025-01-04".to_owned(), "2025-01-05".to_owned());
    assert_eq!(refused, RuleError::Gap { file, from, to });
}

#[test]
fn a_gap_before_the_first_row_is_refused() {
    assert!(matches!(table(&[("2017-06-01", "", 1)]), Err(RuleError::Gap { .. })));
}

#[test]
fn an_overlap_of_one_day_is_refused_and_named() {
    let refused = table(&[("2000-01-01", "2025-01-06", 1), ("2025-01-05", "", 2)]).unwrap_err();
    let (file, row) = ("planted.toml".to_owned(), "2025-01-05".to_owned());
    assert_eq!(refused, RuleError::Overlap { file, row });
}

#[test]
fn an_open_row_before_another_is_an_overlap() {
    let refused = table(&[("2000-01-01", "", 1), ("2025-01-05", "", 2)]);
    assert!(matches!(refused, Err(RuleError::Overlap { .. })), "{refused:?}");
}

#[test]
fn rows_out_of_order_and_tables_that_end_are_refused() {
    let swapped = table(&[("2025-01-05", "", 2), ("2000-01-01", "2025-01-05", 1)]);
    assert!(matches!(swapped, Err(RuleError::Gap { .. })), "{swapped:?}");
    assert!(matches!(table(&[("2000-01-01", "2025-01-05", 1)]), Err(RuleError::Ends { .. })));
    assert!(matches!(table(&[("2000-01-01", "2000-01-01", 1)]), Err(RuleError::Row { .. })));
    assert!(matches!(
        Table::<Tenths>::parse("planted.toml", "keyed_by = \"due_on\"\nrow = []"),
        Err(RuleError::Ends { .. })
    ));
}

#[test]
fn a_row_without_source_or_with_a_key_that_nobody_reads_is_refused() {
    let good = "keyed_by = \"due_on\"\n[[row]]\nvalid_from = \"2000-01-01\"\nvalue = { bp = 1 }\nsource = \"a law\"\nconfidence = \"high\"\n";
    assert!(Table::<Tenths>::parse("planted.toml", good).is_ok());
    for (from, to) in [
        ("source = \"a law\"\n", ""),
        ("a law", "  "),
        ("a law", "assumption: ours"),
        ("\"high\"", "\"assumption\""),
        ("bp = 1", "bp = -1"),
        ("bp = 1", "bp = 1.5"),
        ("bp = 1", "bp = 1, per_mille = 2"),
        ("confidence", "valid_until = \"2030-01-01\"\nconfidence"),
        ("keyed_by", "jurisdiction = \"35\"\nkeyed_by"),
        ("2000-01-01", "2000-02-30"),
    ] {
        assert!(good.contains(from));
        let refused = Table::<Tenths>::parse("planted.toml", &good.replace(from, to));
        assert!(
            matches!(refused, Err(RuleError::Unreadable { .. } | RuleError::Row { .. })),
            "{from} → {to}: {refused:?}"
        );
    }
}
