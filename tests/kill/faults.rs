//! What the authorities do wrong: one call in ten, in every way that they know.

use serde_json::{Value, json};

const HOSTS: [&str; 2] = ["BAPENDA", "JASA_RAHARJA"];
const INQUIRY: [&str; 13] = [
    "delay_ms:150",
    "reset_before",
    "hang",
    "http_500",
    "http_503",
    "garbage",
    "truncated_body",
    "unsigned",
    "wrong_signature",
    "wrong_amount",
    "wrong_plate",
    "refuse:BLOCKED_LEGAL",
    "clock_skew_ms:300",
];
const PAYMENT: [&str; 14] = [
    "delay_ms:150",
    "reset_before",
    "reset_after_booking",
    "hang",
    "hang_after_booking",
    "http_500",
    "http_500_after_booking",
    "http_503",
    "garbage",
    "truncated_body",
    "unsigned",
    "wrong_signature",
    "book_late",
    "duplicate_delivery",
];
const STATUS: [&str; 10] = [
    "delay_ms:150",
    "reset_before",
    "hang",
    "http_500",
    "http_503",
    "garbage",
    "truncated_body",
    "unsigned",
    "wrong_signature",
    "clock_skew_ms:300",
];

/// Each operation fails with `percent`, spread evenly over its kinds; now and then Bapenda refuses for good or
/// contradicts itself, which two people must settle.
pub fn of_all_kinds(seed: u64, percent: u32) -> Value {
    let mut rules = vec![];
    for host in HOSTS {
        for (operation, faults) in [("inquiry", &INQUIRY[..]), ("payment", &PAYMENT), ("status", &STATUS)] {
            let millionths = percent * 10_000 / u32::try_from(faults.len()).unwrap();
            let share: f64 = format!("0.{millionths:06}").parse().unwrap();
            rules.extend(faults.iter().map(
                |fault| json!({"host": host, "operation": operation, "probability": share, "fault": fault}),
            ));
        }
    }
    rules.push(json!({"host": "BAPENDA", "operation": "payment", "probability": 0.005, "fault": "refuse:BILL_EXPIRED"}));
    rules.push(json!({"host": "BAPENDA", "operation": "payment", "nth": [70, 140], "fault": "wrong_amount"}));
    rules.push(json!({"host": "JASA_RAHARJA", "operation": "payment", "nth": 90, "fault": "wrong_plate"}));
    json!({"seed": seed, "rules": rules})
}

/// Every host answers as it should.
pub fn none() -> Value {
    json!({"seed": 0, "rules": []})
}
