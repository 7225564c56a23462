//! The one place that reads the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use super::BusinessDate;

/// An instant.
pub type Timestamp = DateTime<Utc>;

/// The time as this gateway believes it. Business times are read here once per step and passed on; leases use the
/// database's clock instead, and whether a payment can still be booked is told by the authorities' clocks alone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Moves this clock against the machine's, for tests of midnight and of a wrong clock.
    pub fn shift(&self, by: TimeDelta) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// Now, in whole microseconds: what `PostgreSQL` keeps.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    pub fn now(&self) -> Timestamp {
        let now = Utc::now() + TimeDelta::milliseconds(self.offset_ms.load(Ordering::SeqCst));
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// Today in WIB.
    #[must_use]
    pub fn today(&self) -> BusinessDate {
        BusinessDate::of(self.now())
    }
}
