//! The faults that the authorities play during the day, and those planted in their files at night.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::api::client;

/// One seed, so that a day can be repeated.
const SEED: u32 = 20_261_124;
const HOSTS: [&str; 2] = ["BAPENDA", "JASA_RAHARJA"];

/// Thirteen kinds at 0.8 %: about one inquiry in ten.
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
/// Fourteen kinds at 0.7 % whose outcome the gateway must find out.
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
/// Ten kinds at 1 %.
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
/// Told apart by class in the night: rows that Bapenda's and Jasa Raharja's files get wrong.
const FILE: [(&str, &str); 7] = [
    ("BAPENDA", "missing_row"),
    ("BAPENDA", "extra_row"),
    ("BAPENDA", "amount_off"),
    ("BAPENDA", "beneficiary_swapped"),
    ("BAPENDA", "duplicate_row"),
    ("BAPENDA", "plate_changed_after_payment"),
    ("JASA_RAHARJA", "missing_row"),
];

/// One call in ten goes wrong, in every way there is.
pub(crate) fn day() -> Value {
    let mut rules = Vec::new();
    for host in HOSTS {
        let mut add = |operation: &str, faults: &[&str], probability: f64| {
            rules.extend(faults.iter().map(|fault| {
                json!({"host": host, "operation": operation, "probability": probability, "fault": fault})
            }));
        };
        add("inquiry", &INQUIRY, 0.008);
        add("payment", &PAYMENT, 0.007);
        add("status", &STATUS, 0.01);
    }
    rules.push(json!({"host": "BAPENDA", "operation": "payment", "probability": 0.008, "fault": "refuse:BILL_EXPIRED"}));
    // An answer that contradicts the bill waits for two people: once is enough to be seen.
    rules.push(json!({"host": "BAPENDA", "operation": "payment", "nth": 300, "fault": "wrong_amount"}));
    json!({"seed": SEED, "rules": rules})
}

/// Every host answers as it should.
pub(crate) fn none() -> Value {
    json!({"seed": SEED, "rules": []})
}

/// The settlement files get one row wrong in each way.
pub(crate) fn night() -> Value {
    let rule = |(host, fault): (&str, &str)| json!({"host": host, "operation": "settlement", "probability": 1.0, "fault": fault});
    json!({"seed": SEED, "rules": FILE.into_iter().map(rule).collect::<Vec<_>>()})
}

/// Bapenda's settlement file has a trailer that lies.
pub(crate) fn broken_file() -> Value {
    json!({"seed": SEED, "rules": [{"host": "BAPENDA", "operation": "settlement", "fault": "bad_trailer"}]})
}

/// Tells the mock what to play.
///
/// # Errors
/// When it refuses.
pub(crate) async fn play(mock_url: &str, faults: &Value) -> Result<()> {
    send(mock_url, "PUT", "/mock/faults", faults).await.context("the mock refuses the faults").map(drop)
}

/// Closes a day at both authorities.
///
/// # Errors
/// When the mock refuses.
pub(crate) async fn close_day(mock_url: &str, date: &str) -> Result<()> {
    for host in HOSTS {
        send(mock_url, "POST", &format!("/mock/days/{date}/close"), &json!({"host": host}))
            .await
            .with_context(|| format!("{host} does not close {date}"))?;
    }
    Ok(())
}

/// Both authorities' books.
///
/// # Errors
/// When the mock does not give them.
pub(crate) async fn book(mock_url: &str) -> Result<Value> {
    send(mock_url, "GET", "/mock/book", &Value::Null).await.context("the mock gives no book")
}

async fn send(mock_url: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
    let method = method.parse().context("no such method")?;
    let mut request = client(Duration::from_secs(30))?.request(method, format!("{mock_url}{path}"));
    if !body.is_null() {
        request = request.json(body);
    }
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{path}: {status} {text}");
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_ten_meets_a_fault() {
        for (faults, permille) in [(INQUIRY.len() * 8, 8), (PAYMENT.len() * 7, 7), (STATUS.len() * 10, 10)] {
            assert!(faults.abs_diff(100) <= permille, "{faults}");
        }
    }

    #[test]
    fn every_rule_names_host_operation_fault_and_chance() {
        for faults in [day(), night()] {
            for rule in faults["rules"].as_array().unwrap() {
                assert!(HOSTS.contains(&rule["host"].as_str().unwrap()));
                assert!(rule["operation"].is_string() && rule["fault"].is_string());
                assert!(rule["probability"].is_f64() != rule["nth"].is_u64(), "{rule}");
            }
        }
        assert_eq!(none()["rules"], json!([]));
    }
}
