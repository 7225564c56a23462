//! A night: both files fetched and read, every line classified, doubts ended, the result published. All or nothing,
//! but for the doubts: each is its own guarded move, true whether or not this run comes to its end.
//!
//! No transaction is open while a host is asked. A run that dies leaves nothing behind but doubts that ended; the next
//! run of the date says of them what this one would have said.

use std::sync::Arc;
use std::time::Instant;

use sqlx::{Connection, Executor, PgConnection};

use super::chain::{self, Link, Misfit, Predecessor};
use super::classify::{Classification, ClassifyError};
use super::matching::Settles;
use super::publish::{self, Publication, PublishError, store};
use super::report::Report;
use super::schedule::{Lease, store::first_business_date};
use super::settlement::Complaint;
use super::spool::SpoolDir;
use super::staging::{StageError, Staged, stage};
use crate::db::Db;
use crate::domain::{Authority, BusinessDate, Clock};
use crate::payment::{PayError, Payments};
use crate::receipt::SigningKey;
use crate::upstream::{SettlementError, Upstream};

/// How often a run is classified again because another night claimed one of its lines meanwhile.
const CLASSIFICATIONS_MAX: u32 = 3;

/// Why a night was not published.
#[derive(Debug, thiserror::Error)]
pub enum NightError {
    /// An authority has no file of that date yet.
    #[error("{0} has no settlement file of {1} yet")]
    NotReady(Authority, BusinessDate),
    /// An authority gave no usable answer.
    #[error("{0} gave no settlement file of {1}: {2}")]
    Unavailable(Authority, BusinessDate, String),
    /// A file is broken in itself.
    #[error(transparent)]
    Refused(#[from] Complaint),
    /// A file does not fit its predecessors.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A line could not be classified, or the sides do not balance.
    #[error(transparent)]
    Classify(ClassifyError),
    /// The result could not be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A doubt could not be moved.
    #[error("a doubt could not be ended: {0}")]
    Settle(#[from] PayError),
    /// A statement failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file could not be kept or read here.
    #[error("{0}")]
    Here(String),
}

impl From<ClassifyError> for NightError {
    fn from(error: ClassifyError) -> Self {
        match error {
            ClassifyError::Refused(complaint) => Self::Refused(complaint),
            other => Self::Classify(other),
        }
    }
}

/// What the night works with.
#[derive(Debug, Clone)]
pub struct Night {
    /// The workers' connections, and those of its own on which it streams.
    pub db: Db,
    /// The authorities.
    pub upstream: Upstream,
    /// The time.
    pub clock: Clock,
    /// Signs results.
    pub key: Arc<SigningKey>,
    /// Who moves payments, through the one guard.
    pub payments: Payments,
    /// Where it keeps what memory should not hold.
    pub spools: SpoolDir,
}

struct Fetched {
    staged: Arc<Staged>,
    taken: Vec<BusinessDate>,
}

impl Night {
    /// Reconciles a business date and publishes the result.
    ///
    /// # Errors
    /// [`NightError`] when nothing was published.
    pub async fn run(&self, date: BusinessDate) -> Result<Report, NightError> {
        self.run_with(date, None).await
    }

    /// The same by schedule: publishes only while the lease is this gateway's.
    ///
    /// # Errors
    /// [`NightError`] when nothing was published.
    pub async fn run_under(&self, date: BusinessDate, lease: Lease) -> Result<Report, NightError> {
        self.run_with(date, Some(lease)).await
    }

    async fn run_with(&self, date: BusinessDate, lease: Option<Lease>) -> Result<Report, NightError> {
        let began = Instant::now();
        let [bapenda, jasa_raharja] = Authority::ALL;
        let (first, second) = tokio::join!(self.fetch(bapenda, date), self.fetch(jasa_raharja, date));
        for missing in [&first, &second].into_iter().filter_map(|fetched| fetched.as_ref().err()) {
            self.note_missing(missing).await?;
        }
        let files = [first?, second?];
        let staged = Instant::now();
        let (mut report, matched) = self.classify_and_publish(date, lease, &files).await?;
        report.seconds = began.elapsed().as_secs();
        tracing::info!(
            night.date = %date, night.revision = report.revision, night.lines = report.lines,
            night.cases_opened = report.cases_opened, night.staging_ms = millis(staged - began),
            night.matching_ms = millis(matched - staged), night.publishing_ms = millis(matched.elapsed()),
            "The night is published."
        );
        Ok(report)
    }

    async fn fetch(&self, authority: Authority, date: BusinessDate) -> Result<Fetched, NightError> {
        let staged = self.stage(authority, date).await?;
        let mut connection = self.db.workers.acquire().await?;
        let taken = store::taken(&mut connection, authority).await?;
        drop(connection);
        if chain::fits(&staged.file, &taken)? == Link::AskForPredecessor {
            let shown = self.predecessor(authority, date.previous()).await?;
            chain::follows(&staged.file, &taken, &shown)?;
        }
        let taken = taken.into_iter().map(|known| known.date).collect();
        Ok(Fetched { staged: Arc::new(staged), taken })
    }

    async fn stage(&self, authority: Authority, date: BusinessDate) -> Result<Staged, NightError> {
        let unavailable = |error| match error {
            SettlementError::NotReady => NightError::NotReady(authority, date),
            SettlementError::Unavailable(why) => NightError::Unavailable(authority, date, why),
        };
        let download = self.upstream.host(authority).settlement(date).await.map_err(unavailable)?;
        stage(download, (authority, date), &self.spools).await.map_err(|error| match error {
            StageError::Host(error) => unavailable(error),
            StageError::Refused(complaint) => complaint.into(),
            StageError::Spool(_) | StageError::Reader(_) => NightError::Here(error.to_string()),
        })
    }

    async fn predecessor(&self, authority: Authority, date: BusinessDate) -> Result<Predecessor, NightError> {
        match self.stage(authority, date).await {
            Ok(Staged { file, .. }) => {
                Ok(Predecessor::Shown { revision: file.header.revision, sha256: file.sha256 })
            }
            Err(NightError::NotReady(..)) => Ok(Predecessor::NotShown),
            Err(other) => Err(other),
        }
    }

    /// A day that is over and has no file is for people to ask about.
    async fn note_missing(&self, error: &NightError) -> Result<(), NightError> {
        let NightError::NotReady(authority, date) = error else { return Ok(()) };
        let now = self.clock.now();
        if *date < BusinessDate::of(now) {
            let mut connection = self.db.workers.acquire().await?;
            // Before the first payment no file is missed by anybody.
            let first = first_business_date(&mut connection).await?;
            if first.is_none_or(|first| *date < first) {
                return Ok(());
            }
            store::open_file_missing(&mut connection, *authority, *date, now).await?;
        }
        Ok(())
    }

    async fn classify_and_publish(
        &self,
        date: BusinessDate,
        lease: Option<Lease>,
        files: &[Fetched; 2],
    ) -> Result<(Report, Instant), NightError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (classified, others) = self.classify(date, files).await?;
            let matched = Instant::now();
            let [first, second] = classified.map(Arc::new);
            let sides = [(first, files[0].staged.clone()), (second, files[1].staged.clone())];
            let publication =
                Publication { date, at: self.clock.now(), lease, key: &self.key, others, sides };
            let mut tx = self.db.workers.begin().await?;
            match publish::publish(&mut tx, &publication).await {
                Ok(report) => {
                    tx.commit().await?;
                    return Ok((report, matched));
                }
                Err(PublishError::ClaimTaken) if tries < CLASSIFICATIONS_MAX => tx.rollback().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Classifies both sides against one moment of our books; says also how many runs other dates had at that moment.
    async fn classify(
        &self,
        date: BusinessDate,
        files: &[Fetched; 2],
    ) -> Result<([Classification; 2], i64), NightError> {
        // Of their own: a stream that is broken off takes its connection with it.
        let (mut one, mut other) = tokio::try_join!(self.db.connection(), self.db.connection())?;
        one.execute(SNAPSHOT).await?;
        let moment = store::export_snapshot(&mut one).await?;
        let others = store::runs_of_other_dates(&mut one, date).await?;
        other.execute(SNAPSHOT).await?;
        store::import_snapshot(&mut other, &moment).await?;
        let (first, second) =
            tokio::join!(self.first_pass(&mut one, &files[0]), self.first_pass(&mut other, &files[1]));
        let (mut first, mut second) = (first?, second?);
        // All is read; how they end is no matter.
        drop(tokio::join!(one.close(), other.close()));
        for doubt in first.doubts.iter().chain(&second.doubts) {
            let Settles { payment_id, reference, booking } = doubt.clone();
            let moved = self.payments.settle_by_settlement(payment_id, reference, booking).await?;
            tracing::info!(payment.id = %payment_id, night.moved = moved, "A settlement file books a leg in doubt.");
        }
        let mut snapshot = self.db.workers.begin_with(SNAPSHOT).await?;
        first.finish(&mut snapshot).await?;
        second.finish(&mut snapshot).await?;
        snapshot.commit().await?;
        Ok(([first, second], others))
    }

    async fn first_pass(
        &self,
        connection: &mut PgConnection,
        fetched: &Fetched,
    ) -> Result<Classification, ClassifyError> {
        let (staged, taken) = (fetched.staged.clone(), fetched.taken.clone());
        let mut side = Classification::begin(connection, staged, taken, self.spools.clone()).await?;
        side.by_reference(connection).await?;
        // The other side may take much longer, and a transaction that idles is ended by the server.
        connection.execute("COMMIT").await?;
        Ok(side)
    }
}

/// One moment of our books.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
