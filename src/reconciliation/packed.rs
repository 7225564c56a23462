//! Lines in few bytes: the rows of one reference that stand together share what names their booking.
//!
//! A group is its length (4 bytes), the reference (16), the host's number and the plate (each with its length), the bill
//! (8), and its lines: place in the file, due date, code, beneficiary, principal, penalty, each as a variable-length
//! number, places and dates as the difference from the line before. Spools and the stored matches hold the same form.

use std::num::NonZeroUsize;

use chrono::{Datelike, NaiveDate};

use super::row::RowStatus;
use crate::domain::{Beneficiary, BusinessDate, REGIONS, RegionCode};

/// One line, in numbers alone.
#[expect(clippy::struct_field_names, reason = "the protocol calls it so")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// The period's key, as [`day_number`].
    pub(crate) due_on: u32,
    /// By the numbering of whoever packs.
    pub(crate) code: u16,
    /// As [`payee_number`].
    pub(crate) payee: u16,
    pub(crate) status: RowStatus,
    pub(crate) line_no: u32,
    pub(crate) principal: i64,
    pub(crate) penalty: i64,
}

/// What the lines of a group share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) reference: u128,
    pub(crate) number: &'a str,
    pub(crate) document: u64,
    pub(crate) plate: &'a str,
}

/// Bytes that are no group: our own bug, or somebody else's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("packed lines are broken")]
pub(crate) struct Broken;

/// A date whose order is that of its number: 20260310.
pub(crate) fn day_number(date: BusinessDate) -> u32 {
    let date = date.date();
    u32::try_from(date.year()).unwrap_or_default() * 10_000 + date.month() * 100 + date.day()
}

/// The date of such a number.
pub(crate) fn day_of(number: u32) -> Option<BusinessDate> {
    let year = i32::try_from(number / 10_000).ok()?;
    NaiveDate::from_ymd_opt(year, number / 100 % 100, number % 100).map(BusinessDate::from)
}

/// Beneficiaries in their order: the province, regions by their own numbers, the treasury, Jasa Raharja.
pub(crate) fn payee_number(beneficiary: Beneficiary) -> u16 {
    match beneficiary {
        Beneficiary::Province => 0,
        Beneficiary::Region(region) => region.get(),
        Beneficiary::Treasury => 9_000,
        Beneficiary::JasaRaharja => 9_001,
    }
}

/// The beneficiary of such a number.
pub(crate) fn payee_of(number: u16) -> Option<Beneficiary> {
    match number {
        0 => Some(Beneficiary::Province),
        9_000 => Some(Beneficiary::Treasury),
        9_001 => Some(Beneficiary::JasaRaharja),
        region => RegionCode::parse(&region.to_string()).ok().map(Beneficiary::Region),
    }
}

/// The number of a date as it is spelled everywhere: ten bytes, a day that exists in a year that can be.
pub(crate) fn day_in(text: &[u8]) -> Option<u32> {
    let digits = |range: std::ops::Range<usize>| {
        let digit = |n: u32, byte: &u8| byte.is_ascii_digit().then(|| n * 10 + u32::from(byte - b'0'));
        text.get(range)?.iter().try_fold(0_u32, digit)
    };
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let shaped = text.len() == 10 && (text.get(4), text.get(7)) == (Some(&b'-'), Some(&b'-'));
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
        .filter(|_| shaped && (1945..=2200).contains(&year))?;
    Some(year * 10_000 + month * 100 + day)
}

/// The number of a beneficiary as it is spelled everywhere.
pub(crate) fn payee_in(name: &[u8]) -> Option<u16> {
    let region = |digits: &[u8]| {
        let digit = |n: u16, byte: &u8| byte.is_ascii_digit().then(|| n * 10 + u16::from(byte - b'0'));
        let number = digits.iter().try_fold(0_u16, digit)?;
        REGIONS.binary_search_by_key(&number, |(code, _)| *code).is_ok().then_some(number)
    };
    match name {
        b"35" => Some(payee_number(Beneficiary::Province)),
        b"RKUN" => Some(payee_number(Beneficiary::Treasury)),
        b"JASA_RAHARJA" => Some(payee_number(Beneficiary::JasaRaharja)),
        code if code.len() == 4 => region(code),
        _ => None,
    }
}

/// Writes a group.
pub(crate) fn pack(out: &mut Vec<u8>, head: &Head<'_>, lines: &[Line]) {
    let begins = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&head.reference.to_be_bytes());
    out.extend_from_slice(&head.document.to_le_bytes());
    for text in [head.number, head.plate] {
        out.push(u8::try_from(text.len()).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
    }
    let (mut line_no, mut due_on) = (0_i64, 0_i64);
    for line in lines {
        let (place, due) = (i64::from(line.line_no), i64::from(line.due_on));
        put(out, zigzag(place - line_no));
        put(out, zigzag(due - due_on));
        (line_no, due_on) = (place, due);
        put(out, u64::from(line.code) << 1 | u64::from(line.status == RowStatus::Reversed));
        put(out, u64::from(line.payee));
        put(out, zigzag(line.principal));
        put(out, zigzag(line.penalty));
    }
    let len = u32::try_from(out.len() - begins - 4).unwrap_or_default();
    if let Some(place) = out.get_mut(begins..begins + 4) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

/// The length of a group, from its first four bytes, those included.
pub(crate) fn length(first: &[u8]) -> Option<NonZeroUsize> {
    let len = u32::from_le_bytes(first.get(..4)?.try_into().ok()?);
    NonZeroUsize::new(usize::try_from(len).ok()?.checked_add(4)?)
}

/// The reference of a group, from its first twenty bytes.
pub(crate) fn reference(first: &[u8]) -> Option<u128> {
    Some(u128::from_be_bytes(first.get(4..20)?.try_into().ok()?))
}

/// Reads a whole group; its lines go to the end of `lines`.
pub(crate) fn unpack<'a>(group: &'a [u8], lines: &mut Vec<Line>) -> Result<Head<'a>, Broken> {
    let mut rest = Rest(group.get(4..).ok_or(Broken)?);
    let reference = u128::from_be_bytes(rest.array()?);
    let document = u64::from_le_bytes(rest.array()?);
    let number = rest.text()?;
    let plate = rest.text()?;
    let (mut line_no, mut due_on) = (0_i64, 0_i64);
    while !rest.0.is_empty() {
        line_no = line_no.wrapping_add(unzigzag(rest.number()?));
        due_on = due_on.wrapping_add(unzigzag(rest.number()?));
        let code = rest.number()?;
        lines.push(Line {
            due_on: u32::try_from(due_on).map_err(|_| Broken)?,
            code: u16::try_from(code >> 1).map_err(|_| Broken)?,
            status: if code & 1 == 0 { RowStatus::Paid } else { RowStatus::Reversed },
            payee: u16::try_from(rest.number()?).map_err(|_| Broken)?,
            line_no: u32::try_from(line_no).map_err(|_| Broken)?,
            principal: unzigzag(rest.number()?),
            penalty: unzigzag(rest.number()?),
        });
    }
    Ok(Head { reference, number, document, plate })
}

/// Bytes being read.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl<'a> Rest<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        self.take(N)?.try_into().map_err(|_| Broken)
    }

    /// A text after its length in one byte.
    pub(crate) fn text(&mut self) -> Result<&'a str, Broken> {
        let [len] = self.array()?;
        std::str::from_utf8(self.take(usize::from(len))?).map_err(|_| Broken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0_u64;
        for (at, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = self.0.get(at + 1..).ok_or(Broken)?;
                return Ok(number);
            }
        }
        Err(Broken)
    }
}

/// Seven bits a byte, the lowest first.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> impl Strategy<Value = Line> {
        let reversed = any::<bool>().prop_map(|r| if r { RowStatus::Reversed } else { RowStatus::Paid });
        (any::<u32>(), any::<u16>(), any::<u16>(), reversed, any::<u32>(), any::<i64>(), any::<i64>())
            .prop_map(|(due_on, code, payee, status, line_no, principal, penalty)| Line {
                due_on,
                code,
                payee,
                status,
                line_no,
                principal,
                penalty,
            })
    }

    proptest! {
        #[test]
        fn a_group_comes_out_as_it_went_in(
            lines in prop::collection::vec(line(), 0..20), reference: u128, document: u64,
            number in "[!-~]{1,64}", plate in "[A-Z]{1,2}[1-9][0-9]{0,3}[A-ZØ]{0,3}",
        ) {
            let head = Head { reference, number: &number, document, plate: &plate };
            let mut bytes = vec![7];
            pack(&mut bytes, &head, &lines);
            let group = &bytes[1..];
            prop_assert_eq!(length(group).map(NonZeroUsize::get), Some(group.len()));
            prop_assert_eq!(super::reference(group), Some(reference));
            let mut out = vec![];
            prop_assert_eq!(unpack(group, &mut out), Ok(head));
            prop_assert_eq!(out, lines);
        }

        #[test]
        fn whatever_bytes_are_read_nothing_panics(bytes: Vec<u8>) {
            let _ = (unpack(&bytes, &mut vec![]), length(&bytes), super::reference(&bytes));
        }
    }

    #[test]
    fn numbers_keep_the_order_of_what_they_name() {
        let all = ["35", "3501", "3529", "3571", "3579", "RKUN", "JASA_RAHARJA"]
            .map(|name| Beneficiary::parse(name).unwrap());
        assert!(all.windows(2).all(|two| two[0] < two[1] && payee_number(two[0]) < payee_number(two[1])));
        assert!(all.iter().all(|payee| payee_of(payee_number(*payee)) == Some(*payee)));
        assert!(all.iter().all(|payee| payee_in(payee.to_string().as_bytes()) == Some(payee_number(*payee))));
        for text in ["36", "3530", "3", "rkun", "", "+501", "35.7"] {
            assert_eq!(payee_in(text.as_bytes()), None);
        }
        for text in ["2026-02-29", "1944-12-31", "2201-01-01", "2026-3-10x", "2026/03/10", "+026-03-10", ""] {
            assert_eq!(day_in(text.as_bytes()), None);
        }
        for text in ["1945-01-01", "2026-02-28", "2200-12-31"] {
            let date = BusinessDate::parse(text).unwrap();
            assert_eq!(day_of(day_number(date)), Some(date));
            assert_eq!(day_in(text.as_bytes()), Some(day_number(date)));
        }
    }
}
