//! Rows of cases.

use sqlx::PgConnection;

use super::Case;
use crate::domain::{CaseId, rfc3339_wib};

/// Open cases, oldest first; `all` includes closed ones. At most 1,000.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn list(connection: &mut PgConnection, all: bool) -> Result<Vec<Case>, sqlx::Error> {
    select(connection, None, all).await
}

/// The case of that id.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn find(connection: &mut PgConnection, id: CaseId) -> Result<Option<Case>, sqlx::Error> {
    Ok(select(connection, Some(id), true).await?.pop())
}

async fn select(
    connection: &mut PgConnection,
    id: Option<CaseId>,
    all: bool,
) -> Result<Vec<Case>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT case_id, class, side, line_key, payment_id, origin, owner, facts, opened_at, closed_at, resolution,
                extract(day FROM coalesce(closed_at, now()) - opened_at)::bigint AS \"age_days!\"
         FROM case_file
         WHERE ($1::uuid IS NULL OR case_id = $1) AND ($2 OR closed_at IS NULL)
         ORDER BY opened_at, case_id LIMIT 1000",
        id.map(|id| id.0), all
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Case {
            case_id: r.case_id,
            class: r.class,
            side: r.side,
            line_key: r.line_key,
            payment_id: r.payment_id,
            origin: r.origin,
            owner: r.owner,
            facts: r.facts,
            opened_at: rfc3339_wib(r.opened_at),
            age_days: r.age_days,
            closed_at: r.closed_at.map(rfc3339_wib),
            resolution: r.resolution,
        })
        .collect())
}
