//! The statements of a publication. A batch is one statement; each says what it accepted.

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::cases::Case;
use crate::domain::{Authority, BusinessDate, CaseId, RunId, Rupiah, Timestamp};
use crate::reconciliation::chain::Taken;
use crate::reconciliation::ours::LineKey;
use crate::reconciliation::report::Report;
use crate::reconciliation::result::{RULE_VERSION, ResultLine};
use crate::reconciliation::settlement::{Header, Settlement};
use crate::upstream::SignedFile;

/// Bytes of a file in one row.
const PART_BYTES: usize = 1024 * 1024;

/// Makes publishers wait for each other until the transaction ends. Writing a province's day takes longer than the
/// session's timeouts allow, and so may the wait.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT set_config('lock_timeout', '120s', true) AS a, set_config('statement_timeout', '120s', true) AS b")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query!("SELECT fence FROM job_lease WHERE name = 'night-publish' FOR UPDATE")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Every file of a sender that a published night used.
pub(crate) async fn taken(
    connection: &mut PgConnection,
    authority: Authority,
) -> Result<Vec<Taken>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT business_date, revision, sequence, sha256 FROM settlement_file WHERE authority = $1",
        authority.as_str()
    )
    .fetch_all(connection)
    .await?;
    let taken = rows.into_iter().map(|row| {
        let broken = |_| sqlx::Error::Decode("a taken file's numbers are out of range".into());
        Ok(Taken {
            date: row.business_date.into(),
            revision: u32::try_from(row.revision).map_err(broken)?,
            sequence: u64::try_from(row.sequence).map_err(broken)?,
            sha256: row.sha256.try_into().map_err(|_| sqlx::Error::Decode("a hash is not SHA-256".into()))?,
        })
    });
    taken.collect()
}

/// The revision of a date's next run.
pub(crate) async fn next_revision(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(revision), 0) + 1 AS "next!" FROM night_run WHERE business_date = $1"#,
        date.date()
    )
    .fetch_one(connection)
    .await
}

/// Takes a file.
pub(crate) async fn insert_file(
    connection: &mut PgConnection,
    file: &Settlement,
    signed: &SignedFile,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let header = &file.header;
    sqlx::query!(
        "INSERT INTO settlement_file (authority, business_date, revision, sequence, sha256, previous_sha256, row_count,
                                      total, signature, host_timestamp, taken_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        header.sender.as_str(),
        header.date.date(),
        revision(header),
        i64::try_from(header.sequence).unwrap_or(i64::MAX),
        &file.sha256[..],
        &header.previous_sha256[..],
        i32::try_from(file.rows.len()).unwrap_or(i32::MAX),
        file.total.get(),
        signed.signature,
        signed.host_timestamp,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a taken file byte for byte.
pub(crate) async fn insert_parts(
    connection: &mut PgConnection,
    header: &Header,
    bytes: &[u8],
) -> Result<(), sqlx::Error> {
    for (part_no, part) in (0_i32..).zip(bytes.chunks(PART_BYTES)) {
        sqlx::query!(
            "INSERT INTO settlement_part (authority, business_date, revision, part_no, bytes) VALUES ($1, $2, $3, $4, $5)",
            header.sender.as_str(),
            header.date.date(),
            revision(header),
            part_no,
            part
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Publishes a run.
pub(crate) async fn insert_run(
    connection: &mut PgConnection,
    report: &Report,
    signature: &str,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let count = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO night_run (run_id, business_date, revision, rule_version, line_count, counts, amounts, cases_opened,
                                cases_carried, doubts_resolved, result_sha256, signature, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, decode($11, 'hex'), $12, $13)",
        report.run_id.0,
        report.date.date(),
        report.revision,
        RULE_VERSION,
        count(report.lines),
        serde_json::json!(report.counts),
        serde_json::json!(report.amounts),
        count(report.cases_opened),
        count(report.cases_carried),
        count(report.doubts_resolved),
        report.result_sha256,
        signature,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Names a run's file.
pub(crate) async fn insert_input(
    connection: &mut PgConnection,
    run_id: RunId,
    header: &Header,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO night_input (run_id, authority, business_date, revision) VALUES ($1, $2, $3, $4)",
        run_id.0,
        header.sender.as_str(),
        header.date.date(),
        revision(header)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes lines in canonical order, beginning with `first`.
pub(crate) async fn insert_lines(
    connection: &mut PgConnection,
    run_id: RunId,
    first: i32,
    lines: &[ResultLine],
) -> Result<(), sqlx::Error> {
    let of = |text: fn(&ResultLine) -> &str| {
        lines.iter().map(|line| text(line).to_owned()).collect::<Vec<String>>()
    };
    let maybe = |text: fn(&ResultLine) -> &Option<String>| {
        lines.iter().map(|line| text(line).clone()).collect::<Vec<_>>()
    };
    let money = |amount: fn(&ResultLine) -> Option<Rupiah>| {
        lines.iter().map(|line| amount(line).map(Rupiah::get)).collect::<Vec<Option<i64>>>()
    };
    let ordinals: Vec<i32> = (first..).take(lines.len()).collect();
    let references: Vec<Uuid> = lines.iter().map(|line| line.reference).collect();
    let due: Vec<NaiveDate> = lines.iter().map(|line| line.due_on.date()).collect();
    let line_nos: Vec<Option<i32>> = lines.iter().map(|line| line.line_no).collect();
    sqlx::query!(
        "INSERT INTO night_line (run_id, ordinal, class, note, authority, reference, due_on, code, beneficiary, status,
                                 number, document_id, plate, here_principal, here_penalty, there_principal, there_penalty,
                                 line_no, ours)
         SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::date[], $8::text[],
                                  $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[],
                                  $15::bigint[], $16::bigint[], $17::bigint[], $18::int[], $19::text[])",
        run_id.0,
        &ordinals,
        &of(|line| &line.class),
        &of(|line| &line.note),
        &of(|line| &line.authority),
        &references,
        &due,
        &of(|line| &line.code),
        &of(|line| &line.beneficiary),
        &of(|line| &line.status),
        &maybe(|line| &line.number) as &[Option<String>],
        &maybe(|line| &line.document_id) as &[Option<String>],
        &of(|line| &line.plate),
        &money(|line| line.here_principal) as &[Option<i64>],
        &money(|line| line.here_penalty) as &[Option<i64>],
        &money(|line| line.there_principal) as &[Option<i64>],
        &money(|line| line.there_penalty) as &[Option<i64>],
        &line_nos as &[Option<i32>],
        &maybe(|line| &line.ours) as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Releases what the superseded run of a date claimed.
pub(crate) async fn release_claims(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM settlement_claim WHERE business_date = $1", date.date())
        .execute(connection)
        .await?;
    Ok(())
}

/// Claims lines; says how many were free.
pub(crate) async fn insert_claims(
    connection: &mut PgConnection,
    run_id: RunId,
    date: BusinessDate,
    keys: &[LineKey],
) -> Result<u64, sqlx::Error> {
    let references: Vec<Uuid> = keys.iter().map(|key| key.reference.0).collect();
    let due: Vec<NaiveDate> = keys.iter().map(|key| key.due_on.date()).collect();
    let codes: Vec<String> = keys.iter().map(|key| key.code.to_string()).collect();
    let beneficiaries: Vec<String> = keys.iter().map(|key| key.beneficiary.to_string()).collect();
    let statuses: Vec<String> = keys.iter().map(|key| key.status.as_str().to_owned()).collect();
    let done = sqlx::query!(
        "INSERT INTO settlement_claim (reference, due_on, code, beneficiary, status, business_date, run_id)
         SELECT u.*, $6::date, $7::uuid FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[]) u
         ON CONFLICT ON CONSTRAINT settlement_claim_line DO NOTHING",
        &references,
        &due,
        &codes,
        &beneficiaries,
        &statuses,
        date.date(),
        run_id.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Opens the cases that do not stand yet; says how many.
pub(crate) async fn insert_cases(
    connection: &mut PgConnection,
    cases: &[Case],
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let ids: Vec<Uuid> = cases.iter().map(|_| CaseId::new().0).collect();
    let classes: Vec<String> = cases.iter().map(|case| case.class.to_string()).collect();
    let sides: Vec<String> = cases.iter().map(|case| case.side.to_owned()).collect();
    let keys: Vec<String> = cases.iter().map(|case| case.line_key.clone()).collect();
    let references: Vec<Uuid> = cases.iter().map(|case| case.reference).collect();
    let owners: Vec<String> = cases.iter().map(|case| case.class.owner().to_owned()).collect();
    let facts: Vec<serde_json::Value> = cases.iter().map(|case| case.facts.clone()).collect();
    let done = sqlx::query!(
        "INSERT INTO case_file (case_id, class, side, line_key, payment_id, origin, owner, facts, opened_at)
         SELECT u.case_id, u.class, u.side, u.line_key, l.payment_id, 'night', u.owner, u.facts, $8
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[])
                u (case_id, class, side, line_key, reference, owner, facts)
         LEFT JOIN payment_leg l ON l.payment_id = payment_of(u.reference) AND l.reference = u.reference
         ON CONFLICT ON CONSTRAINT case_once DO NOTHING",
        &ids,
        &classes,
        &sides,
        &keys,
        &references,
        &owners,
        &facts,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Closes the cases of lines that this run found, on their own date or another.
pub(crate) async fn close_found(
    connection: &mut PgConnection,
    run_id: RunId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE case_file c SET closed_at = $2, resolution = 'FOUND_IN_FILE'
         WHERE c.class = 'MISSING_UPSTREAM' AND c.side = 'HERE' AND c.origin = 'night' AND c.closed_at IS NULL
           AND EXISTS (SELECT FROM settlement_claim s
                       WHERE s.reference = split_part(c.line_key, '/', 1)::uuid AND s.run_id = $1
                         AND c.line_key = concat_ws('/', s.reference, to_char(s.due_on, 'YYYY-MM-DD'), s.code, s.beneficiary, s.status))",
        run_id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes the case of a file that had not come.
pub(crate) async fn close_file_missing(
    connection: &mut PgConnection,
    authority: Authority,
    date: BusinessDate,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE case_file SET closed_at = $3, resolution = 'FILE_CAME'
         WHERE class = 'FILE_MISSING' AND side = $1 AND line_key = $2 AND closed_at IS NULL",
        authority.as_str(),
        date.to_string(),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens the case of a file that has not come.
pub(crate) async fn open_file_missing(
    connection: &mut PgConnection,
    authority: Authority,
    date: BusinessDate,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO case_file (case_id, class, side, line_key, origin, owner, facts, opened_at)
         VALUES ($1, 'FILE_MISSING', $2, $3, 'night', 'bapenda', $4, $5)
         ON CONFLICT ON CONSTRAINT case_once DO NOTHING",
        CaseId::new().0,
        authority.as_str(),
        date.to_string(),
        serde_json::json!({ "business_date": date }),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn revision(header: &Header) -> i32 {
    // The reader lets no revision through that is larger.
    i32::try_from(header.revision).unwrap_or(i32::MAX)
}
