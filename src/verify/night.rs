//! Invariant 12: a published reconciliation is what its files and our rows say, and was signed so.

use aws_lc_rs::digest;
use futures_util::TryStreamExt;
use sqlx::{Executor, PgConnection};

use super::evidence::Signed;
use super::night_lines::{self, Lines};
use super::{Check, VerifyKeys};
use crate::domain::{Authority, BusinessDate};
use crate::reconciliation::reading::{self, Recomputed};

pub(super) async fn check(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<Vec<Check>, sqlx::Error> {
    let claims = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM settlement_claim"#)
        .fetch_one(&mut *connection)
        .await?;
    // Runs look chunks and legs up one by one; a join of all of them for each would be the slow way here.
    connection.execute("SET LOCAL enable_nestloop = on").await?;
    let (runs, differs) = recomputed(connection).await?;
    let Lines { count: lines, miscounted, not_ours } = night_lines::look_at(connection).await?;
    let claimed = match night_lines::claimed_twice(connection).await {
        Err(sqlx::Error::Decode(what)) => Some(format!("night_matched: {what}")),
        Ok(None) => claimed_by_no_run(connection).await?,
        found => found?,
    };
    connection.execute("SET LOCAL enable_nestloop = off").await?;
    let differs = match differs {
        None => unsigned_run(connection, keys).await?,
        found => found,
    };
    let (files, unsigned) = unsigned_file(connection, keys).await?;
    Ok(vec![
        Check::new(12, "every published reconciliation recomputes to its signed hash", runs, differs),
        Check::new(12, "every settlement file is signed by its host", files, unsigned),
        Check::new(12, "every row of a file stands in one line, and classes add up", lines, miscounted),
        Check::new(12, "what a reconciliation calls ours is on our legs", lines, not_ours),
        Check::new(12, "every claim belongs to the reconciliation in force", claims, claimed),
    ])
}

async fn recomputed(connection: &mut PgConnection) -> Result<(i64, Option<String>), sqlx::Error> {
    let (mut checked, mut offender) = (0, None);
    for (run_id, date, revision) in reading::runs(connection).await? {
        checked += 1;
        if offender.is_none()
            && let Recomputed::Differs(what) = reading::recompute(connection, run_id).await?
        {
            offender = Some(format!(
                "night_run {run_id} ({date}, revision {revision}): {what} is not what was published"
            ));
        }
    }
    Ok((checked, offender))
}

/// A run's statement is written anew here, from its row.
async fn unsigned_run(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<Option<String>, sqlx::Error> {
    let mut rows = sqlx::query!(
        r#"SELECT run_id, format('samsat-night %s %s %s %s', to_char(business_date, 'YYYY-MM-DD'), revision, run_id, encode(result_sha256, 'hex')) AS "statement!",
                  signature
           FROM night_run"#
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !keys.receipts.signed(row.statement.as_bytes(), &row.signature) {
            return Ok(Some(format!("night_run {}: our key has not signed it", row.run_id)));
        }
    }
    Ok(None)
}

/// The hash of a file's bytes is what its signature covers; that the parts have this hash `recompute` has shown.
async fn unsigned_file(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<(i64, Option<String>), sqlx::Error> {
    let nothing = hex::encode(digest::digest(&digest::SHA256, b""));
    let mut rows = sqlx::query!(
        "SELECT authority, business_date, revision, sha256, signature, host_timestamp FROM settlement_file"
    )
    .fetch(connection);
    let (mut checked, mut offender) = (0, None);
    while let Some(row) = rows.try_next().await? {
        checked += 1;
        let date = BusinessDate::from(row.business_date);
        let Some(authority) = Authority::named(&row.authority) else { continue };
        let host = match authority {
            Authority::Bapenda => "bapenda",
            Authority::JasaRaharja => "jasa-raharja",
        };
        let signed = Signed {
            status: "200",
            path: &format!("/{host}/v1/settlements/{date}"),
            request_sha256: &nothing,
            body_sha256: &hex::encode(&row.sha256),
            timestamp: &row.host_timestamp,
            signature: &row.signature,
        };
        if offender.is_none() && !signed.verifies(keys.of(authority)) {
            offender = Some(format!(
                "settlement_file {authority} {date} revision {}: its host's key has not signed it",
                row.revision
            ));
        }
    }
    Ok((checked, offender))
}

async fn claimed_by_no_run(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('settlement_claim %s %s %s: run %s is not the reconciliation in force of %s', c.reference, c.due_on, c.code, c.run_id, c.business_date) AS "offender!"
           FROM settlement_claim c
           LEFT JOIN (SELECT DISTINCT ON (business_date) business_date, run_id FROM night_run ORDER BY business_date, revision DESC) r USING (business_date)
           WHERE c.run_id IS DISTINCT FROM r.run_id
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
