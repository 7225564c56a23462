//! The `assess` command as a program outside sees it: lines in, lines out.

use std::cell::RefCell;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::tariff::run_assess;

fn line() -> Value {
    json!({"njkb": 18_000_000, "weight_permille": 1000, "usage_permille": 1000, "tariff_bp": 120, "energy": "ICE",
        "swdkllj_class": "C1", "due_on": "2025-03-10", "paid_on": "2025-04-24", "relief_bp": 0, "waivers": []})
}

fn with(member: &str, value: Value) -> String {
    let mut line = line();
    line[member] = value;
    line.to_string()
}

fn answers(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    run_assess(input, &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|answer| serde_json::from_str(answer).unwrap()).collect()
}

#[test]
fn the_answer_has_exactly_the_members_of_the_contract() {
    let answers = answers(format!("{}\n", line()).as_bytes());
    let [answer] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(
        answer["periods"],
        json!([{"due_on": "2025-03-10", "lines": [
            {"code": "PKB", "principal": 216_000, "penalty": 4_400},
            {"code": "OPSEN_PKB", "principal": 142_600, "penalty": 2_900},
            {"code": "SWDKLLJ", "principal": 35_000, "penalty": 8_000}]}])
    );
    assert_eq!(answer["total"], json!(408_900));
    assert_eq!(answer["next_due_on"], json!("2026-03-10"));
    assert!(answer["rules"].as_array().unwrap().iter().all(Value::is_string));
    let mut members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["next_due_on", "periods", "rules", "total"]);
}

#[test]
fn a_bad_line_is_answered_with_its_reason_and_the_stream_goes_on() {
    let array =
        json!([18_000_000, 1000, 1000, 120, "ICE", "C1", "2025-03-10", "2025-04-24", 0, []]).to_string();
    for (bad, reason) in [
        (String::new(), "not a JSON object"),
        ("not json".to_owned(), "not a JSON object"),
        ("{not json}".to_owned(), "key must be a string"),
        (format!("{}{{", line()), "trailing characters"),
        (array, "not a JSON object"),
        ("{}".to_owned(), "missing field `njkb`"),
        (format!("{{\"njkb\":{}", "[".repeat(50_000)), "recursion limit"),
        (with("releif_bp", json!(2470)), "unknown field `releif_bp`"),
        (with("njkb", json!("18000000")), "njkb must be a whole number"),
        (with("njkb", json!(1.5)), "njkb must be a whole number"),
        (with("njkb", json!(u64::MAX)), "njkb must be a whole number"),
        (with("njkb", json!(-5)), "njkb must be from 1"),
        (with("weight_permille", json!(0)), "weight_permille must be from 1"),
        (with("usage_permille", json!(true)), "usage_permille must be a whole number"),
        (with("energy", json!("STEAM")), "energy is not one"),
        (with("swdkllj_class", json!("c1")), "swdkllj_class is not one"),
        (with("due_on", json!("2025-02-30")), "due_on must be a date"),
        (with("due_on", json!(20_250_310)), "due_on must be a date"),
        (with("paid_on", json!("2125-01-01")), "paid_on must be in the years"),
        (with("waivers", json!("PEMUTIHAN_SANKSI")), "waivers must be a list"),
        (with("waivers", json!(["X"])), "waiver `X` is not known"),
        (line().to_string().replace("18000000", "1e400"), "out of range"),
    ] {
        let answers = answers(format!("{bad}\n{}\n", line()).as_bytes());
        assert_eq!(answers.len(), 2, "{bad:.80}");
        let error = answers[0]["error"].as_str().unwrap();
        assert!(error.contains(reason), "{bad:.80}: {error}");
        assert_eq!(answers[0].as_object().unwrap().len(), 1);
        assert_eq!(answers[1]["total"], json!(408_900), "after {bad:.80}");
    }
}

#[test]
fn members_that_may_be_absent_mean_the_whole_base_no_relief_and_no_waiver() {
    let mut short = line();
    for member in ["usage_permille", "relief_bp", "waivers"] {
        short.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(answers(short.to_string().as_bytes()), answers(line().to_string().as_bytes()));
}

#[test]
fn a_line_too_long_or_not_utf8_is_refused_alone_and_a_last_line_needs_no_end() {
    let mut input = vec![b' '; 70_000];
    input.extend_from_slice(b"\n\xff\xfe\n");
    input.extend_from_slice(line().to_string().as_bytes());
    // A reader of 100 bytes cuts every line in pieces.
    let mut output = Vec::new();
    run_assess(BufReader::with_capacity(100, input.as_slice()), &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("longer than") && lines[1].contains("error"), "{text}");
    assert!(lines[2].contains("408900"), "{text}");
}

/// A program that writes its next line only after it was answered: every read checks what it has got so far.
struct Dialogue {
    asked: usize,
    heard: Rc<RefCell<Ear>>,
}

/// What of the output has been flushed to the other side.
#[derive(Default)]
struct Ear {
    written: Vec<u8>,
    flushed_lines: usize,
}

impl Read for Dialogue {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert_eq!(
            self.heard.borrow().flushed_lines,
            self.asked,
            "asked for more before the answer was flushed"
        );
        if self.asked == 3 {
            return Ok(0);
        }
        self.asked += 1;
        let line = format!("{}\n", line());
        buffer[..line.len()].copy_from_slice(line.as_bytes());
        Ok(line.len())
    }
}

struct Mouth(Rc<RefCell<Ear>>);

impl Write for Mouth {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut ear = self.0.borrow_mut();
        ear.flushed_lines = ear.written.split(|byte| *byte == b'\n').count() - 1;
        Ok(())
    }
}

#[test]
fn each_answer_is_flushed_before_the_next_line_is_waited_for() {
    let heard = Rc::new(RefCell::new(Ear::default()));
    let input = BufReader::new(Dialogue { asked: 0, heard: Rc::clone(&heard) });
    run_assess(input, io::BufWriter::new(Mouth(Rc::clone(&heard)))).unwrap();
    assert_eq!(heard.borrow().flushed_lines, 3);
}

#[test]
fn a_thousand_lines_take_well_under_the_second_that_is_promised() {
    let input = format!("{}\n", line()).repeat(1_000);
    let begun = Instant::now();
    let answered = answers(input.as_bytes()).len();
    assert_eq!(answered, 1_000);
    // Generous, for a debug build on a busy machine; a release build needs some milliseconds.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
