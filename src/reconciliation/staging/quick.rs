//! The line that a busy day has a million of, read in place.
//!
//! Promises that what it returns is what the strict reader would return. It knows fewer spellings: where it is not sure
//! it says nothing, and the strict reader's own code reads the line.

use crate::domain::{Authority, Timestamp};
use crate::reconciliation::packed::{Head, Line};
use crate::reconciliation::row::{
    Codes, DocumentId, RowStatus, ShortPlate, number_fits, shaped_number, uuid,
};
use crate::reconciliation::{fields, packed};

/// Remembers of the last line what the next one is likely to repeat.
pub(super) struct Quick<'a> {
    sender: Authority,
    /// Reference, number, bill and plate as they stand in the file, with the comma after them.
    front: &'a [u8],
    head: Head<'a>,
    /// Booked at, agent and status.
    back: &'a [u8],
    booked_at: Timestamp,
    status: RowStatus,
    due: ([u8; 10], u32),
    codes: Vec<(&'a [u8], u16)>,
}

impl<'a> Quick<'a> {
    pub(super) fn new(sender: Authority) -> Self {
        Self {
            sender,
            front: b"",
            head: Head { reference: 0, number: "", document: 0, plate: "" },
            back: b"",
            booked_at: Timestamp::default(),
            status: RowStatus::Paid,
            due: ([0; 10], 0),
            codes: vec![],
        }
    }

    /// What the last line that was read names.
    pub(super) fn head(&self) -> Head<'a> {
        self.head
    }

    pub(super) fn booked_at(&self) -> Timestamp {
        self.booked_at
    }

    /// Reads a `D` record, if it is one of the usual kind.
    pub(super) fn read(&mut self, line: &'a [u8], codes: &mut Codes) -> Option<Line> {
        let rest = line.strip_prefix(b"D,")?;
        // Counted instead of looked for: that takes a whole line at a stroke.
        if line.iter().filter(|byte| !matches!(byte, b' '..=b'~') || **byte == b'"').count() > 0 {
            return None;
        }
        let (line_no, rest) = number(rest)?;
        let rest = self.front(rest)?;
        let (due_on, rest) = rest.split_at_checked(10)?;
        let due_on = self.day(due_on.try_into().ok()?)?;
        let (code, rest) = field(rest.strip_prefix(b",")?)?;
        let (payee, rest) = field(rest)?;
        let (principal, rest) =
            number(rest.strip_prefix(b"-").unwrap_or(rest)).map(|(n, after)| (signed(rest, n), after))?;
        let (penalty, rest) =
            number(rest.strip_prefix(b"-").unwrap_or(rest)).map(|(n, after)| (signed(rest, n), after))?;
        self.back(rest)?;
        let fits = |amount: Option<i64>| {
            amount.filter(|amount| if self.status == RowStatus::Paid { *amount >= 0 } else { *amount <= 0 })
        };
        let (principal, penalty) = (fits(principal)?, fits(penalty)?);
        Some(Line {
            due_on,
            code: self.code(code, codes)?,
            payee: packed::payee_in(payee)?,
            status: self.status,
            line_no: u32::try_from(line_no).ok()?,
            principal,
            penalty,
        })
    }

    fn front(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if !self.front.is_empty() && rest.starts_with(self.front) {
            return rest.get(self.front.len()..);
        }
        let (reference, after) = field(rest)?;
        let (number, after) = field(after)?;
        let (document, after) = field(after)?;
        let (plate, after) = field(after)?;
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        let (number, plate) = (text(number)?, text(plate)?);
        let shaped = match self.sender {
            Authority::Bapenda => number_fits(self.sender, number),
            Authority::JasaRaharja => shaped_number(number).is_some(),
        };
        if !shaped || ShortPlate::parse(plate).is_none() {
            return None;
        }
        self.head = Head {
            reference: uuid(text(reference)?)?.0.as_u128(),
            number,
            document: DocumentId::parse(text(document)?)?.number(),
            plate,
        };
        self.front = rest.get(..rest.len() - after.len())?;
        Some(after)
    }

    fn back(&mut self, rest: &'a [u8]) -> Option<()> {
        if rest == self.back {
            return Some(());
        }
        let (at, after) = field(rest)?;
        let (agent, status) = field(after)?;
        let status = match status {
            b"PAID" => RowStatus::Paid,
            b"REVERSED" => RowStatus::Reversed,
            _ => return None,
        };
        if !(1..=64).contains(&agent.len()) || agent.contains(&b' ') {
            return None;
        }
        // Times often differ only in what they belong to, not in their text.
        if !self.back.strip_prefix(at).is_some_and(|rest| rest.starts_with(b",")) {
            self.booked_at = fields::time(std::str::from_utf8(at).ok()?)?;
        }
        (self.status, self.back) = (status, rest);
        Some(())
    }

    fn day(&mut self, text: [u8; 10]) -> Option<u32> {
        if self.due.0 == text {
            return Some(self.due.1);
        }
        self.due = (text, packed::day_in(&text)?);
        Some(self.due.1)
    }

    fn code(&mut self, name: &'a [u8], codes: &mut Codes) -> Option<u16> {
        if let Some((_, code)) = self.codes.iter().find(|(known, _)| *known == name) {
            return Some(*code);
        }
        let code = codes.take(std::str::from_utf8(name).ok()?).ok()?.0;
        // More names than a busy day has are looked up where all are.
        if self.codes.len() < 16 {
            self.codes.push((name, code));
        }
        Some(code)
    }
}

/// A field and what follows its comma.
fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b',')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A number in its one spelling, up to 10^15, and what follows its comma.
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0_i64;
    for (at, byte) in text.iter().enumerate().take(16) {
        match byte {
            b',' if at > 0 => {
                let canonical = at == 1 || text.first() != Some(&b'0');
                return text.get(at + 1..).filter(|_| canonical).map(|after| (number, after));
            }
            b'0'..=b'9' if at < 15 => number = number * 10 + i64::from(byte - b'0'),
            _ => return None,
        }
    }
    None
}

/// The number with the sign that stood before it; `-0` is none.
fn signed(text: &[u8], number: i64) -> Option<i64> {
    if text.starts_with(b"-") { (number != 0).then_some(-number) } else { Some(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(number(b"0,x"), Some((0, &b"x"[..])));
        assert_eq!(number(b"999999999999999,"), Some((999_999_999_999_999, &b""[..])));
        for text in
            [&b",x"[..], b"00,", b"07,", b"+1,", b" 1,", b"1 ,", b"1", b"", b"1000000000000000,", b"-1,"]
        {
            assert_eq!(number(text), None);
        }
        assert_eq!((signed(b"-5", 5), signed(b"5", 5), signed(b"-0", 0)), (Some(-5), Some(5), None));
    }
}
