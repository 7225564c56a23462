use super::*;
use crate::reconciliation::row::Code;
use crate::reconciliation::sample::{File, PAID_LINE, REFERENCE};

fn date() -> BusinessDate {
    BusinessDate::parse("2026-11-24").unwrap()
}

fn read_text(text: &str) -> Result<Settlement, Complaint> {
    read(text.as_bytes(), Authority::Bapenda, date())
}

fn complaint(text: &str) -> (u64, String) {
    let refused = read_text(text).unwrap_err();
    (refused.line, refused.flaw.to_string())
}

#[test]
fn the_protocols_own_example_is_read_whole() {
    let text = File::of_the_protocol().text();
    let file = read_text(&text).unwrap();
    assert_eq!((file.header.sequence, file.header.revision), (328, 1));
    assert_eq!(file.rows.len(), 2);
    assert_eq!(file.total.get(), 365_900);
    assert_eq!(file.codes.names().collect::<Vec<_>>(), ["PKB", "OPSEN_PKB"]);
    assert_eq!(&*file.rows[0].number, "A1B2C3D4E5F60718");
    assert!(Arc::ptr_eq(&file.rows[0].number, &file.rows[1].number));
    assert_eq!(hex::encode(file.sha256), hex::encode(digest::digest(&digest::SHA256, text.as_bytes())));
}

#[test]
fn a_day_without_bookings_has_a_file_too() {
    let file = read_text(&File::empty("2026-11-24").text()).unwrap();
    assert!(file.rows.is_empty() && file.total.is_zero() && file.codes.is_empty());
}

#[test]
fn the_last_line_feed_may_be_missing_but_nothing_else() {
    let text = File::of_the_protocol().text();
    assert!(read_text(text.trim_end()).is_ok());
    for cut in 1..text.len() - 1 {
        assert!(read_text(&text[..cut]).is_err(), "cut after {cut} bytes");
    }
}

#[test]
fn every_changed_digit_of_an_amount_is_noticed_by_the_trailer() {
    let text = File::of_the_protocol().text();
    for (good, bad) in
        [("216000", "216001"), ("2900", "2901"), ("365900", "365901"), ("PKB=220400", "PKB=220401")]
    {
        assert!(read_text(&text.replacen(good, bad, 1)).is_err(), "{good} → {bad}");
    }
    let (line, flaw) = complaint(&text.replace("T,2,1,", "T,2,2,"));
    assert_eq!((line, flaw.as_str()), (4, "count of references is 2, expected 1"));
}

#[test]
fn a_complaint_names_the_line_and_the_field() {
    let good = File::of_the_protocol().text();
    for (from, to, line, flaw) in [
        ("H,1,", "H,2,", 1, "format version is 2, expected 1"),
        ("BAPENDA", "JASA_RAHARJA", 1, "sender is JASA_RAHARJA, expected BAPENDA"),
        ("2026-11-24,328", "2026-11-25,328", 1, "business date is 2026-11-25, expected 2026-11-24"),
        (",IDR", ",USD", 1, "currency is USD, expected IDR"),
        (",328,1,", ",328,0,", 1, "revision is malformed"),
        (",328,", ",0,", 1, "sequence number is malformed"),
        ("D,2,", "D,3,", 3, "line number is 3, expected 2"),
        (REFERENCE, "7F0C0000-0000-4000-8000-000000000001", 2, "reference is malformed"),
        ("L1234AB", "L 1234 AB", 2, "plate is malformed"),
        ("L1234AB", "L0234AB", 2, "plate is malformed"),
        ("2026-03-10", "2026-03-32", 2, "due date is malformed"),
        (",3578,", ",3530,", 3, "beneficiary is malformed"),
        (",216000,", ",-216000,", 2, "principal is malformed"),
        ("PSN-0042,PAID", "PSN-0042,paid", 2, "status is malformed"),
        ("PSN-0042,PAID", "PSN-0042,REVERSED", 2, "principal is malformed"),
        ("PSN-0042,PAID", ",PAID", 2, "agent code is malformed"),
        ("A1B2C3D4E5F60718", "A1B2C3D4E5F6071", 2, "host's number is malformed"),
        ("3578261124000017", "357826112400001", 2, "bill or assessment id is malformed"),
        ("T,2,1", "X,2,1", 4, "record type is malformed"),
    ] {
        assert_eq!(complaint(&good.replacen(from, to, 1)), (line, flaw.to_owned()), "{from} → {to}");
    }
}

#[test]
fn shape_is_refused_before_content() {
    let good = File::of_the_protocol().text();
    for (text, line) in [
        (String::new(), 1),
        (format!("\u{feff}{good}"), 1),
        (good.replace('\n', "\r\n"), 1),
        (good.replacen('\n', "\n\n", 1), 2),
        (format!("{good}\n"), 5),
        (format!("{good}{good}"), 5),
        (good.replacen(",IDR", "", 1), 1),
        (good.replacen("D,1,", "D,1,,", 1), 2),
        (good.replacen("PKB", &"P".repeat(20_000), 1), 2),
    ] {
        assert_eq!(complaint(&text).0, line);
    }
    let mut bytes = good.into_bytes();
    bytes[200] = 0xFF;
    assert!(read(&*bytes, Authority::Bapenda, date()).is_err());
}

#[test]
fn a_reversal_counts_with_its_sign() {
    let mut file = File::of_the_protocol();
    for line in PAID_LINE {
        file.reverse(line);
    }
    let read = read_text(&file.text()).unwrap();
    assert!(read.total.is_zero());
    assert_eq!(read.rows.iter().filter(|row| row.status == RowStatus::Reversed).count(), 2);
}

#[test]
fn unknown_codes_and_rows_apart_are_welcome() {
    let mut file = File::of_the_protocol();
    file.paid(
        "9a0c0000-0000-4000-8000-000000000009",
        "B1B2C3D4E5F60718",
        "AG1A",
        ("2026-05-01", "PARKIR, Ø", "3505", 5000, 0),
    );
    file.paid(REFERENCE, "A1B2C3D4E5F60718", "L1234AB", ("2026-03-10", "PARKIR, Ø", "3578", 5000, 0));
    let read = read_text(&file.text()).unwrap();
    assert_eq!(read.codes.name(Code(2)), "PARKIR, Ø");
    let range = read.rows_of(read.rows[0].reference);
    assert_eq!(read.rows[range].iter().map(|row| row.line_no).collect::<Vec<_>>(), [1, 2, 4]);
}
