//! The settlement file as text: header, one row per line of a booking or reversal, trailer.
//!
//! RFC 4180, UTF-8 without BOM, LF. Whatever rows it is given, the trailer agrees with them.

use std::collections::HashSet;

use chrono::NaiveDate;

use crate::book::{Book, Event};
use crate::host::Host;

/// The header's moving parts.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) host: Host,
    pub(crate) business_date: NaiveDate,
    pub(crate) sequence: u64,
    pub(crate) revision: u64,
    /// SHA-256 of the previous business date's file, in hex.
    pub(crate) previous: String,
    pub(crate) created_at: String,
}

/// One `D` row without its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) reference: String,
    pub(crate) number: String,
    pub(crate) bill_id: String,
    pub(crate) plate: String,
    pub(crate) due_on: NaiveDate,
    pub(crate) code: String,
    pub(crate) beneficiary: String,
    pub(crate) principal: i64,
    pub(crate) penalty: i64,
    pub(crate) booked_at: String,
    pub(crate) agent_code: String,
    pub(crate) status: &'static str,
}

/// The rows of a day: taxes and contributions first, local lines at the end, so that a payment's rows need not stand
/// together.
pub(crate) fn rows(book: &Book, date: NaiveDate) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut local = Vec::new();
    for event in book.events(date) {
        let (reference, status) = match event {
            Event::Paid(reference) => (reference, "PAID"),
            Event::Reversed(reference) => (reference, "REVERSED"),
        };
        let Some(entry) = book.entry(reference) else { continue };
        let booking = &entry.booking;
        let (sign, at) = match (&entry.reversal, status) {
            (Some(reversal), "REVERSED") => (-1, reversal.reversed_at),
            _ => (1, booking.booked_at),
        };
        for line in &booking.lines {
            let row = Row {
                reference: booking.reference.clone(),
                number: booking.number.clone(),
                bill_id: booking.content.bill_id.clone(),
                plate: booking.plate.clone(),
                due_on: line.due_on,
                code: line.code.clone(),
                beneficiary: line.beneficiary.clone(),
                principal: sign * line.principal,
                penalty: sign * line.penalty,
                booked_at: at.to_second(),
                agent_code: booking.content.agent_code.clone(),
                status,
            };
            if matches!(row.code.as_str(), "PKB" | "OPSEN_PKB" | "SWDKLLJ") {
                rows.push(row);
            } else {
                local.push(row);
            }
        }
    }
    rows.append(&mut local);
    rows
}

/// The whole file.
pub(crate) fn text(head: &Head, rows: &[Row]) -> String {
    let mut out = format!(
        "H,1,{},OPOP-GATEWAY,{},{},{},{},{},IDR\n",
        head.host.name(),
        head.business_date,
        head.sequence,
        head.revision,
        head.previous,
        head.created_at
    );
    for (number, row) in (1_u64..).zip(rows) {
        out.push_str(&detail(number, row));
    }
    out.push_str(&trailer(rows));
    out
}

fn detail(number: u64, row: &Row) -> String {
    let fields = [
        "D".to_owned(),
        number.to_string(),
        quoted(&row.reference),
        quoted(&row.number),
        quoted(&row.bill_id),
        quoted(&row.plate),
        row.due_on.to_string(),
        quoted(&row.code),
        quoted(&row.beneficiary),
        row.principal.to_string(),
        row.penalty.to_string(),
        row.booked_at.clone(),
        quoted(&row.agent_code),
        row.status.to_owned(),
    ];
    fields.join(",") + "\n"
}

fn trailer(rows: &[Row]) -> String {
    let references: HashSet<&str> = rows.iter().map(|row| row.reference.as_str()).collect();
    let principal: i64 = rows.iter().map(|row| row.principal).sum();
    let penalty: i64 = rows.iter().map(|row| row.penalty).sum();
    let mut per_code: Vec<(&str, i64)> = Vec::new();
    for row in rows {
        let amount = row.principal + row.penalty;
        match per_code.iter_mut().find(|(code, _)| *code == row.code) {
            Some((_, sum)) => *sum += amount,
            None => per_code.push((&row.code, amount)),
        }
    }
    let per_code: Vec<String> = per_code.iter().map(|(code, sum)| format!("{code}={sum}")).collect();
    format!(
        "T,{},{},{principal},{penalty},{},{}\n",
        rows.len(),
        references.len(),
        principal + penalty,
        quoted(&per_code.join(";"))
    )
}

/// RFC 4180: quotes around a field that needs them, and doubled within.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Row, text};
    use crate::host::Host;
    use chrono::NaiveDate;

    fn head() -> Head {
        Head {
            host: Host::Bapenda,
            business_date: NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
            sequence: 328,
            revision: 1,
            previous: "0".repeat(64),
            created_at: "2026-11-24T23:05:00+07:00".to_owned(),
        }
    }

    fn row(code: &str, beneficiary: &str, principal: i64, penalty: i64) -> Row {
        Row {
            reference: "7f0c".to_owned(),
            number: "A1B2C3D4E5F60718".to_owned(),
            bill_id: "3578261124000017".to_owned(),
            plate: "L1234AB".to_owned(),
            due_on: NaiveDate::from_ymd_opt(2026, 3, 10).unwrap_or_default(),
            code: code.to_owned(),
            beneficiary: beneficiary.to_owned(),
            principal,
            penalty,
            booked_at: "2026-11-24T09:41:07+07:00".to_owned(),
            agent_code: "PSN-0042".to_owned(),
            status: "PAID",
        }
    }

    #[test]
    fn the_protocols_own_example_comes_out_letter_by_letter() {
        let rows = [row("PKB", "35", 216_000, 4_400), row("OPSEN_PKB", "3578", 142_600, 2_900)];
        let zeros = "0".repeat(64);
        let expected = format!(
            "H,1,BAPENDA,OPOP-GATEWAY,2026-11-24,328,1,{zeros},2026-11-24T23:05:00+07:00,IDR\n\
             D,1,7f0c,A1B2C3D4E5F60718,3578261124000017,L1234AB,2026-03-10,PKB,35,216000,4400,2026-11-24T09:41:07+07:00,PSN-0042,PAID\n\
             D,2,7f0c,A1B2C3D4E5F60718,3578261124000017,L1234AB,2026-03-10,OPSEN_PKB,3578,142600,2900,2026-11-24T09:41:07+07:00,PSN-0042,PAID\n\
             T,2,1,358600,7300,365900,PKB=220400;OPSEN_PKB=145500\n"
        );
        assert_eq!(text(&head(), &rows), expected);
    }

    #[test]
    fn an_empty_day_has_a_trailer_of_nothing_and_odd_fields_are_quoted() {
        assert!(text(&head(), &[]).ends_with("\nT,0,0,0,0,0,\n"));
        let odd = Row { agent_code: "A,\"1\"".to_owned(), ..row("PKB", "35", 1, 0) };
        assert!(text(&head(), &[odd]).contains(",\"A,\"\"1\"\"\",PAID\n"));
    }
}
