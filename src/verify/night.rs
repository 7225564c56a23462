//! Invariant 12: a published reconciliation is what its files and our rows say, and was signed so.

use aws_lc_rs::digest;
use futures_util::TryStreamExt;
use sqlx::{Executor, PgConnection};

use super::evidence::Signed;
use super::{Check, VerifyKeys};
use crate::domain::{Authority, BusinessDate};
use crate::reconciliation::reading::{self, Recomputed};

pub(super) async fn check(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<Vec<Check>, sqlx::Error> {
    let lines =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM night_line"#).fetch_one(&mut *connection).await?;
    let claims = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM settlement_claim"#)
        .fetch_one(&mut *connection)
        .await?;
    let (runs, differs) = recomputed(connection).await?;
    let differs = match differs {
        None => unsigned_run(connection, keys).await?,
        found => found,
    };
    let (files, unsigned) = unsigned_file(connection, keys).await?;
    let miscounted = match miscounted_file(connection).await? {
        None => miscounted_class(connection).await?,
        found => found,
    };
    let not_ours = not_our_line(connection).await?;
    let claimed = claimed_by_no_run(connection).await?;
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
    // Pages of a run look their legs up one by one; a join of all legs for each page would be the slow way here.
    connection.execute("SET LOCAL enable_nestloop = on").await?;
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
    connection.execute("SET LOCAL enable_nestloop = off").await?;
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

async fn miscounted_file(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('night_run %s: the file of %s has %s rows of %s, its lines hold %s of %s', i.run_id, i.authority, f.row_count, f.total,
                         coalesce(l.places, 0), coalesce(l.total, 0)) AS "offender!"
           FROM night_input i
           JOIN settlement_file f USING (authority, business_date, revision)
           LEFT JOIN (SELECT run_id, authority, count(*) AS n, count(DISTINCT line_no) AS places, max(line_no) AS last, sum(there_principal + there_penalty) AS total
                      FROM night_line WHERE line_no IS NOT NULL GROUP BY run_id, authority) l ON l.run_id = i.run_id AND l.authority = i.authority
           WHERE (f.row_count, f.row_count, f.row_count, f.total)
                 IS DISTINCT FROM (coalesce(l.n, 0), coalesce(l.places, 0), coalesce(l.last, 0), coalesce(l.total, 0))
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn miscounted_class(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH said AS (
             SELECT r.run_id, c.key AS class, c.value::bigint AS n, coalesce((r.amounts->>c.key)::bigint, 0) AS amount
             FROM night_run r, jsonb_each_text(r.counts) c WHERE c.value <> '0'),
           stands AS (
             SELECT run_id, class, count(*) AS n, sum(coalesce(there_principal, here_principal) + coalesce(there_penalty, here_penalty)) AS amount
             FROM night_line GROUP BY run_id, class)
           SELECT format('night_run %s: it says %s %s of %s, its lines are %s of %s', run_id, coalesce(s.n, 0), class, coalesce(s.amount, 0), coalesce(t.n, 0), coalesce(t.amount, 0)) AS "offender!"
           FROM said s FULL JOIN stands t USING (run_id, class)
           WHERE (s.n, s.amount) IS DISTINCT FROM (t.n, t.amount)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// Where a line of ours differs from the file's row, it stands in full in `ours`; else the row's own key names it.
async fn not_our_line(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH ours AS (
             SELECT n.run_id, n.ordinal, n.class, n.authority, coalesce((n.ours::jsonb->>'reference')::uuid, n.reference) AS reference,
                    coalesce(n.ours::jsonb->>'due_on', n.due_on::text) AS due_on, coalesce(n.ours::jsonb->>'code', n.code) AS code,
                    coalesce(n.ours::jsonb->>'beneficiary', n.beneficiary) AS beneficiary, abs(n.here_principal) AS principal, abs(n.here_penalty) AS penalty
             FROM night_line n WHERE n.here_principal IS NOT NULL)
           SELECT format('night_line %s/%s (%s): no leg of ours has %s %s for %s of %s + %s under reference %s', o.run_id, o.ordinal, o.class, o.code, o.due_on, o.beneficiary,
                         o.principal, o.penalty, o.reference) AS "offender!"
           FROM ours o LEFT JOIN payment_leg l ON l.reference = o.reference AND l.authority = o.authority
           WHERE NOT EXISTS (
             SELECT FROM jsonb_array_elements(l.periods) period, jsonb_array_elements(period->'lines') line
             WHERE (period->>'due_on', line->>'code', line->>'beneficiary', (line->>'principal')::bigint, (line->>'penalty')::bigint)
                   = (o.due_on, o.code, o.beneficiary, o.principal, o.penalty))
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
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
