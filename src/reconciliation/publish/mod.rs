//! Publishing: one transaction in which a night becomes history, or nothing of it does.
//!
//! Whoever publishes holds one row, so two nights never interleave. Files are taken here and nowhere else. Claims of the
//! superseded run go, the new run's come; a claim that another date's night holds by now sends the run back to be
//! classified again. Cases are opened once for all time; finding a line closes the case of its absence.

mod cases;
pub(crate) mod store;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::PgConnection;
use uuid::Uuid;

use super::balance::{ByClass, Imbalance};
use super::chain::{self, Misfit};
use super::class::Class;
use super::classify::Classification;
use super::matching::Item;
use super::ours::LineKey;
use super::report::Report;
use super::result::{self, RULE_VERSION, ResultDigest, ResultLine};
use super::schedule::{self, Lease};
use super::settlement::Settlement;
use crate::audit;
use crate::domain::{Authority, BusinessDate, RunId, Rupiah, Timestamp};
use crate::receipt::SigningKey;
use crate::upstream::SignedFile;

/// Rows written in one statement.
const BATCH: usize = 4_000;

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
    /// A sum is no amount.
    #[error("not balanced: {0}")]
    Imbalance(#[from] Imbalance),
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
    /// Each authority's file, classified, and as it was signed.
    pub(crate) sides: Vec<(&'a Classification, &'a SignedFile)>,
}

/// Publishes in the caller's transaction.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    publication: &Publication<'_>,
) -> Result<Report, PublishError> {
    let Publication { date, at, lease, key, ref sides } = *publication;
    let run_id = RunId::new();
    store::lock(connection).await?;
    if let Some(lease) = lease
        && !schedule::store::hold(connection, lease).await?
    {
        return Err(PublishError::LeaseLost);
    }
    let revision = store::next_revision(connection, date).await?;
    for (side, signed) in sides {
        take_file(connection, side, signed, at).await?;
    }
    store::release_claims(connection, date).await?;
    let mut summary = Summary::new(date, sides);
    for (side, _) in sides {
        claim(connection, run_id, side).await?;
        summary.add(side)?;
    }
    let (opened, carried) = cases::open(connection, publication).await?;
    store::close_found(connection, run_id, at).await?;
    let report = summary.report(run_id, revision, (opened, carried));
    let signature = STANDARD.encode(key.sign(report.statement().as_bytes()));
    store::insert_run(connection, &report, &signature, at).await?;
    for (side, _) in sides {
        store::insert_input(connection, run_id, &side.file.header).await?;
        store::close_file_missing(connection, side.file.header.sender, date, at).await?;
    }
    write_lines(connection, run_id, sides).await?;
    let facts = serde_json::json!({
        "date": date, "revision": revision, "result_sha256": report.result_sha256, "inputs": report.inputs,
    });
    audit::append(connection, &[audit::Event::new(at, "night", "night_published", run_id.0, facts)]).await?;
    Ok(report)
}

async fn take_file(
    connection: &mut PgConnection,
    side: &Classification,
    signed: &SignedFile,
    at: Timestamp,
) -> Result<(), PublishError> {
    let header = &side.file.header;
    let taken = store::taken(connection, header.sender).await?;
    chain::fits(&side.file, &taken)?;
    if taken.iter().any(|known| known.date == header.date && known.revision == header.revision) {
        return Ok(());
    }
    store::insert_file(connection, &side.file, signed, at).await?;
    Ok(store::insert_parts(connection, header, &signed.bytes).await?)
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

async fn write_lines(
    connection: &mut PgConnection,
    run_id: RunId,
    sides: &[(&Classification, &SignedFile)],
) -> Result<(), PublishError> {
    let mut ordinal = 1;
    for (side, _) in sides {
        for items in side.items.chunks(BATCH) {
            let lines: Vec<ResultLine> = lines(&side.file, items).collect();
            store::insert_lines(connection, run_id, ordinal, &lines).await?;
            ordinal += i32::try_from(lines.len()).unwrap_or_default();
        }
    }
    Ok(())
}

fn lines<'a>(file: &'a Settlement, items: &'a [Item]) -> impl Iterator<Item = ResultLine> + 'a {
    items.iter().filter_map(move |item| result::line(file, item))
}

/// What a run's report says of its lines.
struct Summary {
    date: BusinessDate,
    inputs: Vec<super::report::Input>,
    digest: ResultDigest,
    by_class: ByClass,
    lines: u64,
    resolved: std::collections::BTreeSet<Uuid>,
}

impl Summary {
    fn new(date: BusinessDate, sides: &[(&Classification, &SignedFile)]) -> Self {
        let hashes: Vec<(Authority, [u8; 32])> =
            sides.iter().map(|(side, _)| (side.file.header.sender, side.file.sha256)).collect();
        Self {
            date,
            inputs: sides.iter().map(|(side, _)| super::report::Input::of(&side.file)).collect(),
            digest: ResultDigest::new(date, RULE_VERSION, &hashes),
            by_class: ByClass::default(),
            lines: 0,
            resolved: std::collections::BTreeSet::new(),
        }
    }

    fn add(&mut self, side: &Classification) -> Result<(), Imbalance> {
        for item in &side.items {
            let Some(line) = result::line(&side.file, item) else { continue };
            self.digest.add(&line);
            self.by_class.add(item.class, line.amount().unwrap_or(Rupiah::ZERO))?;
            self.lines += 1;
            if item.class == Class::DoubtResolved {
                self.resolved.insert(line.reference);
            }
        }
        Ok(())
    }

    fn report(self, run_id: RunId, revision: i32, (opened, carried): (u64, u64)) -> Report {
        let counts: BTreeMap<String, u64> = self.by_class.counts();
        Report {
            date: self.date,
            run_id,
            revision,
            inputs: self.inputs,
            counts,
            amounts: self.by_class.amounts(),
            balanced: true,
            result_sha256: hex::encode(self.digest.finish()),
            cases_opened: opened,
            cases_carried: carried,
            doubts_resolved: self.resolved.len() as u64,
            seconds: 0,
            lines: self.lines,
        }
    }
}
