//! No row of the fault matrix and no rule of a payment's life is without its named test.

use std::path::Path;

/// Rows that concern the gateway itself; the others need several servers, a bank or a printer.
fn rows() -> impl Iterator<Item = u32> {
    (1..=39).chain([45, 49]).chain(52..=59)
}

/// Rules that rows of the matrix show by themselves.
const SHOWN_BY_ROWS: [(u32, &str); 3] = [(5, "fault_36_"), (10, "fault_49_"), (11, "fault_13_")];

/// Names of all tests in a folder, and whether one is switched off.
fn names_of_tests(folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            names_of_tests(&entry, names);
            continue;
        }
        let text = std::fs::read_to_string(&entry).unwrap();
        let off = ["#[ign", "ore"].concat();
        // The test of the shape itself names what it forbids.
        assert!(
            entry.ends_with("tidy.rs") || !text.contains(&off),
            "{} has a test that does not run",
            entry.display()
        );
        for (before, rest) in
            text.match_indices("async fn ").map(|(at, word)| (&text[..at], &text[at + word.len()..]))
        {
            let is_test = before.trim_end().ends_with("#[tokio::test]");
            let name = rest.split('(').next().unwrap_or_default();
            if is_test {
                names.push(name.to_owned());
            }
        }
    }
}

#[test]
fn every_row_and_every_rule_has_a_test_whose_name_is_a_sentence() {
    let mut names = vec![];
    names_of_tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut names);
    let missing = |prefix: &String| {
        !names.iter().any(|name| name.starts_with(prefix.as_str()) && name.split('_').count() > 6)
    };
    let rows = rows().map(|row| format!("fault_{row:02}_"));
    let rules = (1..=15).map(|rule| {
        let by_row = SHOWN_BY_ROWS.iter().find(|(shown, _)| *shown == rule);
        by_row.map_or_else(|| format!("rule_{rule:02}_"), |(_, row)| (*row).to_owned())
    });
    let without: Vec<String> = rows.chain(rules).filter(missing).collect();
    assert!(without.is_empty(), "no test is named {without:?}");
}
