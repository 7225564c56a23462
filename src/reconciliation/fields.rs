//! One record of RFC 4180, read strictly: what a lenient reader would guess at is refused.
//!
//! A field is bare text without quote or comma, or stands wholly in quotes with `""` for a quote. No record of a
//! settlement file can hold a line break, so a record is a line and its number is the complaint's.

use std::borrow::Cow;

use chrono::DateTime;

use super::settlement::Flaw;
use crate::domain::{Rupiah, Timestamp};

/// Longest record that is looked at, in bytes: fourteen fields of the protocol need less than 300, a trailer with a
/// hundred codes less than 4,000.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;

/// Splits a line, without its line feed, into its fields.
pub(crate) fn split<'a>(line: &'a str, fields: &mut Vec<Cow<'a, str>>) -> Result<(), Flaw> {
    fields.clear();
    if line.contains(['\r', '\0']) {
        return Err(Flaw::Shape("a carriage return or NUL; lines end in LF alone"));
    }
    let mut rest = line;
    loop {
        let (field, after) = if rest.starts_with('"') { quoted(rest)? } else { bare(rest)? };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(()),
        }
    }
}

fn bare(text: &str) -> Result<(Cow<'_, str>, &str), Flaw> {
    let (field, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    if field.contains('"') {
        return Err(Flaw::Shape("a quote inside an unquoted field"));
    }
    Ok((Cow::Borrowed(field), after))
}

fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), Flaw> {
    let mut field = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err(Flaw::Shape("a quoted field without its closing quote"));
        };
        field.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            field.push('"');
            rest = more;
        } else if after.is_empty() || after.starts_with(',') {
            return Ok((Cow::Owned(field), after));
        } else {
            return Err(Flaw::Shape("text after a closing quote"));
        }
    }
}

/// A number without leading zeros, sign or space.
pub(crate) fn count(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// Whole rupiah, `-` for less than nothing; `-0` and `+1` are no amounts.
pub(crate) fn rupiah(text: &str) -> Option<Rupiah> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let amount = Rupiah::new(i64::try_from(count(digits)?).ok()?).ok()?;
    match (negative, amount.is_zero()) {
        (true, true) => None,
        (true, false) => Some(amount.negated()),
        (false, _) => Some(amount),
    }
}

/// RFC 3339 in WIB, as the protocol writes times.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let shaped = text.len() <= 35 && text.ends_with("+07:00") && text.as_bytes().get(10) == Some(&b'T');
    if shaped { DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()) } else { None }
}

/// A SHA-256 in lower hex.
pub(crate) fn sha256(text: &str) -> Option<[u8; 32]> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut digest = [0; 32];
    if lower && hex::decode_to_slice(text, &mut digest).is_ok() { Some(digest) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<String>, Flaw> {
        let mut fields = vec![];
        split(line, &mut fields)?;
        Ok(fields.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn fields_are_bare_or_wholly_quoted() {
        assert_eq!(read("D,1,").unwrap(), ["D", "1", ""]);
        assert_eq!(read(r#""D","a,b","say ""no""""#).unwrap(), ["D", "a,b", "say \"no\""]);
        assert_eq!(read("").unwrap(), [""]);
        for line in ["a\"b", "\"a", "\"a\"b", "a\r", "\"a\r\"", "a\0b", "\"a\"\"", "a,\"b"] {
            assert!(matches!(read(line), Err(Flaw::Shape(_))), "{line:?}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!((count("0"), count("17")), (Some(0), Some(17)));
        for text in ["", "00", "07", "+1", "-1", " 1", "1 ", "1.0", "1e3", "٣", "99999999999999999999"] {
            assert_eq!(count(text), None, "{text}");
        }
        assert_eq!(rupiah("-216000").map(Rupiah::get), Some(-216_000));
        for text in ["-0", "--1", "-", "1000000000000001", "1,000"] {
            assert_eq!(rupiah(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_wib_and_hashes_lower_hex() {
        assert!(time("2026-11-24T09:41:07+07:00").is_some());
        for text in
            ["2026-11-24T09:41:07Z", "2026-11-24T09:41:07+08:00", "2026-11-24 09:41:07+07:00", "+07:00"]
        {
            assert_eq!(time(text), None, "{text}");
        }
        assert!(sha256(&"0a".repeat(32)).is_some());
        for text in ["0A".repeat(32), "0a".repeat(31), "0g".repeat(32)] {
            assert_eq!(sha256(&text), None, "{text}");
        }
    }
}
