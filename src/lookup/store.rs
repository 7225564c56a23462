//! Rows of lookups.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::quote::{Lookup, Quote, pay_code};
use crate::db;
use crate::domain::{AgentId, LookupId, Rupiah, Timestamp};
use crate::upstream::Evidence;

/// Pay codes are random: a second try with a new one ends any chance collision.
const CODES_TRIED: usize = 3;

pub(super) async fn insert(
    connection: &mut PgConnection,
    mut lookup: Lookup,
    bill: &Evidence,
    assessment: &Evidence,
) -> Result<Lookup, sqlx::Error> {
    let mut tried = 1;
    loop {
        match insert_row(connection, &lookup, bill, assessment).await {
            Err(e) if db::constraint(&e) == Some("lookup_pay_code_key") && tried < CODES_TRIED => {
                lookup.pay_code = pay_code().map_err(|e| sqlx::Error::Protocol(e.to_string()))?;
                tried += 1;
            }
            Err(e) => return Err(e),
            Ok(()) => return Ok(lookup),
        }
    }
}

async fn insert_row(
    connection: &mut PgConnection,
    lookup: &Lookup,
    bill: &Evidence,
    assessment: &Evidence,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO lookup (lookup_id, agent_id, plate, pay_code, business_date, asked_at, expires_at, quote, tax_total, fee,
                             bapenda_evidence, bapenda_signature, jasa_raharja_evidence, jasa_raharja_signature)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        lookup.lookup_id.0, lookup.agent_id.0, lookup.plate, lookup.pay_code, lookup.business_date.date(),
        lookup.asked_at, lookup.expires_at, Json(&lookup.quote) as _, lookup.tax_total.get(), lookup.fee.get(),
        kept(bill), bill.signature, kept(assessment), assessment.signature
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The signed text's parts beside the body, so that the signature can be checked again: a line of
/// `status path request-sha256 timestamp`, then the body's exact bytes.
fn kept(evidence: &Evidence) -> Vec<u8> {
    let head = format!(
        "{} {} {} {}\n",
        evidence.status, evidence.path, evidence.request_sha256, evidence.host_timestamp
    );
    [head.as_bytes(), &evidence.body].concat()
}

/// The lookup of that id, of whatever agent.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails or the stored quote does not read back.
pub async fn load(connection: &mut PgConnection, lookup_id: LookupId) -> Result<Option<Lookup>, sqlx::Error> {
    Ok(load_many(connection, &[lookup_id]).await?.pop())
}

/// The lookups of those ids, in no order.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails or a stored quote does not read back.
pub async fn load_many(connection: &mut PgConnection, ids: &[LookupId]) -> Result<Vec<Lookup>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT lookup_id, agent_id, plate, pay_code, business_date, asked_at, expires_at, quote AS \"quote: Json<Quote>\", tax_total, fee
         FROM lookup WHERE lookup_id = ANY($1)",
        &ids
    )
    .fetch_all(connection)
    .await?;
    let amount = |rupiah| Rupiah::new(rupiah).map_err(|e| sqlx::Error::Decode(Box::new(e)));
    rows.into_iter()
        .map(|r| {
            Ok(Lookup {
                lookup_id: LookupId(r.lookup_id),
                agent_id: AgentId(r.agent_id),
                plate: r.plate,
                pay_code: r.pay_code,
                business_date: r.business_date.into(),
                asked_at: r.asked_at,
                expires_at: r.expires_at,
                quote: r.quote.0,
                tax_total: amount(r.tax_total)?,
                fee: amount(r.fee)?,
                total: amount(r.tax_total + r.fee)?,
            })
        })
        .collect()
}

pub(super) async fn misses_since(
    connection: &mut PgConnection,
    agent_id: AgentId,
    since: Timestamp,
) -> Result<(i64, Option<DateTime<Utc>>), sqlx::Error> {
    let row = sqlx::query!(
        "SELECT count(*) AS \"n!\", min(at) AS oldest FROM lookup_miss WHERE agent_id = $1 AND at > $2",
        agent_id.0,
        since
    )
    .fetch_one(connection)
    .await?;
    Ok((row.n, row.oldest))
}

pub(super) async fn insert_miss(
    connection: &mut PgConnection,
    agent_id: AgentId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!("INSERT INTO lookup_miss (agent_id, at) VALUES ($1, $2)", agent_id.0, at)
        .execute(connection)
        .await?;
    Ok(())
}
