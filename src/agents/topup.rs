//! Top-ups: a bank deposit becomes float, by two people. A deposit (bank, date, reference) backs one top-up, for ever.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::proposal::{Proposal, ProposalError, ProposalKind, mark_approved, propose};
use super::{Agent, Person, agent_by_id};
use crate::db;
use crate::domain::{AgentId, BusinessDate, ProposalId, Rupiah, Timestamp};
use crate::ledger;

/// The bank deposit behind a top-up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deposit {
    /// Rupiah, more than zero, fixed at request.
    pub amount: Rupiah,
    /// The bank.
    pub bank: String,
    /// The day of the deposit.
    pub deposited_on: BusinessDate,
    /// The bank's reference.
    pub bank_reference: String,
}

/// Asks for a top-up.
///
/// # Errors
/// [`ProposalError::DepositUsed`] when the deposit backs another; [`ProposalError::Terms`] for an amount of 0 or less.
pub async fn propose_topup(
    connection: &mut PgConnection,
    agent: &Agent,
    deposit: &Deposit,
    by: &Person,
    at: Timestamp,
) -> Result<ProposalId, ProposalError> {
    if deposit.amount <= Rupiah::ZERO || deposit.bank.is_empty() || deposit.bank_reference.is_empty() {
        return Err(ProposalError::Terms(
            "a top-up names a bank, a reference and an amount above zero".to_owned(),
        ));
    }
    if deposit.deposited_on > BusinessDate::of(at) {
        return Err(ProposalError::Terms("the day of the deposit has not come yet".to_owned()));
    }
    let terms = serde_json::to_value(deposit).map_err(|e| ProposalError::Terms(e.to_string()))?;
    let id = propose(connection, (ProposalKind::Topup, agent.agent_id.0), &terms, by, at).await?;
    let inserted = sqlx::query!(
        "INSERT INTO bank_deposit (bank, deposited_on, bank_reference, proposal_id, agent_id, amount) VALUES ($1, $2, $3, $4, $5, $6)",
        deposit.bank, deposit.deposited_on.date(), deposit.bank_reference, id.0, agent.agent_id.0, deposit.amount.get()
    )
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(id),
        Err(e) if db::constraint(&e) == Some("bank_deposit_key") => Err(ProposalError::DepositUsed),
        Err(e) => Err(e.into()),
    }
}

/// Carries an approved top-up out, in the caller's transaction.
///
/// # Errors
/// [`ProposalError`] when the person may not, or the terms cannot be read.
pub async fn approve_topup(
    connection: &mut PgConnection,
    proposal: &Proposal,
    by: &Person,
    at: Timestamp,
) -> Result<(), ProposalError> {
    let deposit: Deposit =
        serde_json::from_value(proposal.terms.clone()).map_err(|e| ProposalError::Terms(e.to_string()))?;
    let agent_id = AgentId(proposal.subject);
    let agent = agent_by_id(connection, agent_id).await?.ok_or(ProposalError::NotFound)?;
    mark_approved(connection, proposal, by, at).await?;
    let mut balances = ledger::lock_balances(connection, &[agent_id]).await?;
    let balance = balances.get_mut(&agent_id).ok_or(ProposalError::NotFound)?;
    let transfer = ledger::topup(proposal.proposal_id, (agent_id, agent.agent_no), deposit.amount, at);
    let position = balance.apply(&transfer).map_err(|e| ProposalError::Terms(e.to_string()))?;
    ledger::record(connection, &[(transfer, position)], balances.values()).await?;
    Ok(())
}
