//! What was published, for those who may see it: a date's run in force, its lines page by page, an export, and the
//! recomputation by which an auditor checks that what is shown is what was hashed.

mod export;
mod minutes;
pub(crate) mod store;
mod walk;
mod workbook;

use sqlx::PgConnection;
use uuid::Uuid;

pub use export::{HEAD as EXPORT_HEAD, text as export_text};
pub use minutes::{LISTED_MAX, minutes};
pub use workbook::Workbook;

use super::class::Class;
use super::matched::Reader;
use super::report::Report;
use super::result::{ResultDigest, ResultLine};
use crate::domain::{Authority, BusinessDate, RunId};
use walk::{Seen, walk};

/// Lines in one page of the API.
pub const PAGE_MAX: i64 = 100;
/// Lines in one piece of an export or a recomputation.
const PIECE: i64 = 2_000;

/// One line of a run, with the payment that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Its place in the canonical order: the cursor after it.
    pub ordinal: i32,
    /// Our payment, where the reference is ours.
    pub payment_id: Option<Uuid>,
    /// What was hashed.
    #[serde(flatten)]
    pub line: ResultLine,
}

/// Which lines of a run are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// One class, or all.
    pub class: Option<Class>,
    /// After this ordinal; 0 for the beginning.
    pub after: i32,
    /// At most this many; held to [`PAGE_MAX`].
    pub limit: i64,
}

/// The run in force of a date: the newest published one.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn run_in_force(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<Option<Report>, sqlx::Error> {
    store::run_in_force(connection, date).await
}

/// A page of a run's lines; fewer than asked for means that there are no more.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lines(
    connection: &mut PgConnection,
    run_id: RunId,
    wanted: Wanted,
) -> Result<Vec<Line>, sqlx::Error> {
    let limit = wanted.limit.clamp(1, PAGE_MAX);
    let mut page = piece(connection, run_id, Wanted { limit, ..wanted }).await?;
    store::name_payments(connection, &mut page).await?;
    Ok(page)
}

/// The next lines, rows and matches merged in their order; payments are not named.
pub(crate) async fn piece(
    connection: &mut PgConnection,
    run_id: RunId,
    Wanted { class, after, limit }: Wanted,
) -> Result<Vec<Line>, sqlx::Error> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut lines = match class {
        Some(class) => store::rows_of_class(connection, run_id, class, (after, limit)).await?,
        None => store::rows(connection, run_id, (after, limit)).await?,
    };
    // Beyond the last row of a full page nothing is known of the rows.
    let end = lines.last().filter(|_| lines.len() >= most).map_or(i32::MAX, |last| last.ordinal);
    if class.is_none_or(|class| class == Class::Matched) {
        let mut matched = matches(connection, run_id, (after, end), most).await?;
        lines.append(&mut matched);
        lines.sort_unstable_by_key(|line| line.ordinal);
        lines.truncate(most);
    }
    Ok(lines)
}

/// At most so many matched lines after one place and before another.
async fn matches(
    connection: &mut PgConnection,
    run_id: RunId,
    (mut after, end): (i32, i32),
    most: usize,
) -> Result<Vec<Line>, sqlx::Error> {
    let mut lines = vec![];
    while let Some(chunk) = store::chunks(connection, run_id, (after, 1)).await?.pop() {
        let mut groups = Reader::new(chunk.authority, chunk.first, &chunk.bytes).map_err(store::broken)?;
        while let Some(group) = groups.next().map_err(store::broken)? {
            for (ordinal, line) in group.lines().filter(|(ordinal, _)| (after + 1..end).contains(ordinal)) {
                if lines.len() == most {
                    return Ok(lines);
                }
                let line = group.line(line).map_err(store::broken)?;
                lines.push(Line { ordinal, payment_id: None, line });
            }
        }
        after = chunk.last;
        if after >= end {
            break;
        }
    }
    Ok(lines)
}

/// Lines of a run that did not match, by class, at most so many; payments are named.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn breaks(
    connection: &mut PgConnection,
    run_id: RunId,
    most: usize,
) -> Result<Vec<Line>, sqlx::Error> {
    let mut all = vec![];
    for class in Class::ALL.into_iter().filter(|class| *class != Class::Matched) {
        let room = i64::try_from(most.saturating_sub(all.len())).unwrap_or(i64::MAX);
        if room > 0 {
            all.extend(
                piece(connection, run_id, Wanted { class: Some(class), after: 0, limit: room }).await?,
            );
        }
    }
    store::name_payments(connection, &mut all).await?;
    Ok(all)
}

/// The next lines of a run for an export, in canonical order; none at the end.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn export_lines(
    connection: &mut PgConnection,
    run_id: RunId,
    after: i32,
) -> Result<Vec<Line>, sqlx::Error> {
    piece(connection, run_id, Wanted { class: None, after, limit: PIECE }).await
}

/// The next piece of a run's export as CSV and the ordinal to go on after; none at the end. Begin with [`EXPORT_HEAD`].
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn export_piece(
    connection: &mut PgConnection,
    run_id: RunId,
    after: i32,
) -> Result<Option<(String, i32)>, sqlx::Error> {
    let lines = export_lines(connection, run_id, after).await?;
    let Some(last) = lines.last().map(|line| line.ordinal) else { return Ok(None) };
    Ok(Some((lines.iter().map(|line| export_text(&line.line)).collect(), last)))
}

/// Every published run, oldest first: its id, date and revision.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn runs(connection: &mut PgConnection) -> Result<Vec<(RunId, BusinessDate, i32)>, sqlx::Error> {
    store::runs(connection).await
}

/// What a recomputation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recomputed {
    /// Lines and files hash to what was published.
    Agrees,
    /// They do not; says which.
    Differs(&'static str),
}

/// Recomputes a published run from its stored lines and its files' stored bytes.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails or the run does not exist.
pub async fn recompute(connection: &mut PgConnection, run_id: RunId) -> Result<Recomputed, sqlx::Error> {
    let run = store::run(connection, run_id).await?;
    let mut files: Vec<(Authority, [u8; 32])> = vec![];
    for input in store::inputs(connection, run_id).await? {
        if store::sha256_of_parts(connection, &input).await? != Some(input.sha256) {
            return Ok(Recomputed::Differs("a file's bytes"));
        }
        files.push((input.authority, input.sha256));
    }
    files.sort_unstable();
    let mut digest = ResultDigest::new(run.date, &run.rule_version, &files);
    let (mut count, mut text) = (0, vec![]);
    let walked = walk(connection, run_id, |seen| {
        match seen {
            Seen::Matched(group) => {
                text.clear();
                group.text(&mut text).map_err(store::broken)?;
                digest.add_text(&text);
                count += group.lines().count();
            }
            Seen::Other(line) => {
                digest.add(&line.line);
                count += 1;
            }
        }
        Ok(())
    });
    match walked.await {
        Err(sqlx::Error::Decode(_)) => return Ok(Recomputed::Differs("a chunk of lines")),
        walked => walked?,
    }
    if usize::try_from(run.line_count) != Ok(count) {
        return Ok(Recomputed::Differs("the number of lines"));
    }
    Ok(if run.result_sha256 == digest.finish() { Recomputed::Agrees } else { Recomputed::Differs("a line") })
}
