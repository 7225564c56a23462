//! A day's booked legs as `PostgreSQL` streams them in binary, read where they lie.
//!
//! Only what a plain match asks of a leg; whoever asks more reads the leg again, whole. A text that is spelled otherwise
//! than the database spells it makes the leg an odd one, which is read again too.

use crate::reconciliation::packed::{Broken, Rest};

/// One leg of the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LegRow<'a> {
    pub(crate) reference: u128,
    pub(crate) document: &'a str,
    pub(crate) number: &'a str,
    pub(crate) plate: &'a str,
    /// Reversed, claimed by another date's night, or once in doubt.
    pub(crate) is_odd: bool,
    /// Its lines by period, JSON.
    pub(crate) periods: &'a [u8],
}

/// The stream's bytes so far.
#[derive(Debug, Default)]
pub(crate) struct LegRows {
    bytes: Vec<u8>,
    at: usize,
    begun: bool,
}

/// `COPY … (FORMAT binary)`: signature, flags and length of the extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const FIELDS: i16 = 6;

impl LegRows {
    /// Adds what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Goes past the row that was peeked at, by its length.
    pub(crate) fn skip(&mut self, len: usize) {
        self.at += len;
    }

    /// The next row and its length, if all of it is here.
    pub(crate) fn peek(&mut self) -> Result<Option<(LegRow<'_>, usize)>, Broken> {
        // One stream may follow another: each has its signature and its end.
        if self.begun && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(&[0xff, 0xff])) {
            (self.begun, self.at) = (false, self.at + 2);
        }
        if !self.begun {
            let here = self.bytes.get(self.at..).unwrap_or_default();
            if here.len() < SIGNATURE.len() + 8 {
                return Ok(None);
            }
            if !here.starts_with(SIGNATURE) {
                return Err(Broken);
            }
            (self.begun, self.at) = (true, self.at + SIGNATURE.len() + 8);
            return self.peek();
        }
        let here = self.bytes.get(self.at..).unwrap_or_default();
        let mut rest = Rest(here);
        let Ok(fields) = rest.array().map(i16::from_be_bytes) else { return Ok(None) };
        if fields != FIELDS {
            return Err(Broken);
        }
        let mut row = [&[][..]; FIELDS as usize];
        for field in &mut row {
            let Ok(len) = rest.array().map(i32::from_be_bytes) else { return Ok(None) };
            let Ok(bytes) = rest.take(usize::try_from(len).map_err(|_| Broken)?) else { return Ok(None) };
            *field = bytes;
        }
        let len = here.len() - rest.0.len();
        let [reference, document, number, plate, is_odd, periods] = row;
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Broken);
        let row = LegRow {
            reference: u128::from_be_bytes(reference.try_into().map_err(|_| Broken)?),
            document: text(document)?,
            number: text(number)?,
            plate: text(plate)?,
            is_odd: is_odd != [0],
            // The version of jsonb's binary form, where there is one.
            periods: periods.strip_prefix(&[1]).unwrap_or(periods),
        };
        Ok(Some((row, len)))
    }
}

/// A line of ours in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quoted<'a> {
    pub(crate) due_on: &'a [u8],
    pub(crate) code: &'a [u8],
    pub(crate) payee: &'a [u8],
    pub(crate) principal: i64,
    pub(crate) penalty: i64,
}

/// The lines of a quote's periods, in its order; nothing for JSON that is not spelled plainly.
pub(crate) fn quoted<'a>(periods: &'a [u8], lines: &mut Vec<Quoted<'a>>) -> Option<()> {
    lines.clear();
    let mut json = Json(periods);
    json.list(|json| {
        let first = lines.len();
        let mut due_on = None;
        json.object(|json, name| {
            match name {
                b"due_on" => due_on = Some(json.text()?),
                b"lines" => json.list(|json| {
                    lines.push(line(json)?);
                    Some(())
                })?,
                _ => return None,
            }
            Some(())
        })?;
        for line in lines.iter_mut().skip(first) {
            line.due_on = due_on?;
        }
        Some(())
    })?;
    json.space();
    json.0.is_empty().then_some(())
}

fn line<'a>(json: &mut Json<'a>) -> Option<Quoted<'a>> {
    let (mut code, mut payee, mut principal, mut penalty) = (None, None, None, None);
    json.object(|json, name| {
        match name {
            b"code" => code = Some(json.text()?),
            b"beneficiary" => payee = Some(json.text()?),
            b"principal" => principal = Some(json.whole()?),
            b"penalty" => penalty = Some(json.whole()?),
            _ => return None,
        }
        Some(())
    })?;
    Some(Quoted { due_on: b"", code: code?, payee: payee?, principal: principal?, penalty: penalty? })
}

struct Json<'a>(&'a [u8]);

impl<'a> Json<'a> {
    fn space(&mut self) {
        while let [b' ', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn is(&mut self, byte: u8) -> bool {
        self.space();
        let is = self.0.first() == Some(&byte);
        if is {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        is
    }

    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.is(b'[').then_some(())?;
        if self.is(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if !self.is(b',') {
                return self.is(b']').then_some(());
            }
        }
    }

    fn object(&mut self, mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.is(b'{').then_some(())?;
        loop {
            let name = self.text()?;
            self.is(b':').then_some(())?;
            member(self, name)?;
            if !self.is(b',') {
                return self.is(b'}').then_some(());
            }
        }
    }

    /// A string without escapes.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.is(b'"').then_some(())?;
        let end = self.0.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// A whole number of at most fifteen digits.
    fn whole(&mut self) -> Option<i64> {
        self.space();
        let negative = self.0.first() == Some(&b'-');
        let digits = self.0.get(usize::from(negative)..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let (number, rest) = digits.split_at(end);
        if !(1..=15).contains(&end) || matches!(rest.first(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.0 = rest;
        let number = number.iter().fold(0, |n, byte| n * 10 + i64::from(byte - b'0'));
        Some(if negative { -number } else { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_read_in_any_order_of_its_members() {
        for text in [
            r#"[{"lines": [{"code": "PKB", "penalty": 4400, "principal": 216000, "beneficiary": "35"}], "due_on": "2026-03-10"}]"#,
            r#"[{"due_on":"2026-03-10","lines":[{"code":"PKB","beneficiary":"35","principal":216000,"penalty":4400}]}]"#,
        ] {
            let mut lines = vec![];
            quoted(text.as_bytes(), &mut lines).unwrap();
            let line = Quoted {
                due_on: b"2026-03-10",
                code: b"PKB",
                payee: b"35",
                principal: 216_000,
                penalty: 4400,
            };
            assert_eq!(lines, [line]);
        }
        assert_eq!(quoted(b"[]", &mut vec![]), Some(()));
    }

    #[test]
    fn what_is_not_spelled_plainly_is_not_read() {
        let good = r#"[{"due_on":"2026-03-10","lines":[{"code":"PKB","beneficiary":"35","principal":1,"penalty":0}]}]"#;
        assert!(quoted(good.as_bytes(), &mut vec![]).is_some());
        for (from, to) in [
            ("PKB", "P\\u004bB"),
            (":1,", ":1.0,"),
            (":1,", ":1e3,"),
            (":1,", ":1000000000000000,"),
            (":1,", ":\"1\","),
            ("}]}]", "}]}"),
            ("}]}]", "}]}]x"),
            ("\"code\"", "\"kode\""),
            (",\"penalty\":0", ""),
            ("\"due_on\":\"2026-03-10\",", ""),
        ] {
            assert_eq!(quoted(good.replacen(from, to, 1).as_bytes(), &mut vec![]), None, "{from} → {to}");
        }
        for end in 0..good.len() {
            assert_eq!(quoted(&good.as_bytes()[..end], &mut vec![]), None);
        }
    }
}
