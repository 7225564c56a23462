//! A night: both files fetched and read, every line classified, doubts ended, the result published. All or nothing,
//! but for the doubts: each is its own guarded move, true whether or not this run comes to its end.
//!
//! No transaction is open while a host is asked. A run that dies leaves nothing behind but doubts that ended; the next
//! run of the date says of them what this one would have said.

use std::sync::Arc;
use std::time::Instant;

use sqlx::PgPool;

use super::chain::{self, Link, Misfit, Predecessor};
use super::classify::{Classification, ClassifyError};
use super::matching::Settles;
use super::publish::{self, Publication, PublishError, store};
use super::report::Report;
use super::schedule::Lease;
use super::settlement::{self, Complaint, Settlement};
use crate::domain::{Authority, BusinessDate, Clock};
use crate::payment::{PayError, Payments};
use crate::receipt::SigningKey;
use crate::upstream::{SettlementError, SignedFile, Upstream};

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
    Classify(#[from] ClassifyError),
    /// The result could not be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A doubt could not be moved.
    #[error("a doubt could not be ended: {0}")]
    Settle(#[from] PayError),
    /// A statement failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The reader's task died.
    #[error("the file could not be read: {0}")]
    Reader(#[from] tokio::task::JoinError),
}

/// What the night works with.
#[derive(Debug, Clone)]
pub struct Night {
    /// Connections of the workers' pool.
    pub pool: PgPool,
    /// The authorities.
    pub upstream: Upstream,
    /// The time.
    pub clock: Clock,
    /// Signs results.
    pub key: Arc<SigningKey>,
    /// Who moves payments, through the one guard.
    pub payments: Payments,
}

struct Fetched {
    file: Arc<Settlement>,
    signed: SignedFile,
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
        let mut report = self.classify_and_publish(date, lease, &files).await?;
        report.seconds = began.elapsed().as_secs();
        tracing::info!(
            night.date = %date, night.revision = report.revision, night.lines = report.lines,
            night.cases_opened = report.cases_opened, "The night is published."
        );
        Ok(report)
    }

    async fn fetch(&self, authority: Authority, date: BusinessDate) -> Result<Fetched, NightError> {
        let signed = self.ask(authority, date).await?;
        let (file, signed) = read(authority, date, signed).await?;
        let mut connection = self.pool.acquire().await?;
        let taken = store::taken(&mut connection, authority).await?;
        drop(connection);
        if chain::fits(&file, &taken)? == Link::AskForPredecessor {
            let shown = self.predecessor(authority, date.previous()).await?;
            chain::follows(&file, &taken, &shown)?;
        }
        let taken = taken.into_iter().map(|known| known.date).collect();
        Ok(Fetched { file: Arc::new(file), signed, taken })
    }

    async fn ask(&self, authority: Authority, date: BusinessDate) -> Result<SignedFile, NightError> {
        self.upstream.host(authority).settlement(date).await.map_err(|error| match error {
            SettlementError::NotReady => NightError::NotReady(authority, date),
            SettlementError::Unavailable(why) => NightError::Unavailable(authority, date, why),
        })
    }

    async fn predecessor(&self, authority: Authority, date: BusinessDate) -> Result<Predecessor, NightError> {
        match self.ask(authority, date).await {
            Ok(signed) => {
                let (file, _) = read(authority, date, signed).await?;
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
            let mut connection = self.pool.acquire().await?;
            store::open_file_missing(&mut connection, *authority, *date, now).await?;
        }
        Ok(())
    }

    async fn classify_and_publish(
        &self,
        date: BusinessDate,
        lease: Option<Lease>,
        files: &[Fetched; 2],
    ) -> Result<Report, NightError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let classified = self.classify(files).await?;
            let sides = classified.iter().zip(files.iter().map(|file| &file.signed)).collect();
            let publication = Publication { date, at: self.clock.now(), lease, key: &self.key, sides };
            let mut tx = self.pool.begin().await?;
            match publish::publish(&mut tx, &publication).await {
                Ok(report) => {
                    tx.commit().await?;
                    return Ok(report);
                }
                Err(PublishError::ClaimTaken) if tries < CLASSIFICATIONS_MAX => tx.rollback().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn classify(&self, files: &[Fetched; 2]) -> Result<[Classification; 2], NightError> {
        let [mut first, mut second] =
            files.each_ref().map(|fetched| Classification::new(fetched.file.clone(), fetched.taken.clone()));
        let mut snapshot = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        first.by_reference(&mut snapshot).await?;
        second.by_reference(&mut snapshot).await?;
        snapshot.commit().await?;
        for doubt in first.doubts.iter().chain(&second.doubts) {
            let Settles { payment_id, reference, booking } = doubt.clone();
            let moved = self.payments.settle_by_settlement(payment_id, reference, booking).await?;
            tracing::info!(payment.id = %payment_id, night.moved = moved, "A settlement file books a leg in doubt.");
        }
        let mut snapshot = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        first.finish(&mut snapshot).await?;
        second.finish(&mut snapshot).await?;
        snapshot.commit().await?;
        Ok([first, second])
    }
}

async fn read(
    authority: Authority,
    date: BusinessDate,
    signed: SignedFile,
) -> Result<(Settlement, SignedFile), NightError> {
    // A large file takes a second of pure computing, which must not stop the other tasks.
    let read = tokio::task::spawn_blocking(move || {
        settlement::read(signed.bytes.as_slice(), authority, date).map(|file| (file, signed))
    });
    Ok(read.await??)
}
