//! A top-up that an outlet asks for, with a proof of its deposit. At Bapenda one person turns it into a proposal or declines
//! it, and another approves the proposal like any other (`payment::Payments::approve`).

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use super::operator::Operator;
use super::proof::{Media, Proof};
use super::proposal::{ProposalError, may_decide};
use super::request_store as store;
use super::topup::{Deposit, propose_topup};
use super::{Person, Role, agent_by_id};
use crate::domain::{AgentId, BusinessDate, ProposalId, RequestId, Rupiah, Timestamp};
use crate::{audit, db};

/// Letters in the name of a bank or in its reference.
const NAME_MAX: usize = 60;
/// Letters in a reason.
const REASON_MAX: usize = 300;

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopupRequest {
    /// Its id.
    pub request_id: RequestId,
    /// The outlet's code.
    pub agent_code: String,
    /// The outlet's name.
    pub outlet: String,
    /// Rupiah.
    pub amount: Rupiah,
    /// The bank.
    pub bank: String,
    /// The day of the deposit.
    pub deposited_on: BusinessDate,
    /// The bank's reference.
    pub bank_reference: String,
    /// Who asked.
    pub requested_by: String,
    /// RFC 3339, WIB.
    pub requested_at: String,
    /// SHA-256 of the proof, hexadecimal.
    pub proof_sha256: String,
    /// How large the proof is.
    pub proof_bytes: i32,
    /// What the proof is.
    pub media: Media,
    /// What has become of it.
    #[serde(flatten)]
    pub state: RequestState,
}

/// What has become of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "names of people, times in RFC 3339")]
pub enum RequestState {
    /// Nobody has answered.
    Waiting,
    /// One person at Bapenda has proposed it.
    Proposed { proposal_id: ProposalId, proposed_by: String },
    /// Another has approved it: it is in the float.
    Approved { proposal_id: ProposalId, proposed_by: String, approved_by: String, approved_at: String },
    /// It will not be.
    Declined { declined_by: String, declined_at: String, reason: String },
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Only a supervisor asks for the outlet.
    #[error("FORBIDDEN: only a supervisor may ask for a top-up")]
    Forbidden,
    /// Bank, reference, day or amount cannot be.
    #[error("TERMS: {0}")]
    Terms(&'static str),
    /// Another request rests on this very proof.
    #[error("PROOF_USED: another request has this proof")]
    ProofUsed,
    /// Another request, or a top-up, rests on this deposit.
    #[error("DEPOSIT_USED: this bank deposit backs another top-up")]
    DepositUsed,
    /// That id names another request.
    #[error("NOT_FOUND: no such request")]
    Absent,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Asks for a top-up, in the caller's transaction; once for one id.
///
/// # Errors
/// [`RequestError`] when it is not taken: nothing of the transaction may be kept then.
pub async fn request_topup(
    connection: &mut PgConnection,
    operator: &Operator,
    (id, deposit, proof): (RequestId, &Deposit, &Proof),
    at: Timestamp,
) -> Result<(), RequestError> {
    if operator.role != Role::Penyelia {
        return Err(RequestError::Forbidden);
    }
    let deposit = checked(deposit, at)?;
    if store::deposit_is_used(connection, &deposit).await? {
        return Err(RequestError::DepositUsed);
    }
    let agent = operator.outlet.agent_id;
    store::insert_proof(connection, proof, at).await?;
    let whose = (id, agent, operator.person_id);
    let inserted = store::insert_request(connection, whose, (&deposit, proof), at).await;
    match inserted {
        Ok(true) => {}
        Ok(false) => {
            let which = store::WhichRequests { id: Some(id), agent: Some(agent), open_only: false };
            let mine = store::topup_requests(connection, which, 1).await?;
            return if mine.is_empty() { Err(RequestError::Absent) } else { Ok(()) };
        }
        Err(e) => {
            return Err(match db::constraint(&e) {
                Some("topup_request_proof_once") => RequestError::ProofUsed,
                Some("topup_request_deposit_once") => RequestError::DepositUsed,
                _ => e.into(),
            });
        }
    }
    let facts = json!({"agent_code": operator.outlet.agent_code, "deposit": deposit, "proof_sha256": hex::encode(proof.sha256())});
    let event = audit::Event::new(at, &operator.actor(), "requested top-up", id.0, facts);
    audit::append(connection, &[event]).await?;
    Ok(())
}

/// The deposit as it is kept: a bank has one spelling.
fn checked(deposit: &Deposit, at: Timestamp) -> Result<Deposit, RequestError> {
    let bank = deposit.bank.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    let bank_reference = deposit.bank_reference.trim().to_owned();
    let fits = |text: &str| (1..=NAME_MAX).contains(&text.chars().count());
    if !fits(&bank) || !fits(&bank_reference) {
        return Err(RequestError::Terms("bank and reference have 1 to 60 letters each"));
    }
    if deposit.amount <= Rupiah::ZERO {
        return Err(RequestError::Terms("the amount is above zero"));
    }
    if deposit.deposited_on > BusinessDate::of(at) {
        return Err(RequestError::Terms("the day of the deposit has not come yet"));
    }
    Ok(Deposit { bank, bank_reference, ..deposit.clone() })
}

/// Turns a request into a proposal, in the caller's transaction: another person approves it.
///
/// # Errors
/// [`ProposalError`] when the person may not, or the request is answered.
pub async fn propose_request(
    connection: &mut PgConnection,
    id: RequestId,
    by: &Person,
    at: Timestamp,
) -> Result<ProposalId, ProposalError> {
    may_decide(by)?;
    let (agent, deposit) = waiting(connection, id).await?;
    let agent = agent_by_id(connection, agent).await?.ok_or(ProposalError::NotFound)?;
    let proposal = propose_topup(connection, &agent, &deposit, by, at).await?;
    store::set_proposal(connection, id, proposal).await?;
    Ok(proposal)
}

/// Declines a request with a reason that the outlet reads, in the caller's transaction.
///
/// # Errors
/// [`ProposalError`] when the person may not, the request is answered, or the reason has not 3 to 300 letters.
pub async fn decline_request(
    connection: &mut PgConnection,
    id: RequestId,
    (by, reason): (&Person, &str),
    at: Timestamp,
) -> Result<(), ProposalError> {
    may_decide(by)?;
    let reason = reason.trim();
    if !(3..=REASON_MAX).contains(&reason.chars().count()) {
        return Err(ProposalError::Terms("a reason has 3 to 300 letters".to_owned()));
    }
    waiting(connection, id).await?;
    store::set_declined(connection, id, (by.person_id, reason), at).await?;
    let event = audit::Event::new(
        at,
        &format!("person:{}", by.username),
        "declined top-up",
        id.0,
        json!({"reason": reason}),
    );
    audit::append(connection, &[event]).await?;
    Ok(())
}

async fn waiting(connection: &mut PgConnection, id: RequestId) -> Result<(AgentId, Deposit), ProposalError> {
    match store::lock_request(connection, id).await? {
        None => Err(ProposalError::NotFound),
        Some((_, _, false)) => {
            Err(ProposalError::Terms("ANSWERED: this request is proposed or declined".to_owned()))
        }
        Some((agent, deposit, true)) => Ok((agent, deposit)),
    }
}
