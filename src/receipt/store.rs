//! Rows of receipts and their counters.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Kind;
use crate::db::Together;
use crate::domain::{AgentId, PaymentId, Timestamp};

/// A series: agent, kind, year.
pub type Counter = (AgentId, Kind, i16);

/// A receipt before it is written.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of the table `receipt`")]
pub struct Issued {
    pub receipt_no: String,
    pub payment_id: PaymentId,
    pub counter: Counter,
    pub n: i64,
    pub payload: String,
    pub issued_at: Timestamp,
}

/// Takes the next numbers of each series, as many as asked for, and tells the last taken. Locks the counters in order.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn take_numbers(
    connection: &mut PgConnection,
    wanted: &BTreeMap<Counter, i64>,
) -> Result<BTreeMap<Counter, i64>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let agents: Vec<Uuid> = wanted.keys().map(|(agent, ..)| agent.0).collect();
    let kinds: Vec<String> = wanted.keys().map(|(_, kind, _)| kind.as_str().to_owned()).collect();
    let years: Vec<i16> = wanted.keys().map(|(.., year)| *year).collect();
    let counts: Vec<i64> = wanted.values().copied().collect();
    let rows = sqlx::query!(
        "INSERT INTO receipt_counter AS c (agent_id, kind, year, last_n)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bigint[]) ORDER BY 1, 2, 3
         ON CONFLICT (agent_id, kind, year) DO UPDATE SET last_n = c.last_n + excluded.last_n
         RETURNING agent_id, kind, year, last_n",
        &agents,
        &kinds,
        &years,
        &counts
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let kind =
                Kind::named(&r.kind).ok_or_else(|| sqlx::Error::Decode("unknown receipt kind".into()))?;
            Ok(((AgentId(r.agent_id), kind, r.year), r.last_n))
        })
        .collect()
}

/// Writes receipts, beside what others write; `receipt_payment_kind_key` refuses a second of that kind.
pub fn insert_with(together: &mut Together, receipts: &[Issued]) {
    if receipts.is_empty() {
        return;
    }
    let numbers: Vec<&str> = receipts.iter().map(|r| r.receipt_no.as_str()).collect();
    let payments: Vec<Uuid> = receipts.iter().map(|r| r.payment_id.0).collect();
    let agents: Vec<Uuid> = receipts.iter().map(|r| r.counter.0.0).collect();
    let kinds: Vec<&str> = receipts.iter().map(|r| r.counter.1.as_str()).collect();
    let years: Vec<i16> = receipts.iter().map(|r| r.counter.2).collect();
    let ns: Vec<i64> = receipts.iter().map(|r| r.n).collect();
    let payloads: Vec<&str> = receipts.iter().map(|r| r.payload.as_str()).collect();
    let ats: Vec<Timestamp> = receipts.iter().map(|r| r.issued_at).collect();
    together
        .call("insert_receipts")
        .with(numbers)
        .with(payments)
        .with(agents)
        .with(kinds)
        .with(years)
        .with(ns)
        .with(payloads)
        .with(ats)
        .done();
}

/// A receipt as kept.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of the table `receipt`")]
pub struct StoredReceipt {
    pub receipt_no: String,
    pub payment_id: PaymentId,
    pub agent_id: AgentId,
    pub kind: Kind,
    pub payload: String,
    pub issued_at: Timestamp,
    /// Copies printed so far.
    pub copies: i64,
}

/// The receipt of that number.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn find(
    connection: &mut PgConnection,
    receipt_no: &str,
) -> Result<Option<StoredReceipt>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT r.receipt_no, r.payment_id, r.agent_id, r.kind, r.payload, r.issued_at,
                (SELECT count(*) FROM receipt_copy c WHERE c.receipt_no = r.receipt_no) AS \"copies!\"
         FROM receipt r WHERE r.receipt_no = $1",
        receipt_no
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| {
        Ok(StoredReceipt {
            receipt_no: r.receipt_no,
            payment_id: PaymentId(r.payment_id),
            agent_id: AgentId(r.agent_id),
            kind: Kind::named(&r.kind).ok_or_else(|| sqlx::Error::Decode("unknown receipt kind".into()))?,
            payload: r.payload,
            issued_at: r.issued_at,
            copies: r.copies,
        })
    })
    .transpose()
}

/// Which receipts are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Issued on that WIB day: from, until.
    pub day: Option<(Timestamp, Timestamp)>,
    /// Of that agent.
    pub agent_code: Option<String>,
    /// Of that plate, canonical.
    pub plate: Option<String>,
    /// After that number.
    pub after: Option<String>,
}

/// Receipts in the order of their numbers.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<StoredReceipt>, sqlx::Error> {
    let (from, until) = filter.day.unzip();
    let rows = sqlx::query!(
        "SELECT r.receipt_no, r.payment_id, r.agent_id, r.kind, r.payload, r.issued_at,
                (SELECT count(*) FROM receipt_copy c WHERE c.receipt_no = r.receipt_no) AS \"copies!\"
         FROM receipt r JOIN payment p USING (payment_id) JOIN agent a ON a.agent_id = r.agent_id
         WHERE ($1::timestamptz IS NULL OR r.issued_at >= $1) AND ($2::timestamptz IS NULL OR r.issued_at < $2)
           AND ($3::text IS NULL OR a.agent_code = $3) AND ($4::text IS NULL OR p.plate = $4)
           AND ($5::text IS NULL OR r.receipt_no > $5)
         ORDER BY r.receipt_no LIMIT $6",
        from, until, filter.agent_code, filter.plate, filter.after, limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(StoredReceipt {
                receipt_no: r.receipt_no,
                payment_id: PaymentId(r.payment_id),
                agent_id: AgentId(r.agent_id),
                kind: Kind::named(&r.kind)
                    .ok_or_else(|| sqlx::Error::Decode("unknown receipt kind".into()))?,
                payload: r.payload,
                issued_at: r.issued_at,
                copies: r.copies,
            })
        })
        .collect()
}

/// Counts a printed copy and tells its number; two at once get two numbers.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn count_copy(
    connection: &mut PgConnection,
    receipt_no: &str,
    at: Timestamp,
) -> Result<i32, sqlx::Error> {
    loop {
        let inserted = sqlx::query_scalar!(
            "INSERT INTO receipt_copy (receipt_no, copy_no, printed_at)
             SELECT $1, coalesce(max(copy_no), 0) + 1, $2 FROM receipt_copy WHERE receipt_no = $1
             ON CONFLICT DO NOTHING RETURNING copy_no",
            receipt_no,
            at
        )
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(copy_no) = inserted {
            return Ok(copy_no);
        }
    }
}
