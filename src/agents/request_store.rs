//! Rows of top-ups that outlets ask for, and of their proofs.

use sqlx::PgConnection;
use uuid::Uuid;

use super::proof::{Media, Proof};
use super::topup::Deposit;
use super::topup_request::{RequestState, TopupRequest};
use crate::domain::{AgentId, PersonId, ProposalId, RequestId, Rupiah, Timestamp, rfc3339_wib};

/// Keeps a proof, once for its bytes.
pub(super) async fn insert_proof(
    connection: &mut PgConnection,
    proof: &Proof,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO topup_proof (proof_sha256, media_type, bytes, stored_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        proof.sha256(),
        proof.media().as_str(),
        proof.bytes(),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a request; false when that id was written before. The database refuses a proof or a deposit that another has.
pub(super) async fn insert_request(
    connection: &mut PgConnection,
    (id, agent, by): (RequestId, AgentId, PersonId),
    (deposit, proof): (&Deposit, &Proof),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO topup_request (request_id, agent_id, amount, bank, deposited_on, bank_reference, proof_sha256, requested_by, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (request_id) DO NOTHING",
        id.0,
        agent.0,
        deposit.amount.get(),
        deposit.bank,
        deposit.deposited_on.date(),
        deposit.bank_reference,
        proof.sha256(),
        by.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// True when a top-up rests on that deposit already.
pub(super) async fn deposit_is_used(
    connection: &mut PgConnection,
    deposit: &Deposit,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT EXISTS (SELECT FROM bank_deposit WHERE bank = $1 AND deposited_on = $2 AND bank_reference = $3) AS \"used!\"",
        deposit.bank,
        deposit.deposited_on.date(),
        deposit.bank_reference
    )
    .fetch_one(connection)
    .await
}

struct Row {
    request_id: Uuid,
    agent_code: String,
    outlet: String,
    amount: i64,
    bank: String,
    deposited_on: chrono::NaiveDate,
    bank_reference: String,
    requested_by: String,
    requested_at: Timestamp,
    proof_sha256: Vec<u8>,
    media_type: String,
    proof_bytes: i32,
    proposal_id: Option<Uuid>,
    proposed_by: Option<String>,
    approved_by: Option<String>,
    approved_at: Option<Timestamp>,
    declined_by: Option<String>,
    declined_at: Option<Timestamp>,
    decline_reason: Option<String>,
}

impl Row {
    fn request(self) -> Result<TopupRequest, sqlx::Error> {
        let broken = |what: &str| sqlx::Error::Decode(format!("request {}: {what}", self.request_id).into());
        let state = match (self.proposal_id, self.proposed_by, self.approved_by, self.declined_by) {
            (None, None, None, None) => RequestState::Waiting,
            (Some(id), Some(by), None, None) => {
                RequestState::Proposed { proposal_id: ProposalId(id), proposed_by: by }
            }
            (Some(id), Some(by), Some(other), None) => RequestState::Approved {
                proposal_id: ProposalId(id),
                proposed_by: by,
                approved_by: other,
                approved_at: self
                    .approved_at
                    .map(rfc3339_wib)
                    .ok_or_else(|| broken("approved at no time"))?,
            },
            (None, None, None, Some(by)) => RequestState::Declined {
                declined_by: by,
                declined_at: self
                    .declined_at
                    .map(rfc3339_wib)
                    .ok_or_else(|| broken("declined at no time"))?,
                reason: self.decline_reason.clone().unwrap_or_default(),
            },
            _ => return Err(broken("its answer fits no state")),
        };
        Ok(TopupRequest {
            request_id: RequestId(self.request_id),
            amount: Rupiah::new(self.amount).map_err(|e| broken(&e.to_string()))?,
            media: Media::named(&self.media_type).ok_or_else(|| broken("unknown media type"))?,
            agent_code: self.agent_code,
            outlet: self.outlet,
            bank: self.bank,
            deposited_on: self.deposited_on.into(),
            bank_reference: self.bank_reference,
            requested_by: self.requested_by,
            requested_at: rfc3339_wib(self.requested_at),
            proof_sha256: hex::encode(self.proof_sha256),
            proof_bytes: self.proof_bytes,
            state,
        })
    }
}

/// Which requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct WhichRequests {
    /// One.
    pub id: Option<RequestId>,
    /// One outlet's.
    pub agent: Option<AgentId>,
    /// Only those that nobody has approved or declined.
    pub open_only: bool,
}

/// Requests, newest first.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn topup_requests(
    connection: &mut PgConnection,
    which: WhichRequests,
    limit: i64,
) -> Result<Vec<TopupRequest>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT r.request_id, a.agent_code, a.name AS outlet, r.amount, r.bank, r.deposited_on, r.bank_reference, q.username AS requested_by,
                r.requested_at, r.proof_sha256, f.media_type, octet_length(f.bytes) AS \"proof_bytes!\", r.proposal_id,
                m.username AS \"proposed_by?\", c.username AS \"approved_by?\", p.approved_at AS \"approved_at?\",
                d.username AS \"declined_by?\", r.declined_at, r.decline_reason
         FROM topup_request r JOIN agent a USING (agent_id) JOIN topup_proof f USING (proof_sha256) JOIN person q ON q.person_id = r.requested_by
         LEFT JOIN proposal p USING (proposal_id) LEFT JOIN person m ON m.person_id = p.proposed_by
         LEFT JOIN person c ON c.person_id = p.approved_by LEFT JOIN person d ON d.person_id = r.declined_by
         WHERE ($1::uuid IS NULL OR r.request_id = $1) AND ($2::uuid IS NULL OR r.agent_id = $2)
           AND (NOT $3 OR r.declined_at IS NULL AND p.approved_at IS NULL)
         ORDER BY r.request_id DESC LIMIT $4",
        which.id.map(|id| id.0),
        which.agent.map(|id| id.0),
        which.open_only,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::request).collect()
}

/// The proof of a request, byte for byte; another outlet's looks like none.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn topup_proof(
    connection: &mut PgConnection,
    id: RequestId,
    agent: Option<AgentId>,
) -> Result<Option<(Media, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT f.media_type, f.bytes FROM topup_request r JOIN topup_proof f USING (proof_sha256)
         WHERE r.request_id = $1 AND ($2::uuid IS NULL OR r.agent_id = $2)",
        id.0,
        agent.map(|agent| agent.0)
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| {
        let media = Media::named(&r.media_type);
        Ok((media.ok_or_else(|| sqlx::Error::Decode("unknown media type".into()))?, r.bytes))
    })
    .transpose()
}

/// A request that is to be answered, locked: its outlet and its deposit; and whether it waits for an answer.
pub(super) async fn lock_request(
    connection: &mut PgConnection,
    id: RequestId,
) -> Result<Option<(AgentId, Deposit, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT agent_id, amount, bank, deposited_on, bank_reference, proposal_id IS NULL AND declined_at IS NULL AS \"waits!\"
         FROM topup_request WHERE request_id = $1 FOR UPDATE",
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| {
        let amount = Rupiah::new(r.amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        let deposited_on = r.deposited_on.into();
        let deposit = Deposit { amount, bank: r.bank, deposited_on, bank_reference: r.bank_reference };
        Ok((AgentId(r.agent_id), deposit, r.waits))
    })
    .transpose()
}

pub(super) async fn set_proposal(
    connection: &mut PgConnection,
    id: RequestId,
    proposal: ProposalId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE topup_request SET proposal_id = $2 WHERE request_id = $1", id.0, proposal.0)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn set_declined(
    connection: &mut PgConnection,
    id: RequestId,
    (by, reason): (PersonId, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE topup_request SET declined_at = $2, declined_by = $3, decline_reason = $4 WHERE request_id = $1",
        id.0,
        at,
        by.0,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}
