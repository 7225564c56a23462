//! Reads what was published.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use chrono::NaiveDate;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Line;
use crate::domain::{Authority, BusinessDate, RunId, Rupiah};
use crate::reconciliation::class::Class;
use crate::reconciliation::report::{Input, Report};
use crate::reconciliation::result::ResultLine;

pub(crate) async fn run_in_force(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<Option<Report>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT run_id, revision, line_count, counts AS "counts: Json<BTreeMap<String, u64>>",
                  amounts AS "amounts: Json<BTreeMap<String, Rupiah>>", cases_opened, cases_carried, doubts_resolved,
                  encode(result_sha256, 'hex') AS "result_sha256!"
           FROM night_run WHERE business_date = $1 ORDER BY revision DESC LIMIT 1"#,
        date.date()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let count = |n: i32| u64::try_from(n).unwrap_or_default();
    Ok(Some(Report {
        date,
        run_id: RunId(row.run_id),
        revision: row.revision,
        inputs: report_inputs(connection, RunId(row.run_id)).await?,
        counts: row.counts.0,
        amounts: row.amounts.0,
        balanced: true,
        result_sha256: row.result_sha256,
        cases_opened: count(row.cases_opened),
        cases_carried: count(row.cases_carried),
        doubts_resolved: count(row.doubts_resolved),
        seconds: 0,
        lines: count(row.line_count),
    }))
}

async fn report_inputs(connection: &mut PgConnection, run_id: RunId) -> Result<Vec<Input>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT f.authority, encode(f.sha256, 'hex') AS "sha256!", f.row_count, f.total
           FROM night_input i JOIN settlement_file f USING (authority, business_date, revision)
           WHERE i.run_id = $1 ORDER BY f.authority"#,
        run_id.0
    )
    .fetch_all(connection)
    .await?;
    let input = |source: String, sha256, rows: i32, total| {
        let total = Rupiah::new(total).map_err(|e| sqlx::Error::Decode(e.into()))?;
        Ok(Input { source, sha256, rows: u64::try_from(rows).unwrap_or_default(), total })
    };
    rows.into_iter().map(|row| input(row.authority, row.sha256, row.row_count, row.total)).collect()
}

pub(crate) async fn runs(
    connection: &mut PgConnection,
) -> Result<Vec<(RunId, BusinessDate, i32)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT run_id, business_date, revision FROM night_run ORDER BY business_date, revision"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (RunId(row.run_id), row.business_date.into(), row.revision)).collect())
}

/// What a recomputation compares with.
pub(crate) struct Run {
    pub(crate) date: BusinessDate,
    pub(crate) rule_version: String,
    pub(crate) line_count: i32,
    pub(crate) result_sha256: Vec<u8>,
}

pub(crate) async fn run(connection: &mut PgConnection, run_id: RunId) -> Result<Run, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT business_date, rule_version, line_count, result_sha256 FROM night_run WHERE run_id = $1",
        run_id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(Run {
        date: row.business_date.into(),
        rule_version: row.rule_version,
        line_count: row.line_count,
        result_sha256: row.result_sha256,
    })
}

/// A file of a run.
pub(crate) struct TakenFile {
    pub(crate) authority: Authority,
    pub(crate) business_date: NaiveDate,
    pub(crate) revision: i32,
    pub(crate) sha256: [u8; 32],
}

pub(crate) async fn inputs(
    connection: &mut PgConnection,
    run_id: RunId,
) -> Result<Vec<TakenFile>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT f.authority, f.business_date, f.revision, f.sha256
         FROM night_input i JOIN settlement_file f USING (authority, business_date, revision)
         WHERE i.run_id = $1",
        run_id.0
    )
    .fetch_all(connection)
    .await?;
    let broken = || sqlx::Error::Decode("a taken file's authority or hash".into());
    let file = |authority: &str, business_date, revision, sha256: Vec<u8>| {
        let authority = Authority::named(authority).ok_or_else(broken)?;
        let sha256 = sha256.try_into().map_err(|_| broken())?;
        Ok(TakenFile { authority, business_date, revision, sha256 })
    };
    rows.into_iter().map(|row| file(&row.authority, row.business_date, row.revision, row.sha256)).collect()
}

/// SHA-256 of a file's bytes as they are stored, part after part.
pub(crate) async fn sha256_of_parts(
    connection: &mut PgConnection,
    file: &TakenFile,
) -> Result<[u8; 32], sqlx::Error> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part_no in 0_i32.. {
        let part = sqlx::query_scalar!(
            "SELECT bytes FROM settlement_part
             WHERE authority = $1 AND business_date = $2 AND revision = $3 AND part_no = $4",
            file.authority.as_str(),
            file.business_date,
            file.revision,
            part_no
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(bytes) = part else { break };
        context.update(&bytes);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(sha256)
}

struct LineRow {
    ordinal: i32,
    payment_id: Option<Uuid>,
    class: String,
    note: String,
    authority: String,
    reference: Uuid,
    due_on: NaiveDate,
    code: String,
    beneficiary: String,
    status: String,
    number: Option<String>,
    document_id: Option<String>,
    plate: String,
    here_principal: Option<i64>,
    here_penalty: Option<i64>,
    there_principal: Option<i64>,
    there_penalty: Option<i64>,
    line_no: Option<i32>,
    ours: Option<String>,
}

impl LineRow {
    fn line(self) -> Result<Line, sqlx::Error> {
        let money = |amount: Option<i64>| {
            amount.map(Rupiah::new).transpose().map_err(|e| sqlx::Error::Decode(e.into()))
        };
        Ok(Line {
            ordinal: self.ordinal,
            payment_id: self.payment_id,
            line: ResultLine {
                here_principal: money(self.here_principal)?,
                here_penalty: money(self.here_penalty)?,
                there_principal: money(self.there_principal)?,
                there_penalty: money(self.there_penalty)?,
                class: self.class,
                note: self.note,
                authority: self.authority,
                reference: self.reference,
                due_on: self.due_on.into(),
                code: self.code,
                beneficiary: self.beneficiary,
                status: self.status,
                number: self.number,
                document_id: self.document_id,
                plate: self.plate,
                line_no: self.line_no,
                ours: self.ours,
            },
        })
    }
}

pub(crate) async fn lines(
    connection: &mut PgConnection,
    run_id: RunId,
    (after, limit): (i32, i64),
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query_as!(
        LineRow,
        r#"SELECT n.ordinal, l.payment_id AS "payment_id?", n.class, n.note, n.authority, n.reference, n.due_on, n.code,
                  n.beneficiary, n.status, n.number, n.document_id, n.plate, n.here_principal, n.here_penalty,
                  n.there_principal, n.there_penalty, n.line_no, n.ours
           FROM night_line n LEFT JOIN payment_leg l ON l.payment_id = payment_of(n.reference) AND l.reference = n.reference
           WHERE n.run_id = $1 AND n.ordinal > $2
           ORDER BY n.ordinal LIMIT $3"#,
        run_id.0,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(LineRow::line).collect()
}

pub(crate) async fn lines_of_class(
    connection: &mut PgConnection,
    run_id: RunId,
    class: Class,
    (after, limit): (i32, i64),
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query_as!(
        LineRow,
        r#"SELECT n.ordinal, l.payment_id AS "payment_id?", n.class, n.note, n.authority, n.reference, n.due_on, n.code,
                  n.beneficiary, n.status, n.number, n.document_id, n.plate, n.here_principal, n.here_penalty,
                  n.there_principal, n.there_penalty, n.line_no, n.ours
           FROM night_line n LEFT JOIN payment_leg l ON l.payment_id = payment_of(n.reference) AND l.reference = n.reference
           WHERE n.run_id = $1 AND n.class = $2 AND n.ordinal > $3
           ORDER BY n.ordinal LIMIT $4"#,
        run_id.0,
        class.as_str(),
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(LineRow::line).collect()
}
