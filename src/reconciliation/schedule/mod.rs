//! The night by itself: at the configured hour in WIB, for the day before, on exactly one gateway.
//!
//! A gateway runs it while it holds the lease `night`, told by the database's clock, and publishes only under the
//! lease's fencing number: one that slept through its lease publishes nothing. After downtime every date since the first
//! payment's is made up for, oldest first, because each file names its predecessor. A date whose files are late is tried
//! again with growing intervals, which stand in the database and outlive a restart.

pub(crate) mod store;

use std::convert::Infallible;
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::report::Report;
use super::run::{Night, NightError};
use crate::domain::{BusinessDate, Timestamp, wib};

/// How often a gateway looks whether a night is due.
const TICK: Duration = Duration::from_secs(20);
/// How often a running night renews its lease, a third of the lease's 90 s.
const RENEWAL: Duration = Duration::from_secs(30);
/// Minutes until a date is tried again, by the number of tries so far; then the last for ever.
const RETRY_MINUTES: [i64; 6] = [1, 2, 5, 10, 20, 30];

/// The right to publish by schedule, while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// This gateway.
    pub holder: Uuid,
    /// Grows with each new holder.
    pub fence: i64,
}

/// `night.at` that is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("night.at is not a time HH:MM: {0}")]
pub struct InvalidHour(String);

/// What one look at the clock led to.
#[derive(Debug)]
pub enum Turn {
    /// Another gateway has the lease.
    Elsewhere,
    /// Every date that is due is published, or there was never a payment.
    NothingDue,
    /// The oldest date that is due waits for its next try.
    Waiting(BusinessDate),
    /// These dates were published; the last may have failed.
    Ran(Vec<Report>, Option<(BusinessDate, NightError)>),
}

/// The nights of one gateway.
#[derive(Debug, Clone)]
pub struct Schedule {
    night: Night,
    at: NaiveTime,
    holder: Uuid,
}

impl Schedule {
    /// Prepares; `at` is `HH:MM` in WIB.
    ///
    /// # Errors
    /// [`InvalidHour`].
    pub fn new(night: Night, at: &str) -> Result<Self, InvalidHour> {
        let at = NaiveTime::parse_from_str(at, "%H:%M").map_err(|_| InvalidHour(at.to_owned()))?;
        Ok(Self { night, at, holder: Uuid::now_v7() })
    }

    /// Looks at the clock until told to stop. A night under way is let to its end.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            match self.run_once(self.night.clock.now()).await {
                Ok(Turn::Ran(_, Some((date, error)))) => {
                    tracing::warn!(night.date = %date, error = %error, "The night is not published and will be tried again.");
                }
                Ok(Turn::Elsewhere | Turn::NothingDue | Turn::Waiting(_) | Turn::Ran(_, None)) => {}
                Err(error) => tracing::warn!(error = %error, "The night's schedule cannot be read."),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Publishes whatever is due at `now`, oldest first, until one date fails.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the schedule itself cannot be read or written.
    pub async fn run_once(&self, now: Timestamp) -> Result<Turn, sqlx::Error> {
        let Some(lease) = store::lease(&mut *self.connect().await?, self.holder).await? else {
            return Ok(Turn::Elsewhere);
        };
        let mut reports = vec![];
        loop {
            let Some(date) = self.oldest_due(now).await? else {
                let done = if reports.is_empty() { Turn::NothingDue } else { Turn::Ran(reports, None) };
                return Ok(done);
            };
            let attempt = store::attempt(&mut *self.connect().await?, date).await?;
            if attempt.is_some_and(|(_, next_try_at)| next_try_at > now) {
                let waits = if reports.is_empty() { Turn::Waiting(date) } else { Turn::Ran(reports, None) };
                return Ok(waits);
            }
            match self.under_lease(date, lease).await {
                Ok(report) => {
                    store::forget_attempt(&mut *self.connect().await?, date).await?;
                    reports.push(report);
                }
                Err(error) => {
                    let tries = attempt.map_or(0, |(tries, _)| tries);
                    let next = now + retry_in(tries);
                    let reason = error.to_string();
                    store::note_attempt(&mut *self.connect().await?, date, (tries + 1, next), &reason)
                        .await?;
                    return Ok(Turn::Ran(reports, Some((date, error))));
                }
            }
        }
    }

    /// A connection for one step: none is kept from the resolver while a night runs.
    async fn connect(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.night.db.workers.acquire().await
    }

    /// The oldest date without a published night: from the first payment's business date to yesterday, or to the day
    /// before yesterday until the hour has come.
    async fn oldest_due(&self, now: Timestamp) -> Result<Option<BusinessDate>, sqlx::Error> {
        let mut connection = self.connect().await?;
        let Some(first) = store::first_business_date(&mut connection).await? else { return Ok(None) };
        let published = store::published_since(&mut connection, first).await?;
        let last = last_due(now, self.at);
        let days = std::iter::successors(Some(first), |day| Some(day.next()));
        Ok(days.take_while(|day| *day <= last).find(|day| !published.contains(day)))
    }

    async fn under_lease(&self, date: BusinessDate, lease: Lease) -> Result<Report, NightError> {
        tokio::select! {
            done = self.night.run_under(date, lease) => done,
            never = self.keep(lease) => match never {},
        }
    }

    /// Renews the lease again and again. A renewal that fails is no matter: whoever lost the lease is told by the fence.
    async fn keep(&self, lease: Lease) -> Infallible {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Ok(mut connection) = self.connect().await
                && let Err(error) = store::renew(&mut connection, lease).await
            {
                tracing::debug!(error = %error, "The night's lease is not renewed.");
            }
        }
    }
}

fn last_due(now: Timestamp, at: NaiveTime) -> BusinessDate {
    let yesterday = BusinessDate::of(now).previous();
    if now.with_timezone(&wib()).time() >= at { yesterday } else { yesterday.previous() }
}

fn retry_in(tries: i32) -> TimeDelta {
    let at = usize::try_from(tries).unwrap_or_default().min(RETRY_MINUTES.len() - 1);
    TimeDelta::minutes(RETRY_MINUTES.get(at).copied().unwrap_or(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yesterday_is_due_only_once_its_hour_has_come() {
        let at = NaiveTime::from_hms_opt(1, 30, 0).unwrap();
        for (now, due) in [
            ("2026-11-25T01:29:59+07:00", "2026-11-23"),
            ("2026-11-25T01:30:00+07:00", "2026-11-24"),
            ("2026-11-25T23:59:59+07:00", "2026-11-24"),
            ("2026-11-26T00:00:00+07:00", "2026-11-24"),
        ] {
            let now = chrono::DateTime::parse_from_rfc3339(now).unwrap().to_utc();
            assert_eq!(last_due(now, at).to_string(), due);
        }
    }

    #[test]
    fn a_late_file_is_asked_for_ever_more_rarely() {
        let minutes: Vec<i64> = (0..8).map(|tries| retry_in(tries).num_minutes()).collect();
        assert_eq!(minutes, [1, 2, 5, 10, 20, 30, 30, 30]);
    }
}
