//! Publishing: one transaction in which a night becomes history, or nothing of it does.
//!
//! Whoever publishes holds one row, so two nights never interleave. Files are taken here and nowhere else. Claims of the
//! superseded run go, the new run's come; a claim that another date's night holds by now sends the run back to be
//! classified again. Cases are opened once for all time; finding a line closes the case of its absence.

mod cases;
mod line_store;
mod lines;
pub(crate) mod store;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::balance::Imbalance;
use super::chain::{self, Misfit};
use super::classify::Classification;
use super::ours::LineKey;
use super::report::Report;
use super::result;
use super::schedule::{self, Lease};
use super::staging::Staged;
use crate::audit;
use crate::domain::{BusinessDate, RunId, Timestamp};
use crate::receipt::SigningKey;
use lines::{Piece, Summary, WriteError};

/// Rows written in one statement.
const BATCH: usize = 4_000;
/// Chunks of matched lines written in one statement, a megabyte.
const CHUNKS: usize = 16;
/// Chunks that may wait to be stored while the file's parts are.
const PIECES_WAITING: usize = 256;
/// Parts of a file written in one statement.
const PARTS: usize = 8;

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A statement failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A file is not acceptable any more: another night took a newer revision meanwhile.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A line was claimed by another date's night meanwhile.
    #[error("another night claimed a line meanwhile")]
    ClaimTaken,
    /// Another gateway has the night by now.
    #[error("another gateway has the night by now")]
    LeaseLost,
    /// A row or a line of ours stands in no line or in several, or a sum is no amount.
    #[error("not balanced: {0}")]
    Imbalance(#[from] Imbalance),
    /// What was kept beside memory cannot be read back.
    #[error("a spool of the night: {0}")]
    Spool(#[from] std::io::Error),
    /// The lines could not be written down.
    #[error("the lines could not be written down: {0}")]
    Lines(String),
}

/// A classified night, ready to be published.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) date: BusinessDate,
    pub(crate) at: Timestamp,
    /// Under which it may be published, when nobody asked for it.
    pub(crate) lease: Option<Lease>,
    /// Signs the result.
    pub(crate) key: &'a SigningKey,
    /// How many runs other dates had when it was classified.
    pub(crate) others: i64,
    /// Each authority's file, classified, and as it was signed.
    pub(crate) sides: [(Arc<Classification>, Arc<Staged>); 2],
}

/// Publishes in the caller's transaction.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    publication: &Publication<'_>,
) -> Result<Report, PublishError> {
    let Publication { date, at, lease, key, others, ref sides } = *publication;
    let run_id = RunId::new();
    store::lock(connection).await?;
    if let Some(lease) = lease
        && !schedule::store::hold(connection, lease).await?
    {
        return Err(PublishError::LeaseLost);
    }
    // A plain match claims its line without a row, so any other night published meanwhile may have claimed it.
    if store::runs_of_other_dates(connection, date).await? != others {
        return Err(PublishError::ClaimTaken);
    }
    let revision = store::next_revision(connection, date).await?;
    let summary = store_lines(connection, publication, run_id).await?;
    let found = summary.found.clone();
    let (opened, carried) = cases::open(connection, publication).await?;
    store::close_found(connection, run_id, at).await?;
    store::close_found_plainly(connection, &found, at).await?;
    let report = summary.report(run_id, revision, (opened, carried));
    let signature = STANDARD.encode(key.sign(report.statement().as_bytes()));
    store::insert_run(connection, &report, &signature, at).await?;
    for (side, _) in sides {
        store::insert_input(connection, run_id, &side.file.header).await?;
        store::close_file_missing(connection, side.file.header.sender, date, at).await?;
    }
    let facts = serde_json::json!({
        "date": date, "revision": revision, "result_sha256": report.result_sha256, "inputs": report.inputs,
    });
    audit::append(connection, &[audit::Event::new(at, "night", "night_published", run_id.0, facts)]).await?;
    Ok(report)
}

/// Stores the files and every line. The lines are hashed on one core while the database stores on the other.
async fn store_lines(
    connection: &mut PgConnection,
    publication: &Publication<'_>,
    run_id: RunId,
) -> Result<Summary, PublishError> {
    let Publication { date, at, ref sides, .. } = *publication;
    let watched = store::open_missing(connection).await?;
    let (hand_on, mut pieces) = mpsc::channel(PIECES_WAITING);
    let writing = {
        let sides: Vec<_> = sides.iter().map(|(side, _)| Arc::clone(side)).collect();
        tokio::task::spawn_blocking(move || {
            lines::write(&sides, &watched, |piece| hand_on.blocking_send(piece).is_ok())
        })
    };
    for (side, staged) in sides {
        take_file(connection, side, staged, at).await?;
    }
    store::release_claims(connection, date).await?;
    for (side, _) in sides {
        claim(connection, run_id, side).await?;
    }
    let mut chunks = Vec::with_capacity(CHUNKS);
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Matched(chunk) => chunks.push(chunk),
            Piece::Lines(lines) => line_store::insert_lines(connection, run_id, &lines).await?,
        }
        if chunks.len() >= CHUNKS {
            line_store::insert_matched(connection, run_id, &chunks).await?;
            chunks.clear();
        }
    }
    line_store::insert_matched(connection, run_id, &chunks).await?;
    match writing.await {
        Ok(Ok(summary)) => Ok(summary),
        Ok(Err(WriteError::Imbalance(imbalance))) => Err(imbalance.into()),
        Ok(Err(error)) => Err(PublishError::Lines(error.to_string())),
        Err(error) => Err(PublishError::Lines(error.to_string())),
    }
}

async fn take_file(
    connection: &mut PgConnection,
    side: &Classification,
    staged: &Staged,
    at: Timestamp,
) -> Result<(), PublishError> {
    let header = &side.file.header;
    let taken = store::taken(connection, header.sender).await?;
    chain::fits(&side.file, &taken)?;
    if taken.iter().any(|known| known.date == header.date && known.revision == header.revision) {
        return Ok(());
    }
    store::insert_file(connection, &side.file, &staged.signature, at).await?;
    for from in (0..staged.bytes.len()).step_by(PARTS) {
        let parts = staged.bytes.some(from, PARTS)?;
        line_store::insert_parts(connection, header, from, &parts).await?;
    }
    Ok(())
}

async fn claim(
    connection: &mut PgConnection,
    run_id: RunId,
    side: &Classification,
) -> Result<(), PublishError> {
    for items in side.items.chunks(BATCH) {
        let keys: Vec<LineKey> = items.iter().filter_map(|item| result::claim(&side.file, item)).collect();
        let claimed = store::insert_claims(connection, run_id, side.file.header.date, &keys).await?;
        if claimed != keys.len() as u64 {
            return Err(PublishError::ClaimTaken);
        }
    }
    Ok(())
}
