//! The canonical text of matched lines: what serializing each [`super::result::ResultLine`] gives, without making one.
//!
//! A million lines are hashed every night, and their text is four hundred megabytes; most of it is the same from one line
//! to the next. A test holds every byte against the serializer's.

use super::packed::{Broken, Head, Line, payee_of};
use super::row::RowStatus;
use crate::domain::{Authority, Beneficiary};

/// Names of codes by number, as they are and as JSON.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codes(Vec<Option<(String, String)>>);

impl Codes {
    /// All names of a file, by its numbering.
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut codes = Self::default();
        for (code, name) in (0..).zip(names) {
            codes.add(code, name);
        }
        codes
    }

    pub(crate) fn add(&mut self, code: u16, name: &str) {
        let at = usize::from(code);
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        if let Some(place) = self.0.get_mut(at) {
            *place = Some((name.to_owned(), json(name)));
        }
    }

    pub(crate) fn name(&self, code: u16) -> Option<&str> {
        Some(&self.0.get(usize::from(code))?.as_ref()?.0)
    }

    fn json(&self, code: u16) -> Option<&str> {
        Some(&self.0.get(usize::from(code))?.as_ref()?.1)
    }
}

/// Adds the text of each line of a group, a line feed after each.
pub(crate) fn texts(
    out: &mut Vec<u8>,
    authority: Authority,
    (head, lines): (&Head<'_>, &[Line]),
    codes: &Codes,
) -> Result<(), Broken> {
    let mut reference = [0; uuid::fmt::Hyphenated::LENGTH];
    let reference = uuid::Uuid::from_u128(head.reference).hyphenated().encode_lower(&mut reference);
    for line in lines {
        out.extend_from_slice(br#"{"class":"MATCHED","note":"","authority":""#);
        out.extend_from_slice(authority.as_str().as_bytes());
        out.extend_from_slice(br#"","reference":""#);
        out.extend_from_slice(reference.as_bytes());
        out.extend_from_slice(br#"","due_on":""#);
        day(out, line.due_on);
        out.extend_from_slice(br#"","code":"#);
        out.extend_from_slice(codes.json(line.code).ok_or(Broken)?.as_bytes());
        out.extend_from_slice(br#","beneficiary":""#);
        match payee_of(line.payee).ok_or(Broken)? {
            Beneficiary::Region(_) => number(out, i64::from(line.payee)),
            Beneficiary::Province => out.extend_from_slice(b"35"),
            Beneficiary::Treasury => out.extend_from_slice(b"RKUN"),
            Beneficiary::JasaRaharja => out.extend_from_slice(b"JASA_RAHARJA"),
        }
        out.extend_from_slice(match line.status {
            RowStatus::Paid => br#"","status":"PAID","number":"#,
            RowStatus::Reversed => br#"","status":"REVERSED","number":"#,
        });
        text(out, head.number);
        out.extend_from_slice(br#","document_id":""#);
        digits::<16>(out, head.document);
        out.extend_from_slice(br#"","plate":"#);
        text(out, head.plate);
        for (name, amount) in [
            (&br#","here_principal":"#[..], line.principal),
            (br#","here_penalty":"#, line.penalty),
            (br#","there_principal":"#, line.principal),
            (br#","there_penalty":"#, line.penalty),
        ] {
            out.extend_from_slice(name);
            number(out, amount);
        }
        out.extend_from_slice(br#","line_no":"#);
        number(out, i64::from(line.line_no));
        out.extend_from_slice(b",\"ours\":null}\n");
    }
    Ok(())
}

/// A text as JSON; most need nothing but their quotes.
fn text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(json(text).as_bytes());
    }
}

fn json(text: &str) -> String {
    // A string always serializes.
    serde_json::to_string(text).unwrap_or_default()
}

fn day(out: &mut Vec<u8>, day: u32) {
    digits::<4>(out, u64::from(day / 10_000));
    out.push(b'-');
    digits::<2>(out, u64::from(day / 100 % 100));
    out.push(b'-');
    digits::<2>(out, u64::from(day % 100));
}

/// Exactly N digits.
fn digits<const N: usize>(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        *place += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}

fn number(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let mut rest = number.unsigned_abs();
    let mut text = [b'0'; 20];
    let mut begins = text.len();
    for (at, place) in text.iter_mut().enumerate().rev() {
        *place += (rest % 10) as u8;
        begins = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(begins..).unwrap_or_default());
}
