//! The `/mock/*` endpoints: they steer the mock and are no part of the protocol; nothing here is signed.

use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use chrono::NaiveDate;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::days::{NotClosed, begin_again_if_empty, close, roll};
use crate::host::Host;
use crate::reply::Reply;
use crate::rule::RuleSet;
use crate::state::State;

/// Answers one control request, on either port.
pub(crate) async fn answer(state: &State, method: &Method, path: &str, body: &Bytes) -> Reply {
    let now = state.clock.now();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let parts: Vec<&str> = path.trim_start_matches("/mock/").split('/').collect();
    let content = || serde_json::from_slice::<Value>(body).map_err(|_| "no JSON".to_owned());
    let done = match (method.as_str(), parts.as_slice()) {
        ("GET", ["book"]) => Ok(book(state)),
        ("GET", ["requests"]) => Ok(json!(state.seen())),
        ("GET", ["clock"]) => {
            Ok(json!({ "now": now.to_millisecond(), "offset_ms": state.clock.offset_ms() }))
        }
        ("PUT", ["faults"]) => content().and_then(|rules| set_faults(state, &rules)).map(|()| json!({})),
        ("PUT", ["clock"]) => content().and_then(|asked| set_clock(state, &asked)).map(|()| json!({})),
        ("PUT", ["settlements", date]) => {
            content().and_then(|asked| prepare_file(state, date, &asked)).map(|()| json!({}))
        }
        ("POST", ["days", date, "close"]) => close_on_order(state, date, content()).await.map(|()| json!({})),
        _ => return Reply::json(404, &json!({ "code": "NO_SUCH_PATH" }), now),
    };
    match done {
        Ok(content) => Reply::json(200, &content, now),
        Err(reason) if reason == NOT_ALLOWED => {
            Reply::json(403, &json!({ "code": "FAULTS_NOT_ALLOWED", "detail": reason }), now)
        }
        Err(reason) => Reply::json(400, &json!({ "code": "BAD_REQUEST", "detail": reason }), now),
    }
}

const NOT_ALLOWED: &str = "the mock was started without --allow-faults";

/// Both books, as `GET /mock/book` shows them.
pub(crate) fn book(state: &State) -> Value {
    let mut both = serde_json::Map::new();
    for host in Host::BOTH {
        both.insert(host.name().to_owned(), state.book(host).shown());
    }
    Value::Object(both)
}

/// Puts fault rules in force.
pub(crate) fn set_faults(state: &State, rules: &Value) -> Result<(), String> {
    if !state.allow_faults {
        return Err(NOT_ALLOWED.to_owned());
    }
    state.faults.set(RuleSet::read(rules, state.seed)?);
    Ok(())
}

fn set_clock(state: &State, asked: &Value) -> Result<(), String> {
    if !state.allow_faults {
        return Err(NOT_ALLOWED.to_owned());
    }
    let offset_ms = asked.get("offset_ms").and_then(Value::as_i64).ok_or("offset_ms is a whole number")?;
    move_clock(state, offset_ms).map_err(|error| error.to_string())
}

/// Moves the hosts' clock and closes the days that it leaves behind.
pub(crate) fn move_clock(state: &State, offset_ms: i64) -> io::Result<()> {
    state.clock.set_offset_ms(offset_ms);
    begin_again_if_empty(state);
    roll(state)
}

/// Hands a file of somebody's making out as a host's file of a day, signed like any other.
pub(crate) fn prepare_file(state: &State, date: &str, asked: &Value) -> Result<(), String> {
    if !state.allow_faults {
        return Err(NOT_ALLOWED.to_owned());
    }
    let name = |member: &str| asked.get(member).and_then(Value::as_str).unwrap_or_default();
    let host = Host::named(name("host")).ok_or_else(|| format!("unknown host {}", name("host")))?;
    let day: NaiveDate = date.parse().map_err(|_| format!("no date: {date}"))?;
    let path = PathBuf::from(name("path"));
    if !path.is_file() {
        return Err(format!("no file: {}", path.display()));
    }
    state.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert((host, day), path);
    Ok(())
}

async fn close_on_order(state: &State, date: &str, asked: Result<Value, String>) -> Result<(), String> {
    let asked = asked?;
    let host = asked.get("host").and_then(Value::as_str).unwrap_or_default();
    let written = close_day(state, date, host)?;
    state.journal.wait(written).await.map_err(|error| error.to_string())
}

/// Closes a day of one host; returns the journal number to wait for.
pub(crate) fn close_day(state: &State, date: &str, host: &str) -> Result<u64, String> {
    let host = Host::named(host).ok_or_else(|| format!("unknown host {host}"))?;
    let day: NaiveDate = date.parse().map_err(|_| format!("no date: {date}"))?;
    close(state, host, day).map_err(|reason| match reason {
        NotClosed::OutOfReach => format!("{date} lies before the first file or too far ahead"),
        NotClosed::Journal(error) => error.to_string(),
    })
}
