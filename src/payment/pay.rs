//! The request's own way through a payment: tx A, the calls outside any transaction, tx B.
//!
//! Runs in a task of its own: a client that goes away cancels nothing.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::begin_job::{BeginJob, BeginReply, HostDown, Stored, StoredOutcome, Till};
use super::begin_store;
use super::change::{After, Change, Mover};
use super::event::Event;
use super::journal::JournalError;
use super::state::{Leg, Payment};
use super::view::{PaymentView, Scope, Seen};
use super::{PayError, Payments, case_store, settle_store, store};
use crate::agents::Agent;
use crate::domain::{Authority, LookupId, PaymentId, Rupiah, Timestamp, TransferId};
use crate::upstream::{Booking, Evidence, Paid, StatusAnswer};

/// What an agent asks for.
#[derive(Debug, Clone)]
pub struct PayRequest {
    /// The agent.
    pub agent: Agent,
    /// Who acts for it, as audit events name them: `agent:PSN-0001`, `person:siti`.
    pub actor: String,
    /// `Idempotency-Key`, unquoted.
    pub key: String,
    /// The quote.
    pub lookup_id: LookupId,
    /// What the citizen handed over: the quote's total.
    pub amount: Rupiah,
    /// Where the cash goes.
    pub till: Till,
}

/// A payment, and whether the key had been used before.
#[derive(Debug, Clone)]
pub struct PayAnswer {
    /// The payment in its present state.
    pub payment: PaymentView,
    /// The key was used before.
    pub replayed: bool,
    /// Of the time that the answer took: what the authorities took.
    pub hosts: Duration,
}

/// A copy that keeps meeting its twin gives up after so many tries; the twin is at work.
const AGAIN_MAX: usize = 50;
/// How long former references are asked about; the lease must not end meanwhile.
const LATE_SUCCESS_WITHIN: Duration = Duration::from_secs(15);

impl Payments {
    /// Pays. Call it in a task of its own.
    ///
    /// # Errors
    /// [`PayError`] when no payment exists, or its outcome here cannot be told.
    pub async fn pay(&self, request: &PayRequest) -> Result<PayAnswer, PayError> {
        for _ in 0..AGAIN_MAX {
            match self.journal.begin(self.job(request)).await {
                Ok(BeginReply::Begun(payment)) => return self.carry_out(*payment, &request.actor).await,
                Ok(BeginReply::Replay(stored)) => return self.replay(request, &stored).await,
                Ok(BeginReply::Again) => {
                    if let Some(stored) = self.stored(request).await? {
                        return self.replay(request, &stored).await;
                    }
                }
                Ok(BeginReply::LookupNotFound) => return Err(PayError::LookupNotFound),
                Ok(BeginReply::Suspended) => return Err(PayError::Suspended),
                Ok(BeginReply::Refused(refusal)) => {
                    return Err(PayError::Refused { refusal, replayed: false });
                }
                Ok(BeginReply::HostDown(HostDown::Breaker)) => return Err(PayError::HostDown),
                Ok(BeginReply::HostDown(HostDown::EndOfDay)) => return Err(PayError::EndOfDay),
                Ok(BeginReply::DrawerClosed) => return Err(PayError::DrawerClosed),
                Err(JournalError::Lost | JournalError::Overloaded) => return Err(PayError::TryAgain),
                Err(JournalError::Refused(why)) => return Err(PayError::Broken(why)),
            }
        }
        Err(PayError::TryAgain)
    }

    async fn stored(&self, request: &PayRequest) -> Result<Option<Stored>, PayError> {
        let mut connection = self.db.requests.acquire().await?;
        Ok(begin_store::key(&mut connection, request.agent.agent_id, &request.key).await?)
    }

    fn job(&self, request: &PayRequest) -> BeginJob {
        let [bapenda, jasa_raharja] = Authority::ALL.map(|authority| self.upstream.host(authority).now());
        BeginJob {
            agent_id: request.agent.agent_id,
            agent_no: request.agent.agent_no,
            agent_code: request.agent.agent_code.clone(),
            actor: request.actor.clone(),
            key: request.key.clone(),
            lookup_id: request.lookup_id,
            amount: request.amount,
            payment_id: PaymentId::new(),
            holds: [TransferId::new(), TransferId::new(), TransferId::new()],
            taken_at: bapenda.with_nanosecond(0).unwrap_or(bapenda),
            not_after: [self.not_after(bapenda), self.not_after(jasa_raharja)],
            host_down: self.host_down(),
            till: request.till,
            at: self.clock.now(),
        }
    }

    fn host_down(&self) -> Option<HostDown> {
        if self.upstream.is_closing() {
            return Some(HostDown::EndOfDay);
        }
        (!self.upstream.may_begin()).then_some(HostDown::Breaker)
    }

    /// The payment that a key made, in its present state.
    ///
    /// # Errors
    /// [`PayError::Sql`] when the database fails.
    pub async fn by_key(&self, agent: &Agent, key: &str) -> Result<Option<PaymentView>, PayError> {
        let mut connection = self.db.requests.acquire().await?;
        let stored = begin_store::key(&mut connection, agent.agent_id, key).await?;
        drop(connection);
        match stored.map(|stored| stored.outcome) {
            Some(StoredOutcome::Payment(id)) => self.view(Scope::Agent(agent.agent_id), id).await,
            Some(StoredOutcome::Refusal(_)) | None => Ok(None),
        }
    }

    /// Host time plus the travel time a request may take, in whole seconds upwards, as the wire has it.
    pub(super) fn not_after(&self, host_now: DateTime<Utc>) -> Timestamp {
        let exact = host_now + self.travel;
        let whole = exact.with_nanosecond(0).unwrap_or(exact);
        if whole < exact { whole + TimeDelta::seconds(1) } else { whole }
    }

    /// The same key again: the same payment in its present state, the same refusal, or the fields that differ.
    async fn replay(&self, request: &PayRequest, stored: &Stored) -> Result<PayAnswer, PayError> {
        let asked = serde_json::json!({"lookup_id": request.lookup_id, "amount": request.amount});
        let differs: Vec<&'static str> = ["lookup_id", "amount"]
            .into_iter()
            .filter(|field| asked[field] != stored.request[field])
            .collect();
        if !differs.is_empty() {
            return Err(PayError::KeyReused { differs });
        }
        match stored.outcome {
            StoredOutcome::Refusal(refusal) => Err(PayError::Refused { refusal, replayed: true }),
            StoredOutcome::Payment(id) => {
                let payment =
                    self.view(Scope::Agent(request.agent.agent_id), id).await?.ok_or(PayError::TryAgain)?;
                if payment.state == super::StateName::Held && payment.at_work {
                    return Err(PayError::InProgress { payment_id: id });
                }
                Ok(PayAnswer { payment, replayed: true, hosts: Duration::ZERO })
            }
        }
    }

    /// The calls and tx B. Whatever happens here, the payment is the resolver's once the lease is over.
    async fn carry_out(&self, payment: Payment, actor: &str) -> Result<PayAnswer, PayError> {
        let (id, agent_id) = (payment.id, payment.agent_id);
        let by_actor = Mover { actor: actor.to_owned(), fence: 1 };
        let began = Instant::now();
        let change = self.ask_in_order(Change::of(payment, by_actor)).await;
        let hosts = began.elapsed();
        if let super::State::Refused { reason, .. } = &change.payment.state
            && reason == "ALREADY_PAID"
        {
            self.look_for_late_success(&change.payment).await;
        }
        let wait_ms = self.first_ask_ms();
        let payment = match self.commit(change, After::AskIn(wait_ms)).await? {
            Some(moved) => PaymentView::of(&moved, wait_ms),
            None => self.view(Scope::Agent(agent_id), id).await?.ok_or(PayError::TryAgain)?,
        };
        Ok(PayAnswer { payment, replayed: false, hosts })
    }

    async fn ask_in_order(&self, mut change: Change) -> Change {
        for ordinal in change.payment.legs.iter().map(|leg| leg.ordinal).collect::<Vec<_>>() {
            let Some(leg) = change.payment.leg(ordinal).cloned() else { break };
            let host = self.upstream.host(leg.authority);
            let order = change.payment.order(&leg);
            // Too late to send under the not_after that is committed: the resolver commits a new one first.
            let paid = if host.now() + TimeDelta::milliseconds(self.late_margin_ms()) >= leg.not_after
                && ordinal > 0
            {
                Paid::NotSent("too late for its not_after".to_owned())
            } else {
                match host.pay(&order).await {
                    Paid::NotSent(_) => host.pay(&order).await,
                    answered => answered,
                }
            };
            let (event, evidence) = match paid {
                Paid::Booked(booking, evidence) => (Event::Booked(ordinal, booking), Some(evidence)),
                Paid::Reversed(_, evidence) => (Event::ReversedThere(ordinal), Some(evidence)),
                Paid::Refused(code, evidence) => (Event::Refused(ordinal, code), Some(evidence)),
                Paid::Contradicts(what, evidence) => (Event::Contradicts(ordinal, what), Some(evidence)),
                Paid::NotSent(_) => (Event::NeverSent(ordinal), None),
                Paid::Unknown(_, evidence) => (Event::Silent(ordinal, None), evidence),
            };
            let goes_on = matches!(event, Event::Booked(..));
            if let Err(e) = change.apply(&event, evidence, self.clock.now(), self.limits) {
                tracing::error!(payment_id = %change.payment.id, %e, "an answer that this state does not take");
                break;
            }
            if !goes_on {
                break;
            }
        }
        change
    }

    /// Commits a change; what the store refuses after a booking becomes an integrity hold with the raw bytes kept.
    /// False when somebody else moved the payment first.
    pub(super) async fn commit(&self, change: Change, after: After) -> Result<Option<Payment>, PayError> {
        let before = change.clone();
        let job = change.into_job(after, self.clock.now()).map_err(|e| PayError::Broken(e.to_string()))?;
        match self.journal.settle(job).await {
            Ok(None) => self.keep_late_bookings(&before).await.map(|()| None),
            Ok(moved) => Ok(moved),
            Err(JournalError::Refused(why)) => self.hold_for_integrity(before, &why).await,
            Err(JournalError::Lost | JournalError::Overloaded) => Err(PayError::TryAgain),
        }
    }

    async fn hold_for_integrity(&self, refused: Change, why: &str) -> Result<Option<Payment>, PayError> {
        tracing::error!(payment_id = %refused.payment.id, why, "the store refuses an outcome; two people must look");
        let mut connection = self.db.workers.acquire().await?;
        let Some(stored) = store::load(&mut connection, refused.payment.id).await? else {
            return Err(PayError::Broken(why.to_owned()));
        };
        drop(connection);
        let mut change = Change::of(stored, refused.mover);
        let now = self.clock.now();
        change.evidence = refused.evidence;
        // The constraint says it: an NTPD or certificate that another leg has.
        let reason = if why.contains("leg_number_key") { "NUMBER_USED_BEFORE" } else { "STORE_REFUSED" };
        let event = Event::Contradicts(0, reason.to_owned());
        change.apply(&event, None, now, self.limits).map_err(|e| PayError::Broken(e.to_string()))?;
        let job =
            change.into_job(After::AskIn(PARKED_MS), now).map_err(|e| PayError::Broken(e.to_string()))?;
        self.journal.settle(job).await.map_err(|e| PayError::Broken(e.to_string()))
    }

    /// Somebody else moved the payment first. If that refused it, a booking that comes now is a late success.
    async fn keep_late_bookings(&self, change: &Change) -> Result<(), PayError> {
        let bookings =
            change.payment.legs.iter().filter_map(|leg| leg.booking().map(|booking| (leg, booking)));
        for (leg, booking) in bookings {
            let mut connection = self.db.workers.acquire().await?;
            let stored = store::load(&mut connection, change.payment.id).await?;
            drop(connection);
            if let Some(stored) = stored.filter(|stored| matches!(stored.state, super::State::Refused { .. }))
            {
                let said =
                    change.evidence.iter().filter(|evidence| evidence.reference == Some(leg.reference.0));
                self.open_late_success(&stored, (leg, booking), &said.collect::<Vec<_>>()).await?;
            }
        }
        Ok(())
    }

    async fn open_late_success(
        &self,
        refused: &Payment,
        (leg, booking): (&Leg, &Booking),
        evidence: &[&Evidence],
    ) -> Result<(), PayError> {
        let facts = serde_json::json!({
            "authority": leg.authority, "reference": leg.reference, "number": booking.number,
            "business_date": booking.business_date, "evidence_ids": evidence.iter().map(|e| e.id).collect::<Vec<_>>(),
        });
        let mut transaction = self.db.workers.begin().await?;
        settle_store::insert_evidence(&mut transaction, evidence.iter().copied()).await?;
        case_store::open_case(
            &mut transaction,
            "LATE_SUCCESS",
            refused,
            "payment",
            (&facts, self.clock.now()),
        )
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Bapenda says that this period is paid: perhaps by one of our own payments that we refused. Then that one is a
    /// late success, and two people must settle it.
    pub(super) async fn look_for_late_success(&self, payment: &Payment) {
        if let Err(e) = self.find_late_success(payment).await {
            tracing::error!(payment_id = %payment.id, %e, "cannot look for a late success; the night will");
        }
    }

    async fn find_late_success(&self, payment: &Payment) -> Result<(), PayError> {
        let mut connection = self.db.workers.acquire().await?;
        let refused = store::refused_before(&mut connection, payment).await?;
        drop(connection);
        let give_up_at = Instant::now() + LATE_SUCCESS_WITHIN;
        for id in refused.into_iter().take_while(|_| Instant::now() < give_up_at) {
            let mut connection = self.db.workers.acquire().await?;
            let Some(other) = store::load(&mut connection, id).await? else { continue };
            drop(connection);
            let Some(leg) = other.leg(0).cloned() else { continue };
            if let StatusAnswer::Booked(booking, evidence) =
                self.upstream.host(leg.authority).status(&other.order(&leg)).await
            {
                self.open_late_success(&other, (&leg, &booking), &[&*evidence]).await?;
            }
        }
        Ok(())
    }

    /// One payment as seen within a scope.
    ///
    /// # Errors
    /// [`PayError::Sql`] when the database fails.
    pub async fn view(&self, scope: Scope, id: PaymentId) -> Result<Option<PaymentView>, PayError> {
        Ok(self.seen.ask(Seen { scope, id }).await?)
    }
}

/// When a payment that waits for people is looked at again.
pub(super) const PARKED_MS: i64 = 15 * 60 * 1000;
