//! Fault rules as `PUT /mock/faults` takes them, read once into types that cannot be wrong.

use chrono::NaiveDate;
use serde_json::Value;

use crate::file_fault::FileFault;
use crate::host::{Host, Operation};

/// One fault of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    DelayMs(u64),
    ResetBefore,
    ResetAfterBooking,
    Hang,
    HangAfterBooking,
    Http500,
    Http503,
    Http500AfterBooking,
    Garbage,
    TruncatedBody,
    Unsigned,
    WrongSignature,
    WrongAmount,
    WrongPlate,
    BookLate,
    DuplicateDelivery,
    /// Booked all the same: a host that breaks its own word.
    RefuseAfterBooking(String),
    NoNumber,
    NumberOfAnother,
    Refuse(String),
    ClockSkewMs(i64),
    File(FileFault),
}

/// On which of the matching calls a rule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Counted from 1.
    Nth(Vec<u64>),
    /// Chance in a million.
    Millionths(u64),
}

/// One rule; `None` means any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) host: Option<Host>,
    pub(crate) operation: Option<Operation>,
    pub(crate) date: Option<NaiveDate>,
    pub(crate) when: When,
    pub(crate) fault: Fault,
}

impl Rule {
    pub(crate) fn meets(&self, host: Host, operation: Operation) -> bool {
        self.host.is_none_or(|only| only == host) && self.operation.is_none_or(|only| only == operation)
    }
}

/// The rules with their seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleSet {
    pub(crate) seed: u64,
    pub(crate) rules: Vec<Rule>,
}

impl RuleSet {
    /// Reads `{"seed", "rules"}`; the mock's own seed stands in for a missing one.
    pub(crate) fn read(value: &Value, seed: u64) -> Result<Self, String> {
        let seed = match value.get("seed") {
            None | Some(Value::Null) => seed,
            Some(number) => number.as_u64().ok_or("seed is a whole number from 0")?,
        };
        let rules = value.get("rules").and_then(Value::as_array).ok_or("rules is a list")?;
        let rules = rules.iter().enumerate().map(|(position, rule)| {
            read_rule(rule).map_err(|reason| format!("rule {}: {reason}", position + 1))
        });
        Ok(Self { seed, rules: rules.collect::<Result<_, _>>()? })
    }
}

fn read_rule(rule: &Value) -> Result<Rule, String> {
    let host = match text(rule, "host")? {
        None | Some("*") => None,
        Some(name) => Some(Host::named(name).ok_or_else(|| format!("unknown host {name}"))?),
    };
    let operation = match text(rule, "operation")? {
        None | Some("*") => None,
        Some(name) => Some(Operation::named(name).ok_or_else(|| format!("unknown operation {name}"))?),
    };
    let date = match text(rule, "date")? {
        None => None,
        Some(day) => Some(day.parse().map_err(|_| format!("no date: {day}"))?),
    };
    let fault = read_fault(rule)?;
    if matches!(fault, Fault::File(_)) && operation.is_some_and(|only| only != Operation::Settlement) {
        return Err("a fault of settlement files belongs to the operation settlement".to_owned());
    }
    Ok(Rule { host, operation, date, when: read_when(rule)?, fault })
}

fn text<'a>(rule: &'a Value, member: &str) -> Result<Option<&'a str>, String> {
    match rule.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{member} is a text")),
    }
}

fn read_when(rule: &Value) -> Result<When, String> {
    let nth = rule.get("nth").filter(|value| !value.is_null());
    let probability = rule.get("probability").filter(|value| !value.is_null());
    match (nth, probability) {
        (None, None) => Ok(When::Always),
        (Some(_), Some(_)) => Err("probability or nth, not both".to_owned()),
        (Some(Value::Array(list)), None) => {
            let numbers: Option<Vec<u64>> = list.iter().map(Value::as_u64).collect();
            numbers.map(When::Nth).ok_or_else(|| "nth is a number or a list of numbers".to_owned())
        }
        (Some(number), None) => {
            let number = number.as_u64().ok_or("nth is a number or a list of numbers")?;
            Ok(When::Nth(vec![number]))
        }
        (None, Some(share)) => millionths(&share.to_string()).map(When::Millionths),
    }
}

/// A decimal between 0 and 1 as written, in millionths; digits beyond the sixth are cut off.
fn millionths(written: &str) -> Result<u64, String> {
    let wrong = || format!("probability is between 0 and 1, not {written}");
    let (mantissa, zeros) = match written.split_once(['e', 'E']) {
        None => (written, 0),
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix('-').and_then(|n| n.parse::<u8>().ok()).ok_or_else(wrong)?)
        }
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = whole.len();
    let digits: String = "0".repeat(usize::from(zeros)) + whole + fraction + "000000";
    let share = digits.get(..point + 6).and_then(|kept| kept.parse::<u64>().ok()).ok_or_else(wrong)?;
    if share > 1_000_000 { Err(wrong()) } else { Ok(share) }
}

/// `"delay_ms:500"`, `{"delay_ms": 500}`, or `"delay_ms"` with the number as `value` or `delay_ms` beside it.
fn read_fault(rule: &Value) -> Result<Fault, String> {
    let fault = rule.get("fault").ok_or("fault is missing")?;
    let (name, value) = match fault {
        Value::String(text) => {
            let beside = || rule.get("value").or_else(|| rule.get(text)).map(plain);
            text.split_once(':').map_or_else(
                || (text.clone(), beside()),
                |(name, value)| (name.to_owned(), Some(value.to_owned())),
            )
        }
        Value::Object(members) => match members.iter().next() {
            Some((name, value)) if members.len() == 1 => (name.clone(), Some(plain(value))),
            _ => return Err("a fault has one name".to_owned()),
        },
        _ => return Err("fault is a text or an object".to_owned()),
    };
    named(&name, value.as_deref())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn named(name: &str, value: Option<&str>) -> Result<Fault, String> {
    let number = || value.and_then(|text| text.parse::<i64>().ok());
    Ok(match name {
        "delay_ms" => {
            let ms = number().and_then(|ms| u64::try_from(ms).ok());
            Fault::DelayMs(ms.ok_or("delay_ms needs a number of milliseconds")?)
        }
        "clock_skew_ms" => {
            Fault::ClockSkewMs(number().ok_or("clock_skew_ms needs a number of milliseconds")?)
        }
        "refuse_after_booking" => match value {
            Some(code) if !code.is_empty() => Fault::RefuseAfterBooking(code.to_owned()),
            _ => return Err("refuse_after_booking needs a code".to_owned()),
        },
        "refuse" => match value {
            Some(code) if !code.is_empty() => Fault::Refuse(code.to_owned()),
            _ => return Err("refuse needs a code".to_owned()),
        },
        "reset_before" => Fault::ResetBefore,
        "reset_after_booking" => Fault::ResetAfterBooking,
        "hang" => Fault::Hang,
        "hang_after_booking" => Fault::HangAfterBooking,
        "http_500" => Fault::Http500,
        "http_503" => Fault::Http503,
        "http_500_after_booking" => Fault::Http500AfterBooking,
        "garbage" => Fault::Garbage,
        "truncated_body" => Fault::TruncatedBody,
        "unsigned" => Fault::Unsigned,
        "wrong_signature" => Fault::WrongSignature,
        "wrong_amount" => Fault::WrongAmount,
        "wrong_plate" => Fault::WrongPlate,
        "book_late" => Fault::BookLate,
        "duplicate_delivery" => Fault::DuplicateDelivery,
        "no_number" => Fault::NoNumber,
        "number_of_another" => Fault::NumberOfAnother,
        _ => Fault::File(FileFault::named(name).ok_or_else(|| format!("unknown fault {name}"))?),
    })
}

#[cfg(test)]
mod tests {
    use super::{Fault, RuleSet, When, millionths};
    use serde_json::json;

    fn fault_of(rule: &serde_json::Value) -> Result<Fault, String> {
        RuleSet::read(&json!({ "rules": [rule] }), 0)
            .and_then(|set| set.rules.into_iter().next().map(|rule| rule.fault).ok_or_else(String::new))
    }

    #[test]
    fn a_fault_can_be_written_in_each_of_its_ways() {
        for rule in [
            json!({ "fault": "delay_ms:500" }),
            json!({ "fault": { "delay_ms": 500 } }),
            json!({ "fault": "delay_ms", "value": 500 }),
            json!({ "fault": "delay_ms", "delay_ms": 500 }),
        ] {
            assert_eq!(fault_of(&rule), Ok(Fault::DelayMs(500)));
        }
        assert_eq!(
            fault_of(&json!({ "fault": "refuse:ALREADY_PAID" })),
            Ok(Fault::Refuse("ALREADY_PAID".into()))
        );
        assert_eq!(fault_of(&json!({ "fault": "clock_skew_ms:-400000" })), Ok(Fault::ClockSkewMs(-400_000)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (rule, reason) in [
            (json!({ "fault": "explode" }), "rule 1: unknown fault explode"),
            (json!({ "fault": "hang", "host": "POLRI" }), "rule 1: unknown host POLRI"),
            (json!({ "fault": "hang", "operation": "refund" }), "rule 1: unknown operation refund"),
            (json!({ "fault": "delay_ms" }), "rule 1: delay_ms needs a number of milliseconds"),
            (json!({ "fault": "hang", "nth": 1, "probability": 1 }), "rule 1: probability or nth, not both"),
            (json!({ "host": "*" }), "rule 1: fault is missing"),
        ] {
            assert_eq!(fault_of(&rule), Err(reason.to_owned()));
        }
        let misplaced = json!({ "operation": "payment", "fault": "missing_row" });
        assert!(fault_of(&misplaced).is_err());
    }

    #[test]
    fn chances_are_read_digit_by_digit() {
        for (written, share) in
            [("0.1", 100_000), ("1", 1_000_000), ("1.0", 1_000_000), ("0", 0), ("0.000001", 1), ("1e-5", 10)]
        {
            assert_eq!(millionths(written), Ok(share), "{written}");
        }
        assert!(millionths("1.1").is_err() && millionths("-0.1").is_err() && millionths("12").is_err());
        let set = RuleSet::read(&json!({ "rules": [{ "fault": "hang", "probability": 0.25 }] }), 0);
        assert_eq!(set.map(|set| set.rules[0].when.clone()), Ok(When::Millionths(250_000)));
    }
}
