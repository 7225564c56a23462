//! One timed stretch of payments or lookups, with everything that it cost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::field::Field;
use super::load::{self, Pace, Plan};
use super::measure::Milli;
use super::server::Written;
use super::stats::{Spread, percentile};
use super::usage::Spent;
use super::wire::Request;
use crate::out::{line, note};

/// What a stretch cost and gave.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// Expected answers.
    pub(crate) good: u64,
    /// Those a second.
    pub(crate) rate: Milli,
    pub(crate) spent: Spent,
    pub(crate) written: Written,
    /// Microseconds as the client saw them, at 50, 99 and 99.9 of a hundred.
    pub(crate) p50: u32,
    pub(crate) p99: u32,
    pub(crate) p999: u32,
    /// Connections that the gateway had closed.
    pub(crate) reopened: u64,
    /// Any other answers, and the first of them.
    others: u64,
    complaint: Option<String>,
}

impl Slot {
    /// Sends the requests as planned and counts what that took.
    ///
    /// # Errors
    /// When a connection breaks.
    pub(crate) async fn run(field: &Field, plan: Plan, requests: Vec<Request>) -> Result<Self> {
        let written = field.server.written()?;
        let before = field.who.mark()?;
        let seen = load::send(plan, Arc::new(requests), |_, _| None::<()>).await?;
        let spent = before.until(&field.who.mark()?);
        let written = written.until(field.server.written()?);
        let nanos = u64::try_from(seen.elapsed.as_nanos()).unwrap_or(u64::MAX);
        let at = |of_10_000| percentile(&seen.latencies, of_10_000);
        Ok(Self {
            good: seen.good(),
            rate: Milli::divided(seen.good().saturating_mul(1_000_000_000), nanos),
            spent,
            written,
            p50: at(5_000),
            p99: at(9_900),
            p999: at(9_990),
            reopened: seen.reopened,
            others: seen.others.values().sum(),
            complaint: seen.complaint,
        })
    }

    /// Microseconds of processor time for each expected answer.
    pub(crate) fn each(&self, micros: u64) -> Milli {
        Milli::divided(micros, self.good)
    }

    /// One line of figures under `what`, and a word on whatever was not as it should be.
    pub(crate) fn print(&self, what: &str) {
        let each = |micros| self.each(micros).to_string();
        line(&format!(
            "  {what:<22} {:>7}/s  CPU-µs each: gateway {:>5}, PostgreSQL {:>5}, mock {:>5}, client {:>5}  \
             WAL {:>5} B, fsync {:>5}  p50 {}, p99 {}, p99.9 {} ms",
            self.rate.to_string(),
            each(self.spent.gateway),
            each(self.spent.postgres),
            each(self.spent.mock),
            each(self.spent.client),
            Milli::divided(self.written.bytes, self.good).to_string(),
            Milli::divided(self.written.syncs, self.good).to_string(),
            millis(self.p50),
            millis(self.p99),
            millis(self.p999),
        ));
        if self.others > 0 {
            let first = self.complaint.as_deref().unwrap_or_default();
            note(&format!("  ! {} answers were not what they should be; the first: {first}", self.others));
        }
        warn_if_disturbed(&self.spent);
    }
}

/// Says so when others took a good part of the machine.
pub(crate) fn warn_if_disturbed(spent: &Spent) {
    if spent.is_disturbed() {
        note(&format!(
            "  ! the machine was busy with something else for {} of 100 of its time: trust the CPU-µs only",
            spent.others_share()
        ));
    }
}

/// Milliseconds with one decimal.
pub(crate) fn millis(micros: u32) -> String {
    format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
}

/// Median and range of one figure over several stretches.
pub(crate) fn spread(slots: &[Slot], figure: impl Fn(&Slot) -> Milli) -> Spread {
    Spread::of(slots.iter().map(figure))
}

/// How many requests to prepare for a stretch of so many seconds, if the rate is about `rate`.
pub(crate) fn enough(rate: Milli, seconds: u32, pace: Pace) -> usize {
    let (rate, slack) = match pace {
        Pace::Open(rate) => (rate, 0),
        // A stretch that finds its requests spent ends early.
        Pace::Closed => (rate.0.div_ceil(1_000), 3),
    };
    let wanted = rate * u64::from(seconds) * (10 + slack) / 10;
    usize::try_from(wanted).unwrap_or(usize::MAX)
}

/// So many seconds.
pub(crate) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_stretch_has_requests_to_spare() {
        assert_eq!(enough(Milli::whole(1_000), 10, Pace::Closed), 13_000);
        assert_eq!(enough(Milli::whole(1_000), 10, Pace::Open(500)), 5_000);
    }

    #[test]
    fn microseconds_are_shown_as_milliseconds() {
        assert_eq!(millis(12_345), "12.3");
        assert_eq!(millis(900), "0.9");
    }
}
