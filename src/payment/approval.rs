//! What needs two people: a reversal, and the settling of what no authority's answer settles by itself.
//!
//! One proposes, another approves; the approval is carried out in its own transaction. Two people may refuse only what
//! is then proven absent and confirm only what an authority then confirms: `ask` and `refuse` reopen an integrity hold
//! and let the authorities' signed answers decide.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::asked::LateBookings;
use super::begin_store::{self, WantedLock};
use super::change::{After, Change, Mover};
use super::event::Event;
use super::settle::write_accepted;
use super::state::{LegState, Payment};
use super::terms::{Decision, Terms};
use super::view::{PaymentView, Scope};
use super::{PayError, Payments};
use super::{settle_store, store};
use crate::agents::{self, Person, Proposal, ProposalError, ProposalKind};
use crate::domain::{CaseId, PaymentId, ProposalId, Reference, Rupiah, Timestamp};
use crate::{db, ledger};

/// What an approval led to.
#[derive(Debug, Serialize)]
pub struct Approved {
    /// The proposal.
    pub proposal_id: ProposalId,
    /// `topup`, `reversal`, `resolve`.
    pub kind: &'static str,
    /// The payment as it stands now, where it is about one.
    pub payment: Option<PaymentView>,
}

impl Approved {
    /// A reversal that Bapenda has refused: the payment stands as before.
    #[must_use]
    pub fn is_refused_there(&self) -> bool {
        let stands =
            self.payment.as_ref().is_some_and(|payment| payment.state == super::StateName::Confirmed);
        self.kind == ProposalKind::Reversal.as_str() && stands
    }
}

impl Payments {
    /// Proposes to take a confirmed payment back.
    ///
    /// # Errors
    /// [`ProposalError`] when there is no such payment or the person may not.
    pub async fn propose_reversal(
        &self,
        id: PaymentId,
        reason: &str,
        by: &Person,
    ) -> Result<ProposalId, ProposalError> {
        let terms = Terms::of(Decision::Reverse, reason);
        self.propose_about_payment(ProposalKind::Reversal, id, &terms, by).await
    }

    /// Proposes how an open payment, or a case, is settled.
    ///
    /// # Errors
    /// [`ProposalError`] when there is no such subject or the person may not.
    pub async fn propose_resolution(
        &self,
        subject: Uuid,
        decision: Decision,
        reason: &str,
        by: &Person,
    ) -> Result<ProposalId, ProposalError> {
        let terms = Terms::of(decision, reason);
        if matches!(decision, Decision::FreshAssessment | Decision::ConfirmEvidence) {
            let why = "this decision names what it rests on: an assessment or a stored answer";
            return Err(ProposalError::Terms(why.to_owned()));
        }
        if decision != Decision::Close {
            return self.propose_about_payment(ProposalKind::Resolve, PaymentId(subject), &terms, by).await;
        }
        let mut transaction = self.db.workers.begin().await?;
        if !is_open_case(&mut transaction, CaseId(subject)).await? {
            return Err(ProposalError::NotFound);
        }
        let terms = serde_json::to_value(&terms).map_err(|e| ProposalError::Terms(e.to_string()))?;
        let kind = (ProposalKind::Resolve, subject);
        let id = agents::propose(&mut transaction, kind, &terms, by, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(id)
    }

    async fn propose_about_payment(
        &self,
        kind: ProposalKind,
        id: PaymentId,
        terms: &Terms,
        by: &Person,
    ) -> Result<ProposalId, ProposalError> {
        let mut transaction = self.db.workers.begin().await?;
        if store::load(&mut transaction, id).await?.is_none() {
            return Err(ProposalError::NotFound);
        }
        let terms = serde_json::to_value(terms).map_err(|e| ProposalError::Terms(e.to_string()))?;
        let proposal = agents::propose(&mut transaction, (kind, id.0), &terms, by, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(proposal)
    }

    /// Approves and carries out a proposal of any kind.
    ///
    /// # Errors
    /// [`ProposalError`] when the person may not, or the subject no longer takes it.
    pub async fn approve(&self, id: ProposalId, by: &Person) -> Result<Approved, ProposalError> {
        let late = self.late_bookings_for(id, by).await?;
        let mut transaction = self.db.workers.begin().await?;
        let proposal = agents::load_for_approval(&mut transaction, id, by).await?;
        let about = match proposal.kind {
            ProposalKind::Topup => {
                agents::approve_topup(&mut transaction, &proposal, by, self.clock.now()).await?;
                None
            }
            ProposalKind::Reversal | ProposalKind::Resolve => {
                self.carry_out_decision(&mut transaction, (&proposal, by), late).await?
            }
        };
        transaction.commit().await?;
        let mut payment = None;
        if let Some(about) = about {
            self.resolve_now(about).await?;
            payment = self.view(Scope::All, about).await.map_err(|e| ProposalError::Terms(e.to_string()))?;
        }
        Ok(Approved { proposal_id: id, kind: proposal.kind.as_str(), payment })
    }

    /// What must be asked before the transaction in which the proposal is carried out.
    async fn late_bookings_for(&self, id: ProposalId, by: &Person) -> Result<LateBookings, ProposalError> {
        let mut transaction = self.db.workers.begin().await?;
        let proposal = agents::load_for_approval(&mut transaction, id, by).await?;
        transaction.rollback().await?;
        if proposal.kind == ProposalKind::Topup {
            return Ok(vec![]);
        }
        match read_terms(&proposal)?.decision {
            Decision::Repost | Decision::Reverse => self.booked_late(PaymentId(proposal.subject)).await,
            Decision::Ask
            | Decision::Refuse
            | Decision::PaidElsewhere
            | Decision::FreshAssessment
            | Decision::ConfirmEvidence
            | Decision::Close => Ok(vec![]),
        }
    }

    async fn carry_out_decision(
        &self,
        connection: &mut PgConnection,
        (proposal, by): (&Proposal, &Person),
        late: LateBookings,
    ) -> Result<Option<PaymentId>, ProposalError> {
        let terms = read_terms(proposal)?;
        let now = self.clock.now();
        agents::mark_approved(connection, proposal, by, now).await?;
        if terms.decision == Decision::Close {
            close_case(connection, (CaseId(proposal.subject), proposal.proposal_id), &terms.reason, now)
                .await?;
            return Ok(None);
        }
        let id = PaymentId(proposal.subject);
        let fence = self.take_for_people(connection, id).await?;
        let payment = store::load(connection, id).await?.ok_or(ProposalError::NotFound)?;
        let event = match terms.decision {
            Decision::ConfirmEvidence => {
                let evidence = terms.evidence.as_ref().ok_or_else(|| not_now(&payment))?.evidence_id;
                let (leg, booking) = self.proven_by(connection, &payment, evidence).await?;
                Event::Proven(leg, booking)
            }
            _ => decided(&payment, &terms, now).ok_or_else(|| not_now(&payment))?,
        };
        let mover = Mover { actor: format!("person:{}", by.username), fence };
        let mut change = Change::of(payment, mover);
        let events = late.into_iter().map(|(event, evidence)| (event, Some(evidence))).chain([(event, None)]);
        for (event, evidence) in events {
            change
                .apply(&event, evidence, now, self.limits)
                .map_err(|e| ProposalError::Terms(format!("NOT_NOW: {e}")))?;
        }
        if terms.decision == Decision::Repost {
            make_room(connection, &mut change).await?;
        }
        let job = change.into_job(After::AskIn(0), now).map_err(|e| ProposalError::Terms(e.to_string()))?;
        let after = job.change.payment.clone();
        let written = write_accepted(connection, &self.tools, &mut [(0, &job, after)]).await;
        written.map_err(|e| match db::constraint(&e) {
            Some("vehicle_lock_open") => {
                ProposalError::Terms("VEHICLE_BUSY: another payment of this vehicle is open".to_owned())
            }
            _ => ProposalError::Sql(e),
        })?;
        Ok(Some(id))
    }

    /// Takes the payment from whoever might move it: its work row under a new fencing number, made if there is none,
    /// then under a number that no earlier row of this payment can have had.
    async fn take_for_people(
        &self,
        connection: &mut PgConnection,
        id: PaymentId,
    ) -> Result<i64, ProposalError> {
        let row = sqlx::query!(
            "INSERT INTO payment_work AS w (payment_id, fence, holder, lease_until, due_at, tries)
             SELECT payment_id, (extract(epoch FROM now()) * 1000)::bigint, $2, now(), now(), 0 FROM payment WHERE payment_id = $1
             ON CONFLICT (payment_id) DO UPDATE SET fence = w.fence + 1, holder = excluded.holder, tries = 0
             WHERE w.lease_until <= now() RETURNING fence",
            id.0,
            &*self.tools.instance
        )
        .fetch_optional(connection)
        .await?;
        row.map(|r| r.fence).ok_or_else(|| {
            ProposalError::Terms("BUSY: somebody is at work on this payment; try again".to_owned())
        })
    }

    /// Who asked for a reversal, who approved, and why.
    pub(super) async fn who_wanted_it_back(
        &self,
        id: PaymentId,
    ) -> Result<(String, String, String), PayError> {
        let mut connection = self.db.workers.acquire().await?;
        let row = sqlx::query!(
            "SELECT m.username AS requested_by, c.username AS approved_by, p.terms->>'reason' AS reason
             FROM proposal p JOIN person m ON m.person_id = p.proposed_by JOIN person c ON c.person_id = p.approved_by
             WHERE p.subject = $1 AND p.terms->>'decision' = 'reverse' ORDER BY p.approved_at DESC LIMIT 1",
            id.0
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok((row.requested_by, row.approved_by, row.reason.unwrap_or_default()))
    }
}

fn read_terms(proposal: &Proposal) -> Result<Terms, ProposalError> {
    serde_json::from_value(proposal.terms.clone()).map_err(|e| ProposalError::Terms(e.to_string()))
}

/// Takes the periods of a late success, so that nobody pays them again, and finds out what the float lacks.
async fn make_room(connection: &mut PgConnection, change: &mut Change) -> Result<(), ProposalError> {
    let payment = &change.payment;
    let wanted = WantedLock::of(payment);
    let got = begin_store::insert_locks(connection, &wanted).await?;
    if got.get(&payment.id) != Some(&wanted.len()) {
        let why = "VEHICLE_BUSY: another payment of this vehicle is open or has paid a period";
        return Err(ProposalError::Terms(why.to_owned()));
    }
    settle_store::let_vehicle_go(connection, payment).await?;
    let due = payment.legs.iter().filter(|leg| leg.booking().is_some()).map(|leg| leg.amount);
    let due = Rupiah::sum(due).map_err(|e| ProposalError::Terms(e.to_string()))?;
    let balances = ledger::lock_balances(connection, &[payment.agent_id]).await?;
    let available = balances.get(&payment.agent_id).map_or(0, |balance| balance.available);
    let missing = Rupiah::new((due.get() - available).max(0));
    change.missing = missing.map_err(|e| ProposalError::Terms(e.to_string()))?;
    Ok(())
}

fn not_now(payment: &Payment) -> ProposalError {
    ProposalError::Terms(format!(
        "NOT_NOW: the payment is {} and does not take this",
        payment.state.name().as_str()
    ))
}

fn decided(payment: &Payment, terms: &Terms, now: Timestamp) -> Option<Event> {
    match terms.decision {
        Decision::Ask => Some(Event::Reopened { refuse: false }),
        Decision::Refuse => Some(Event::Reopened { refuse: true }),
        Decision::PaidElsewhere => payment
            .legs
            .iter()
            .find(|leg| matches!(leg.state, LegState::Refused(_)))
            .map(|leg| Event::PaidElsewhere(leg.ordinal)),
        Decision::FreshAssessment => {
            terms.assessment.as_ref()?.leg(payment, now).map(Box::new).map(Event::FreshlyAssessed)
        }
        Decision::Reverse => {
            let references = payment.legs.iter().map(|leg| (leg.ordinal, Reference::new())).collect();
            Some(Event::ReversalApproved(references))
        }
        Decision::Repost => Some(Event::Reposted),
        Decision::ConfirmEvidence | Decision::Close => None,
    }
}

async fn is_open_case(connection: &mut PgConnection, id: CaseId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT EXISTS (SELECT FROM case_file WHERE case_id = $1 AND closed_at IS NULL) AS \"open!\"",
        id.0
    )
    .fetch_one(connection)
    .await
}

async fn close_case(
    connection: &mut PgConnection,
    (id, proposal): (CaseId, ProposalId),
    resolution: &str,
    now: Timestamp,
) -> Result<(), ProposalError> {
    let done = sqlx::query!(
        "UPDATE case_file SET closed_at = $3, resolution = $4, closed_by = $2 WHERE case_id = $1 AND closed_at IS NULL",
        id.0, proposal.0, now, resolution
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(ProposalError::NotFound) }
}
