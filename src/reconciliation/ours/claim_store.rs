//! Claims that need no row: a plain match claims its line for the very date that the line was booked on.
//!
//! Which night found a line of ours is one question with two places to look: a row of `settlement_claim`, or a matched
//! line of the run in force of the line's own date. A leg has one such date, so that no two nights can hold the latter.

use std::collections::{BTreeSet, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::LineKey;
use super::store::{Night, broken};
use crate::domain::{Authority, BusinessDate};
use crate::reconciliation::matched::Reader;

/// The lines of these booked legs that nights of other dates hold as plain matches, with those dates.
pub(crate) async fn matched_elsewhere(
    connection: &mut PgConnection,
    night: Night<'_>,
    booked: impl Iterator<Item = (Uuid, BusinessDate)>,
) -> Result<Vec<(LineKey, BusinessDate)>, sqlx::Error> {
    let elsewhere: Vec<(Uuid, BusinessDate)> = booked.filter(|(_, on)| *on != night.date).collect();
    matched(connection, night.authority, &elsewhere).await
}

/// The lines of these legs, with the dates that they were booked on, that the runs in force hold as plain matches.
pub(crate) async fn matched(
    connection: &mut PgConnection,
    authority: Authority,
    booked: &[(Uuid, BusinessDate)],
) -> Result<Vec<(LineKey, BusinessDate)>, sqlx::Error> {
    if booked.is_empty() {
        return Ok(vec![]);
    }
    let wanted: HashSet<Uuid> = booked.iter().map(|(reference, _)| *reference).collect();
    let mut found = vec![];
    for (run_id, first, date) in chunks_of(connection, authority, booked).await? {
        let bytes = sqlx::query_scalar!(
            "SELECT bytes FROM night_matched WHERE run_id = $1 AND first_ordinal = $2",
            run_id,
            first
        )
        .fetch_one(&mut *connection)
        .await?;
        let mut chunk = Reader::new(authority, first, &bytes).map_err(broken)?;
        while let Some(group) = chunk.next().map_err(broken)? {
            if wanted.contains(&group.reference().0) {
                for (_, line) in group.lines() {
                    found.push((group.key(line).map_err(broken)?, date));
                }
            }
        }
    }
    Ok(found)
}

/// The chunks of the runs in force on the legs' dates that may hold them.
async fn chunks_of(
    connection: &mut PgConnection,
    authority: Authority,
    legs: &[(Uuid, BusinessDate)],
) -> Result<BTreeSet<(Uuid, i32, BusinessDate)>, sqlx::Error> {
    let (references, dates): (Vec<Uuid>, Vec<chrono::NaiveDate>) =
        legs.iter().map(|(reference, on)| (*reference, on.date())).unzip();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT m.run_id AS "run_id!", m.first_ordinal AS "first_ordinal!", r.business_date AS "business_date!"
           FROM unnest($1::uuid[], $2::date[]) u (reference, booked_on)
           JOIN (SELECT DISTINCT ON (business_date) business_date, run_id FROM night_run
                 WHERE business_date = ANY($2) ORDER BY business_date, revision DESC) r ON r.business_date = u.booked_on
           JOIN LATERAL (SELECT run_id, first_ordinal, first_reference FROM night_matched
                         WHERE run_id = r.run_id AND authority = $3 AND last_reference >= u.reference
                         ORDER BY last_reference LIMIT 1) m ON m.first_reference <= u.reference"#,
        &references,
        &dates,
        authority.as_str()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.run_id, row.first_ordinal, row.business_date.into())).collect())
}
