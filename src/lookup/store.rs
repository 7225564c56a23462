//! Rows of lookups.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::quote::{Lookup, Quote, pay_code};
use crate::db::{self, Question};
use crate::domain::{AgentId, LookupId, Rupiah, Timestamp};
use crate::upstream::Evidence;

/// Pay codes are random: a second try with a new one ends any chance collision.
const CODES_TRIED: usize = 3;

/// A quote to be stored, with what both hosts said.
#[derive(Debug)]
pub(super) struct NewQuote {
    pub(super) lookup: Lookup,
    pub(super) bill: Box<Evidence>,
    pub(super) assessment: Box<Evidence>,
}

impl Question for NewQuote {
    type Answer = Lookup;

    async fn ask(connection: &mut PgConnection, new: &[&Self]) -> Result<Vec<Lookup>, sqlx::Error> {
        let mut lookups: Vec<Lookup> = new.iter().map(|new| new.lookup.clone()).collect();
        let mut tried = 1;
        loop {
            match insert(connection, &lookups, new).await {
                Err(e) if is_code_taken(&e) && tried < CODES_TRIED => {
                    for lookup in &mut lookups {
                        lookup.pay_code = pay_code().map_err(|e| sqlx::Error::Protocol(e.to_string()))?;
                    }
                    tried += 1;
                }
                Err(e) => return Err(e),
                Ok(()) => return Ok(lookups),
            }
        }
    }
}

async fn insert(
    connection: &mut PgConnection,
    lookups: &[Lookup],
    new: &[&NewQuote],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = lookups.iter().map(|l| l.lookup_id.0).collect();
    let agents: Vec<Uuid> = lookups.iter().map(|l| l.agent_id.0).collect();
    let plates: Vec<String> = lookups.iter().map(|l| l.plate.clone()).collect();
    let codes: Vec<String> = lookups.iter().map(|l| l.pay_code.clone()).collect();
    let dates: Vec<chrono::NaiveDate> = lookups.iter().map(|l| l.business_date.date()).collect();
    let asked: Vec<Timestamp> = lookups.iter().map(|l| l.asked_at).collect();
    let expire: Vec<Timestamp> = lookups.iter().map(|l| l.expires_at).collect();
    let quotes: Vec<Json<&Quote>> = lookups.iter().map(|l| Json(&l.quote)).collect();
    let taxes: Vec<i64> = lookups.iter().map(|l| l.tax_total.get()).collect();
    let fees: Vec<i64> = lookups.iter().map(|l| l.fee.get()).collect();
    let bills: Vec<Vec<u8>> = new.iter().map(|n| kept(&n.bill)).collect();
    let bills_signed: Vec<String> = new.iter().map(|n| n.bill.signature.clone()).collect();
    let assessments: Vec<Vec<u8>> = new.iter().map(|n| kept(&n.assessment)).collect();
    let assessments_signed: Vec<String> = new.iter().map(|n| n.assessment.signature.clone()).collect();
    sqlx::query!(
        "INSERT INTO lookup (lookup_id, agent_id, plate, pay_code, business_date, asked_at, expires_at, quote, tax_total, fee,
                             bapenda_evidence, bapenda_signature, jasa_raharja_evidence, jasa_raharja_signature)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::date[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[],
                              $9::bigint[], $10::bigint[], $11::bytea[], $12::text[], $13::bytea[], $14::text[])
         ON CONFLICT (lookup_id) DO NOTHING",
        &ids, &agents, &plates, &codes, &dates, &asked, &expire, &quotes as _, &taxes, &fees, &bills, &bills_signed,
        &assessments, &assessments_signed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// By the unique index of the month's part of the table.
fn is_code_taken(error: &sqlx::Error) -> bool {
    db::constraint(error).is_some_and(|name| name.starts_with("lookup_") && name.ends_with("_once"))
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
         FROM unnest($1::uuid[]) wanted JOIN lookup ON lookup_id = wanted",
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

/// How often an agent guessed wrong since then, and when first.
#[derive(Debug)]
pub(super) struct Misses {
    pub(super) agent_id: AgentId,
    pub(super) since: Timestamp,
}

impl Question for Misses {
    type Answer = (i64, Option<DateTime<Utc>>);

    async fn ask(connection: &mut PgConnection, asked: &[&Self]) -> Result<Vec<Self::Answer>, sqlx::Error> {
        let agents: Vec<Uuid> = asked.iter().map(|a| a.agent_id.0).collect();
        let since: Vec<Timestamp> = asked.iter().map(|a| a.since).collect();
        let rows = sqlx::query!(
            "SELECT m.n AS \"n!\", m.oldest
             FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY u (agent_id, since, place)
             CROSS JOIN LATERAL (SELECT count(*) AS n, min(at) AS oldest FROM lookup_miss m WHERE m.agent_id = u.agent_id AND m.at > u.since) m
             ORDER BY u.place",
            &agents, &since
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|r| (r.n, r.oldest)).collect())
    }
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
