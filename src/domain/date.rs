//! Dates and times as East Java's counters use them: WIB, a fixed +07:00 without summer time.

use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, Months, NaiveDate, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// WIB, +07:00.
#[must_use]
pub fn wib() -> FixedOffset {
    // 7 h is always within the type's range; UTC would be the visible sign of a broken constant.
    FixedOffset::east_opt(7 * 3600)
        .unwrap_or(FixedOffset::east_opt(0).unwrap_or_else(|| unreachable!("UTC exists")))
}

/// RFC 3339 with `+07:00`, whole seconds, as the API and the protocol write times.
#[must_use]
pub fn rfc3339_wib(at: DateTime<Utc>) -> String {
    at.with_timezone(&wib()).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

const MONTHS: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];

/// `24 November 2026 14.05 WIB`, as people read it.
#[must_use]
pub fn wib_long(at: DateTime<Utc>) -> String {
    let local = at.with_timezone(&wib());
    format!("{} {:02}.{:02} WIB", BusinessDate(local.date_naive()).long(), local.hour(), local.minute())
}

/// `14.05`, the hour in WIB as people read it.
#[must_use]
pub fn wib_hour(at: DateTime<Utc>) -> String {
    let local = at.with_timezone(&wib());
    format!("{:02}.{:02}", local.hour(), local.minute())
}

/// A calendar date in WIB: the day of an accounting book, of a due date, of a penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BusinessDate(NaiveDate);

/// Text that is no date `YYYY-MM-DD` between 1945 and 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date YYYY-MM-DD")]
pub struct InvalidDate;

impl BusinessDate {
    /// Reads `YYYY-MM-DD`, exactly ten characters.
    ///
    /// # Errors
    /// [`InvalidDate`] for anything else, and for years outside 1945–2200.
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        if text.len() != 10 || text.bytes().any(|b| !b.is_ascii_digit() && b != b'-') {
            return Err(InvalidDate);
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| InvalidDate)?;
        if (1945..=2200).contains(&date.year()) { Ok(Self(date)) } else { Err(InvalidDate) }
    }

    /// The WIB date of an instant.
    #[must_use]
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.with_timezone(&wib()).date_naive())
    }

    /// The calendar date, for arithmetic and the database.
    #[must_use]
    pub const fn date(self) -> NaiveDate {
        self.0
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.succ_opt().unwrap_or(self.0))
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.pred_opt().unwrap_or(self.0))
    }

    /// Days from `earlier` to this date; negative when it comes first.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).num_days()
    }

    /// Midnight WIB at which this date begins.
    #[must_use]
    pub fn begins_at(self) -> DateTime<Utc> {
        let midnight = self.0.and_time(chrono::NaiveTime::MIN).and_local_timezone(wib());
        midnight.single().map_or_else(DateTime::<Utc>::default, |at| at.with_timezone(&Utc))
    }

    /// `24 November 2026`, as people read it.
    #[must_use]
    pub fn long(self) -> String {
        let month = MONTHS.get(self.0.month0() as usize).copied().unwrap_or_default();
        format!("{} {} {}", self.0.day(), month, self.0.year())
    }
}

impl From<NaiveDate> for BusinessDate {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl TryFrom<String> for BusinessDate {
    type Error = InvalidDate;
    fn try_from(text: String) -> Result<Self, InvalidDate> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for BusinessDate {
    type Err = InvalidDate;
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        Self::parse(text)
    }
}

impl From<BusinessDate> for String {
    fn from(date: BusinessDate) -> Self {
        date.to_string()
    }
}

impl fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// One year of tax (*masa pajak*): twelve months from its due date, keyed by that date.
/// The anchor day stays: a vehicle due on 29 February is due on 28 February in common years and on the 29th again
/// in the next leap year (domain 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaxPeriod {
    due_on: BusinessDate,
    anchor_day: u32,
}

impl TaxPeriod {
    /// The period that begins on `due_on`, anchored to that day of the month.
    #[must_use]
    pub fn starting(due_on: BusinessDate) -> Self {
        Self { due_on, anchor_day: due_on.date().day() }
    }

    /// The date on which it falls due.
    #[must_use]
    pub const fn due_on(self) -> BusinessDate {
        self.due_on
    }

    /// The period of the following year, at the anchor day where that month has it.
    #[must_use]
    pub fn next(self) -> Self {
        let year = self.due_on.date().year() + 1;
        let month = self.due_on.date().month();
        let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(self.due_on.date());
        let last_day =
            first.checked_add_months(Months::new(1)).and_then(|d| d.pred_opt()).map_or(28, |d| d.day());
        let due = first.with_day(self.anchor_day.min(last_day)).unwrap_or(first);
        Self { due_on: BusinessDate(due), anchor_day: self.anchor_day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    #[test]
    fn the_29th_of_february_keeps_its_anchor_over_common_years() {
        let mut period = TaxPeriod::starting(date("2028-02-29"));
        let mut due = vec![];
        for _ in 0..4 {
            period = period.next();
            due.push(period.due_on().to_string());
        }
        assert_eq!(due, ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
    }

    #[test]
    fn a_date_begins_at_midnight_wib() {
        let begins = date("2026-11-24").begins_at();
        assert_eq!(begins.to_rfc3339(), "2026-11-23T17:00:00+00:00");
        assert_eq!(BusinessDate::of(begins), date("2026-11-24"));
        assert_eq!(BusinessDate::of(begins - chrono::TimeDelta::seconds(1)), date("2026-11-23"));
        assert_eq!(wib_long(begins), "24 November 2026 00.00 WIB");
        assert_eq!(rfc3339_wib(begins), "2026-11-24T00:00:00+07:00");
    }

    #[test]
    fn only_ten_characters_make_a_date() {
        for text in ["2026-2-1", "2026-02-30", "20260201", " 2026-02-01", "2026-02-01T", "0001-01-01", ""] {
            assert_eq!(BusinessDate::parse(text), Err(InvalidDate), "{text}");
        }
    }
}
