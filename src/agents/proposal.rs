//! Proposals: what one person asks for and another approves. The database refuses the same person (`proposal_two_people`)
//! and any change of the terms (`proposal_is_fixed`).

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Person, Role};
use crate::db;
use crate::domain::{ProposalId, Timestamp};

/// Characters of a refusal's reason.
pub const REFUSAL_MAX: usize = 200;

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalKind {
    /// Float for a bank deposit.
    Topup,
    /// A confirmed payment taken back at both authorities.
    Reversal,
    /// A case or an open payment settled by decision.
    Resolve,
}

impl ProposalKind {
    /// The word in the table and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topup => "topup",
            Self::Reversal => "reversal",
            Self::Resolve => "resolve",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Topup, Self::Reversal, Self::Resolve].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A proposal as it stands.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its id.
    pub proposal_id: ProposalId,
    /// What is proposed.
    pub kind: ProposalKind,
    /// The agent, payment or case.
    pub subject: Uuid,
    /// Its terms, fixed when it was made.
    pub terms: serde_json::Value,
    /// Name of who made it.
    pub proposed_by: String,
}

/// Why a proposal or an approval is refused.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// Who proposed cannot approve.
    #[error("SAME_PERSON: who proposed it cannot approve it")]
    SamePerson,
    /// Only `bapenda` and `admin` may propose and approve.
    #[error("FORBIDDEN: the role {0} may not do this")]
    Forbidden(&'static str),
    /// No such proposal.
    #[error("NOT_FOUND: no such proposal")]
    NotFound,
    /// It has been approved before.
    #[error("ALREADY_APPROVED: this proposal has been carried out")]
    AlreadyApproved,
    /// Somebody has refused it, or its own author has taken it back.
    #[error("REFUSED: this proposal was refused")]
    Refused,
    /// The deposit backs another top-up.
    #[error("DEPOSIT_USED: this bank deposit backs another top-up")]
    DepositUsed,
    /// The terms cannot be carried out.
    #[error("{0}")]
    Terms(String),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Whether this person may propose and approve at all.
///
/// # Errors
/// [`ProposalError::Forbidden`] for other roles.
pub fn may_decide(person: &Person) -> Result<(), ProposalError> {
    match person.role {
        Role::Bapenda | Role::Admin => Ok(()),
        Role::Kasir | Role::Penyelia | Role::Auditor => Err(ProposalError::Forbidden(person.role.as_str())),
    }
}

/// Records a proposal.
///
/// # Errors
/// [`ProposalError::Forbidden`] for other roles.
pub async fn propose(
    connection: &mut PgConnection,
    (kind, subject): (ProposalKind, Uuid),
    terms: &serde_json::Value,
    by: &Person,
    at: Timestamp,
) -> Result<ProposalId, ProposalError> {
    may_decide(by)?;
    let proposal_id = ProposalId::new();
    sqlx::query!(
        "INSERT INTO proposal (proposal_id, kind, subject, terms, proposed_by, proposed_at) VALUES ($1, $2, $3, $4, $5, $6)",
        proposal_id.0, kind.as_str(), subject, terms, by.person_id.0, at
    )
    .execute(&mut *connection)
    .await?;
    let facts = serde_json::json!({"kind": kind.as_str(), "subject": subject, "terms": terms});
    let event =
        crate::audit::Event::new(at, &format!("person:{}", by.username), "proposed", proposal_id.0, facts);
    crate::audit::append(connection, &[event]).await?;
    Ok(proposal_id)
}

/// Reads a proposal and locks it for the approval that follows in the same transaction.
///
/// # Errors
/// [`ProposalError`] when there is none, it is done, or this person may not approve it.
pub async fn load_for_approval(
    connection: &mut PgConnection,
    proposal_id: ProposalId,
    by: &Person,
) -> Result<Proposal, ProposalError> {
    may_decide(by)?;
    let row = sqlx::query!(
        "SELECT p.kind, p.subject, p.terms, p.proposed_by, p.approved_at, p.refused_at, m.username
         FROM proposal p JOIN person m ON m.person_id = p.proposed_by WHERE p.proposal_id = $1 FOR UPDATE OF p",
        proposal_id.0
    )
    .fetch_optional(connection)
    .await?
    .ok_or(ProposalError::NotFound)?;
    if row.approved_at.is_some() {
        return Err(ProposalError::AlreadyApproved);
    }
    if row.refused_at.is_some() {
        return Err(ProposalError::Refused);
    }
    if row.proposed_by == by.person_id.0 {
        return Err(ProposalError::SamePerson);
    }
    let kind = ProposalKind::named(&row.kind)
        .ok_or_else(|| ProposalError::Terms(format!("unknown kind {}", row.kind)))?;
    Ok(Proposal { proposal_id, kind, subject: row.subject, terms: row.terms, proposed_by: row.username })
}

/// Marks a proposal approved; the caller carries it out in the same transaction.
///
/// # Errors
/// [`ProposalError::SamePerson`] when the database refuses the person.
pub async fn mark_approved(
    connection: &mut PgConnection,
    proposal: &Proposal,
    by: &Person,
    at: Timestamp,
) -> Result<(), ProposalError> {
    let result = sqlx::query!(
        "UPDATE proposal SET approved_by = $2, approved_at = greatest($3, proposed_at) WHERE proposal_id = $1 AND approved_at IS NULL",
        proposal.proposal_id.0, by.person_id.0, at
    )
    .execute(&mut *connection)
    .await;
    match result {
        Ok(done) if done.rows_affected() == 1 => {}
        Ok(_) => return Err(ProposalError::AlreadyApproved),
        Err(e) if db::constraint(&e) == Some("proposal_two_people") => return Err(ProposalError::SamePerson),
        Err(e) => return Err(e.into()),
    }
    let facts = serde_json::json!({"kind": proposal.kind.as_str(), "subject": proposal.subject});
    let event = crate::audit::Event::new(
        at,
        &format!("person:{}", by.username),
        "approved",
        proposal.proposal_id.0,
        facts,
    );
    crate::audit::append(connection, &[event]).await?;
    Ok(())
}

/// Ends a proposal unapproved, in the caller's transaction: another person refuses it, or its author takes it back. It
/// moves nothing, and cannot be approved any more; a bank deposit that it names stays its own.
///
/// # Errors
/// [`ProposalError`] when there is none, it has ended, or this person may not.
pub async fn refuse(
    connection: &mut PgConnection,
    proposal_id: ProposalId,
    by: &Person,
    reason: &str,
    at: Timestamp,
) -> Result<(), ProposalError> {
    may_decide(by)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REFUSAL_MAX {
        return Err(ProposalError::Terms("REASON: a refusal says why, in 1 to 200 characters".to_owned()));
    }
    let row = sqlx::query!(
        "SELECT approved_at, refused_at FROM proposal WHERE proposal_id = $1 FOR UPDATE",
        proposal_id.0
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or(ProposalError::NotFound)?;
    if row.approved_at.is_some() {
        return Err(ProposalError::AlreadyApproved);
    }
    if row.refused_at.is_some() {
        return Err(ProposalError::Refused);
    }
    sqlx::query!(
        "UPDATE proposal SET refused_by = $2, refused_at = $3, refusal = $4 WHERE proposal_id = $1",
        proposal_id.0,
        by.person_id.0,
        at,
        reason
    )
    .execute(&mut *connection)
    .await?;
    let facts = serde_json::json!({"reason": reason});
    let actor = format!("person:{}", by.username);
    crate::audit::append(
        connection,
        &[crate::audit::Event::new(at, &actor, "refused", proposal_id.0, facts)],
    )
    .await?;
    Ok(())
}
