//! The ledger's rows. One statement a function; the caller owns the transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::account::{AccountNo, AgentAccount};
use super::balance::{Balance, Caps, Position};
use super::transfer::Transfer;
use crate::db::Together;
use crate::domain::{AgentId, PaymentId};

/// Opens an agent's accounts with nothing in them.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn open_account(
    connection: &mut PgConnection,
    agent_id: AgentId,
    agent_no: i64,
) -> Result<(), sqlx::Error> {
    let numbers: Vec<i64> =
        AgentAccount::ALL.iter().map(|a| AccountNo::of_agent(agent_no, *a).get()).collect();
    let kinds: Vec<String> = AgentAccount::ALL.iter().map(|a| a.kind().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO account (account_no, kind, agent_id) SELECT n, k, $3 FROM unnest($1::bigint[], $2::text[]) u (n, k)",
        &numbers, &kinds, agent_id.0
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("INSERT INTO agent_float (agent_id, available, owed, seq) VALUES ($1, 0, 0, 0)", agent_id.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks the balances of these agents, in the order of their ids, until the transaction ends.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lock_balances(
    connection: &mut PgConnection,
    agents: &[AgentId],
) -> Result<BTreeMap<AgentId, Balance>, sqlx::Error> {
    let ids: Vec<Uuid> = agents.iter().map(|a| a.0).collect();
    let rows = sqlx::query!(
        "SELECT f.agent_id, a.agent_no, a.status = 'active' AS \"active!\", a.daily_cap, a.open_cap, f.available, f.owed, f.seq
         FROM unnest($1::uuid[]) wanted JOIN agent_float f ON f.agent_id = wanted JOIN agent a ON a.agent_id = f.agent_id
         ORDER BY f.agent_id FOR NO KEY UPDATE OF f",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let agent_id = AgentId(r.agent_id);
            let balance = Balance {
                agent_id,
                agent_no: r.agent_no,
                active: r.active,
                caps: Caps { daily: r.daily_cap, open: r.open_cap },
                available: r.available,
                owed: r.owed,
                seq: r.seq,
            };
            (agent_id, balance)
        })
        .collect())
}

/// What an agent may take at most.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn caps(connection: &mut PgConnection, agent_id: AgentId) -> Result<Caps, sqlx::Error> {
    sqlx::query_as!(
        Caps,
        "SELECT daily_cap AS daily, open_cap AS open FROM agent WHERE agent_id = $1",
        agent_id.0
    )
    .fetch_one(connection)
    .await
}

/// Writes transfers with their places in the floats, and the balances they led to.
///
/// # Errors
/// [`sqlx::Error`] when a constraint or trigger refuses: nothing of the transaction may be kept then.
pub async fn record<'a>(
    connection: &mut PgConnection,
    transfers: &[(Transfer, Option<Position>)],
    balances: impl Iterator<Item = &'a Balance>,
) -> Result<(), sqlx::Error> {
    let mut together = Together::new();
    record_with(&mut together, transfers, balances);
    together.run(connection).await
}

/// The same beside what others write.
pub fn record_with<'a>(
    together: &mut Together,
    transfers: &[(Transfer, Option<Position>)],
    balances: impl Iterator<Item = &'a Balance>,
) {
    record_transfers(together, transfers);
    set_floats(together, balances);
}

fn record_transfers(together: &mut Together, transfers: &[(Transfer, Option<Position>)]) {
    if transfers.is_empty() {
        return;
    }
    let column = |f: &dyn Fn(&Transfer) -> i64| -> Vec<i64> { transfers.iter().map(|(t, _)| f(t)).collect() };
    let (debits, credits) = (column(&|t| t.debit.get()), column(&|t| t.credit.get()));
    let amounts = column(&|t| t.amount.get());
    let ids: Vec<Uuid> = transfers.iter().map(|(t, _)| t.id.0).collect();
    let codes: Vec<&str> = transfers.iter().map(|(t, _)| t.code.as_str()).collect();
    let agents: Vec<Uuid> = transfers.iter().map(|(t, _)| t.agent_id.0).collect();
    let causes: Vec<Uuid> = transfers.iter().map(|(t, _)| t.cause).collect();
    let legs: Vec<Option<i16>> = transfers.iter().map(|(t, _)| t.leg).collect();
    let resolves: Vec<Option<Uuid>> =
        transfers.iter().map(|(t, _)| t.resolves.map(|(hold, _)| hold.0)).collect();
    let parts: Vec<Option<i16>> = transfers.iter().map(|(t, _)| t.resolves.map(|(_, part)| part)).collect();
    let seqs: Vec<Option<i64>> = transfers.iter().map(|(_, p)| p.map(|p| p.seq)).collect();
    let afters: Vec<Option<i64>> = transfers.iter().map(|(_, p)| p.map(|p| p.available_after)).collect();
    let ats: Vec<DateTime<Utc>> = transfers.iter().map(|(t, _)| t.at).collect();
    together
        .call("record_transfers")
        .with(ids)
        .with(debits)
        .with(credits)
        .with(amounts)
        .with(codes)
        .with(agents)
        .with(causes)
        .with(legs)
        .with(resolves)
        .with(parts)
        .with(seqs)
        .with(afters)
        .with(ats)
        .done();
}

fn set_floats<'a>(together: &mut Together, balances: impl Iterator<Item = &'a Balance>) {
    let balances: Vec<&Balance> = balances.collect();
    if balances.is_empty() {
        return;
    }
    let column = |f: &dyn Fn(&Balance) -> i64| -> Vec<i64> { balances.iter().map(|b| f(b)).collect() };
    let ids: Vec<Uuid> = balances.iter().map(|b| b.agent_id.0).collect();
    together
        .call("set_floats")
        .with(ids)
        .with(column(&|b| b.available))
        .with(column(&|b| b.owed))
        .with(column(&|b| b.seq))
        .done();
}

/// What an agent sees of its float, in rupiah.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FloatView {
    /// May still be collected against.
    pub available: i64,
    /// Set aside: for open payments, and for cash that must go back to citizens.
    pub held: i64,
    /// Both together.
    pub total: i64,
}

/// An agent's float as it stands.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn float_view(connection: &mut PgConnection, agent_id: AgentId) -> Result<FloatView, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT f.available, (f.owed + coalesce(sum(h.amount), 0))::bigint AS \"held!\"
         FROM agent_float f
         LEFT JOIN (payment_work w CROSS JOIN LATERAL (
                      SELECT h.amount FROM transfer h WHERE h.cause = w.payment_id AND h.code = 'HOLD' AND h.agent_id = $1
                        AND NOT EXISTS (SELECT FROM transfer r WHERE r.cause = h.cause AND r.resolves = h.transfer_id) OFFSET 0) h) ON true
         WHERE f.agent_id = $1 GROUP BY f.available, f.owed",
        agent_id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(FloatView { available: row.available, held: row.held, total: row.available + row.held })
}

/// One movement of an agent's float.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// Place in the float: 1, 2, 3 …
    pub seq: i64,
    /// `TOPUP`, `HOLD`, `VOID`, `RETURN`, `CLAIM`.
    pub code: String,
    /// Rupiah; negative when the float gave.
    pub amount: i64,
    /// Available after it.
    pub available_after: i64,
    /// The payment it belongs to.
    pub payment_id: Option<Uuid>,
    /// RFC 3339, WIB.
    pub at: String,
}

/// The newest `limit` movements before position `before`.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn entries(
    connection: &mut PgConnection,
    agent_id: AgentId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT t.float_seq AS \"seq!\", t.code, t.amount, t.available_after AS \"available_after!\",
                CASE WHEN t.code <> 'TOPUP' THEN t.cause END AS payment_id, t.at,
                d.kind = 'float' AS \"gives!\"
         FROM transfer t JOIN account d ON d.account_no = t.debit_account
         WHERE t.agent_id = $1 AND t.float_seq IS NOT NULL AND ($2::bigint IS NULL OR t.float_seq < $2)
         ORDER BY t.float_seq DESC LIMIT $3",
        agent_id.0,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Entry {
            seq: r.seq,
            amount: if r.gives { -r.amount } else { r.amount },
            code: r.code,
            available_after: r.available_after,
            payment_id: r.payment_id.map(PaymentId).map(|p| p.0),
            at: crate::domain::rfc3339_wib(r.at),
        })
        .collect())
}
