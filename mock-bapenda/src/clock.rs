//! The hosts' clock: real time plus an offset that tests may move.
//!
//! Promises: every date is the calendar date in WIB (UTC+7, no summer time), every text form carries `+07:00`.
//! Never reads the clock anywhere else in this crate.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// WIB is seven hours ahead of UTC the whole year.
const WIB_MS: i64 = 7 * 3_600_000;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(i64);

impl Moment {
    /// Reads RFC 3339 with any offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|time| Self(time.timestamp_millis()))
    }

    /// 23:59:59 in WIB on that date.
    pub(crate) fn end_of(date: NaiveDate) -> Self {
        let midnight = NaiveDateTime::new(date, NaiveTime::MIN).and_utc().timestamp_millis() - WIB_MS;
        Self(midnight + 86_399_000)
    }

    pub(crate) fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when it lies before.
    pub(crate) fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar date in WIB.
    pub(crate) fn date(self) -> NaiveDate {
        self.local().date()
    }

    /// RFC 3339 to the second, cut off, as the protocol's examples show times.
    pub(crate) fn to_second(self) -> String {
        self.local().format("%Y-%m-%dT%H:%M:%S+07:00").to_string()
    }

    /// RFC 3339 to the millisecond, for `X-Timestamp`.
    pub(crate) fn to_millisecond(self) -> String {
        self.local().format("%Y-%m-%dT%H:%M:%S%.3f+07:00").to_string()
    }

    fn local(self) -> NaiveDateTime {
        DateTime::<Utc>::from_timestamp_millis(self.0.saturating_add(WIB_MS)).unwrap_or_default().naive_utc()
    }
}

/// Real time plus the offset that the tests set.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn now(&self) -> Moment {
        Self::real().plus_ms(self.offset_ms.load(Ordering::SeqCst))
    }

    /// The machine's own clock; only the five-minute rule looks at it besides the host's.
    pub(crate) fn real() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub(crate) fn set_offset_ms(&self, ms: i64) {
        self.offset_ms.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn a_day_begins_at_midnight_in_wib() {
        let before = Moment::parse("2026-11-24T16:59:59.999Z").unwrap();
        assert_eq!(before.date().to_string(), "2026-11-24");
        assert_eq!(before.plus_ms(1).date().to_string(), "2026-11-25");
        assert_eq!(before.to_millisecond(), "2026-11-24T23:59:59.999+07:00");
        assert_eq!(Moment::end_of(before.date()).to_second(), "2026-11-24T23:59:59+07:00");
    }
}
