//! The `assess` command: one JSON object in, one JSON object out, line by line (`interfaces.md`, commands).
//!
//! Every input line gets exactly one output line, in order: a bill, or `{"error": …}` saying why there is none. A bad
//! line never ends the stream, and no line is held in memory beyond [`LINE_BYTES_MAX`]. Answers are flushed whenever
//! the reader has nothing more at hand, so that a program may write a line and wait for its answer.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::BusinessDate;

use super::engine::{Assessment, assess};
use super::request::{Energy, Request, SwdklljClass};
use super::rules::Rules;

/// Longest line read: a request has about 300 bytes. A longer one is skipped to its end and refused.
const LINE_BYTES_MAX: usize = 65_536;

/// Answers every line of `input` on `output`, until the input ends.
///
/// # Errors
/// What reading or writing said, and a built-in rule file that does not load. Bad lines are no error.
pub fn run_assess(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let rules = Rules::built_in().map_err(io::Error::other)?;
    let mut line = Line::default();
    loop {
        // What was read is answered: the next read may wait for somebody who waits for these answers.
        output.flush()?;
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if chunk.is_empty() {
            break;
        }
        let read_bytes = chunk.len();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                None => line.extend(piece),
                Some(end) => {
                    line.extend(end);
                    write_answer(&rules, &line, &mut output)?;
                    line.clear();
                }
            }
        }
        input.consume(read_bytes);
    }
    if line.begun() {
        write_answer(&rules, &line, &mut output)?;
    }
    output.flush()
}

/// The line being read, or the knowledge that it is too long to keep.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Line {
    fn extend(&mut self, piece: &[u8]) {
        self.too_long |= self.bytes.len() + piece.len() > LINE_BYTES_MAX;
        if self.too_long {
            self.bytes.clear();
        } else {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn begun(&self) -> bool {
        self.too_long || !self.bytes.is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.too_long = false;
    }
}

/// One output line.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'r> {
    Bill(Assessment<'r>),
    Refused { error: String },
}

fn write_answer(rules: &Rules, line: &Line, output: &mut impl Write) -> io::Result<()> {
    let answer = match answer(rules, line) {
        Ok(bill) => Answer::Bill(bill),
        Err(error) => Answer::Refused { error },
    };
    serde_json::to_writer(&mut *output, &answer)?;
    output.write_all(b"\n")
}

fn answer<'r>(rules: &'r Rules, line: &Line) -> Result<Assessment<'r>, String> {
    if line.too_long {
        return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
    }
    // A struct is also read from an array of its members, which the contract does not know.
    if line.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err("the line is not a JSON object".to_owned());
    }
    let form: Form = serde_json::from_slice(&line.bytes).map_err(|error| error.to_string())?;
    assess(rules, &form.parse()?).map_err(|error| error.to_string())
}

/// The members as they came: kept as JSON values, so that a refusal can name the member.
/// An unknown member is refused, for a misspelt `relief_bp` would silently mean no relief.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    njkb: Value,
    weight_permille: Value,
    /// The whole base counts when absent.
    usage_permille: Option<Value>,
    tariff_bp: Value,
    energy: Value,
    swdkllj_class: Value,
    due_on: Value,
    paid_on: Value,
    /// No relief when absent.
    relief_bp: Option<Value>,
    /// None when absent.
    waivers: Option<Value>,
}

impl Form {
    fn parse(self) -> Result<Request, String> {
        Ok(Request {
            njkb: whole("njkb", &self.njkb)?,
            weight_permille: whole("weight_permille", &self.weight_permille)?,
            usage_permille: self.usage_permille.map_or(Ok(1_000), |value| whole("usage_permille", &value))?,
            tariff_bp: whole("tariff_bp", &self.tariff_bp)?,
            energy: named("energy", &self.energy, Energy::named)?,
            swdkllj_class: named("swdkllj_class", &self.swdkllj_class, SwdklljClass::named)?,
            due_on: date("due_on", &self.due_on)?,
            paid_on: date("paid_on", &self.paid_on)?,
            relief_bp: self.relief_bp.map_or(Ok(0), |value| whole("relief_bp", &value))?,
            waivers: self.waivers.map_or(Ok(vec![]), codes)?,
        })
    }
}

fn whole(member: &str, value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{member} must be a whole number"))
}

fn date(member: &str, value: &Value) -> Result<BusinessDate, String> {
    let date = value.as_str().and_then(|text| BusinessDate::parse(text).ok());
    date.ok_or_else(|| format!("{member} must be a date YYYY-MM-DD"))
}

fn named<T>(member: &str, value: &Value, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    value.as_str().and_then(find).ok_or_else(|| format!("{member} is not one of the known names"))
}

fn codes(value: Value) -> Result<Vec<String>, String> {
    serde_json::from_value(value).map_err(|_| "waivers must be a list of codes".to_owned())
}
