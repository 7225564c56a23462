//! The resolver: goes on with every open payment until an authority has said how it ends.
//!
//! A work queue in `PostgreSQL`: leased by the database's clock, fenced, safe against crashes of whoever held it. It asks
//! by our own reference; it sends again only what is proven absent, under the same reference, after a new `not_after`
//! is committed. While the outcome is open it asks at least once a minute for ten minutes and right after `not_after`
//! plus tolerance, later less often, never less than every 15 minutes.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::change::{After, Change, Mover};
use super::event::Event;
use super::pay::PARKED_MS;
use super::state::{Leg, LegState, Payment, ReversalAnswer, State, StateName};
use super::store::{self, Lease};
use super::{PayError, Payments};
use crate::domain::{Authority, PaymentId, Timestamp};
use crate::upstream::{Evidence, Paid, ReversalOrder, Reversed, StatusAnswer};

/// Payments worked on at once.
const AT_ONCE: i64 = 64;
/// How often the queue is looked at when it is empty.
const PAUSE: Duration = Duration::from_millis(400);
/// How often it looks for cash that should have gone back to citizens.
const DEBTS_EVERY: Duration = Duration::from_secs(60);
/// Steps on one payment under one lease; more would outlive it.
const STEPS_MAX: usize = 6;

impl Payments {
    /// Works until `stop` says so; then finishes what it has begun.
    pub async fn resolve_forever(self, mut stop: watch::Receiver<bool>) {
        // A host that hangs must not keep others' payments waiting: whoever is done makes room at once.
        let mut tasks = JoinSet::new();
        let mut debts_seen: Option<Instant> = None;
        while !*stop.borrow() {
            if debts_seen.is_none_or(|seen| seen.elapsed() >= DEBTS_EVERY) {
                debts_seen = Some(Instant::now());
                if let Err(e) = self.open_debt_cases().await {
                    tracing::warn!(%e, "cannot look for cash that has not gone back");
                }
            }
            while tasks.try_join_next().is_some() {}
            let room = AT_ONCE - i64::try_from(tasks.len()).unwrap_or(AT_ONCE);
            let claimed = if room > 0 { self.start_due(&mut tasks, (room, false)).await } else { Ok(0) };
            if let Err(e) = &claimed {
                tracing::warn!(%e, "the resolver cannot read its queue");
            }
            if claimed.unwrap_or(0) == 0 {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = stop.changed() => {}
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn start_due(
        &self,
        tasks: &mut JoinSet<()>,
        (limit, early): (i64, bool),
    ) -> Result<usize, sqlx::Error> {
        let mut connection = self.db.workers.acquire().await?;
        let holder = (&*self.tools.instance, self.tools.lease_s);
        let leases = store::claim_due(&mut connection, holder, limit, early).await?;
        drop(connection);
        let started = leases.len();
        for lease in leases {
            let payments = self.clone();
            tasks.spawn(async move { payments.work_on(lease).await });
        }
        Ok(started)
    }

    /// Gives back what a former run of this gateway was working on when it died.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn take_over_own_leases(&self) -> Result<u64, sqlx::Error> {
        let mut connection = self.db.workers.acquire().await?;
        store::release_all_of(&mut connection, &self.tools.instance).await
    }

    /// Works once on what is due; `early` does not wait until it is. Tells how many payments it worked on.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the queue cannot be read.
    pub async fn resolve_due(&self, early: bool) -> Result<usize, sqlx::Error> {
        let mut tasks = JoinSet::new();
        let started = self.start_due(&mut tasks, (AT_ONCE, early)).await?;
        while tasks.join_next().await.is_some() {}
        Ok(started)
    }

    /// Works on one payment now, whenever it is due; false while somebody else does.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn resolve_now(&self, id: PaymentId) -> Result<bool, sqlx::Error> {
        let mut connection = self.db.workers.acquire().await?;
        let lease =
            store::claim_one(&mut connection, (&*self.tools.instance, self.tools.lease_s), id).await?;
        drop(connection);
        match lease {
            Some(lease) => {
                self.work_on(lease).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn work_on(&self, lease: Lease) {
        if let Err(e) = self.go_on(lease).await {
            // The lease runs out by itself; somebody asks again.
            tracing::warn!(payment_id = %lease.payment_id, %e, "a doubt is still open");
        }
    }

    async fn go_on(&self, lease: Lease) -> Result<(), PayError> {
        let mut connection = self.db.workers.acquire().await?;
        let Some(payment) = store::load(&mut connection, lease.payment_id).await? else { return Ok(()) };
        drop(connection);
        let mover = Mover { actor: "resolver".to_owned(), fence: lease.fence };
        let mut change = Change::of(payment, mover);
        if change.payment.state == State::Held {
            self.apply(&mut change, &Event::TakenOver, None)?;
        }
        for _ in 0..STEPS_MAX {
            let goes_on = match change.payment.state.clone() {
                State::InDoubt { .. } => self.ask_next_leg(&mut change).await?,
                State::Reversing { .. } | State::Refused { .. } => {
                    self.ask_next_reversal(&mut change).await?
                }
                State::Held
                | State::IntegrityHold { .. }
                | State::Confirmed { .. }
                | State::Reversed { .. } => false,
            };
            if !goes_on {
                break;
            }
        }
        let wait = self.next_question_ms(&change.payment, lease.tries);
        if change.is_empty() {
            let mut connection = self.db.workers.acquire().await?;
            let lease = Lease { fence: change.mover.fence, ..lease };
            return Ok(store::release(&mut connection, lease, wait).await?);
        }
        let refused_now = change.from != StateName::Refused;
        if refused_now
            && matches!(&change.payment.state, State::Refused { reason, .. } if reason == "ALREADY_PAID")
        {
            self.look_for_late_success(&change.payment).await;
        }
        self.commit(change, After::AskIn(wait)).await.map(drop)
    }

    fn apply(
        &self,
        change: &mut Change,
        event: &Event,
        evidence: Option<Box<Evidence>>,
    ) -> Result<(), PayError> {
        change
            .apply(event, evidence, self.clock.now(), self.limits)
            .map_err(|e| PayError::Broken(e.to_string()))
    }

    /// Asks about the first leg that is not settled; true when another question follows at once.
    async fn ask_next_leg(&self, change: &mut Change) -> Result<bool, PayError> {
        let open = |leg: &&Leg| matches!(leg.state, LegState::Sent | LegState::Unsent);
        let Some(leg) = change.payment.legs.iter().find(open).cloned() else { return Ok(false) };
        match leg.state {
            LegState::Sent => self.ask_status(change, &leg).await,
            _ if change.payment.cancel_requested && !change.payment.any_booked() => {
                self.apply(change, &Event::CancelAsked, None)?;
                Ok(false)
            }
            _ => self.send_again(change, &leg).await,
        }
    }

    async fn ask_status(&self, change: &mut Change, leg: &Leg) -> Result<bool, PayError> {
        let order = change.payment.order(leg);
        let o = leg.ordinal;
        let (event, evidence) = match self.upstream.host(leg.authority).status(&order).await {
            StatusAnswer::Booked(booking, evidence) => (Event::Booked(o, booking), evidence),
            StatusAnswer::Reversed(_, evidence) => (Event::ReversedThere(o), evidence),
            StatusAnswer::Contradicts(what, evidence) => (Event::Contradicts(o, what), evidence),
            StatusAnswer::NotThere(at, evidence) if at > leg.not_after + self.tolerance => {
                (Event::Absent(o), evidence)
            }
            // It may still be on its way.
            StatusAnswer::NotThere(..) | StatusAnswer::Unknown(_) => return Ok(false),
        };
        let now = self.upstream.host(leg.authority).now();
        change
            .apply(&event, Some(evidence), now, self.limits)
            .map_err(|e| PayError::Broken(e.to_string()))?;
        Ok(true)
    }

    /// Sends a leg of which no copy lives: the new `not_after` first, then the copy.
    async fn send_again(&self, change: &mut Change, leg: &Leg) -> Result<bool, PayError> {
        let host = self.upstream.host(leg.authority);
        if !host.breaker().is_closed() {
            return Ok(false);
        }
        if !change.payment.any_booked() && !self.may_still_begin(&change.payment, host.now()) {
            // The quote ended between absence and this moment: nothing lives, nothing is booked.
            let absent = Event::Absent(leg.ordinal);
            change
                .apply(&absent, None, host.now(), self.limits)
                .map_err(|e| PayError::Broken(e.to_string()))?;
            return Ok(false);
        }
        self.apply(change, &Event::Sending(leg.ordinal, self.not_after(host.now())), None)?;
        let committed = self.commit(change.clone(), After::KeepLease).await?;
        let Some(payment) = committed else {
            return Err(PayError::TryAgain);
        };
        *change = Change::of(payment, change.mover.clone().after_change());
        // What the store refused has become an integrity hold: no copy may leave then.
        let committed = change.payment.leg(leg.ordinal).filter(|leg| leg.state == LegState::Sent).cloned();
        let Some(leg) = committed.filter(|_| matches!(change.payment.state, State::InDoubt { .. })) else {
            return Ok(false);
        };
        let o = leg.ordinal;
        let (event, evidence) = match host.pay(&change.payment.order(&leg)).await {
            Paid::Booked(booking, evidence) => (Event::Booked(o, booking), Some(evidence)),
            Paid::Reversed(_, evidence) => (Event::ReversedThere(o), Some(evidence)),
            Paid::Refused(code, evidence) => (Event::Refused(o, code), Some(evidence)),
            Paid::Contradicts(what, evidence) => (Event::Contradicts(o, what), Some(evidence)),
            Paid::NotSent(_) => (Event::NeverSent(o), None),
            Paid::Unknown(_, evidence) => {
                change.note(evidence);
                return Ok(false);
            }
        };
        let goes_on = matches!(event, Event::Booked(..));
        self.apply(change, &event, evidence)?;
        Ok(goes_on)
    }

    fn may_still_begin(&self, payment: &Payment, host_now: Timestamp) -> bool {
        host_now < payment.quote_expires_at && host_now < payment.taken_at + self.limits.resend_within
    }

    /// Asks for the first reversal without an answer: Bapenda before Jasa Raharja, each until it answers.
    async fn ask_next_reversal(&self, change: &mut Change) -> Result<bool, PayError> {
        let waiting = |leg: &&Leg| leg.reversal.as_ref().is_some_and(|r| r.answer == ReversalAnswer::Asked);
        let Some(leg) = change.payment.legs.iter().find(waiting).cloned() else { return Ok(false) };
        let Some(reversal) = &leg.reversal else { return Ok(false) };
        let (requested_by, approved_by, reason) = self.who_wanted_it_back(change.payment.id).await?;
        let order = ReversalOrder {
            reference: leg.reference,
            reversal_reference: reversal.reference,
            reason,
            requested_by,
            approved_by,
        };
        let (event, evidence) = match self.upstream.host(leg.authority).reverse(&order).await {
            Reversed::Agreed(on, evidence) => (Event::ReversalAgreed(leg.ordinal, on), evidence),
            Reversed::Refused(code, evidence) => (Event::ReversalRefused(leg.ordinal, code), evidence),
            Reversed::Unknown(_) => return Ok(false),
        };
        self.apply(change, &event, Some(evidence))?;
        Ok(true)
    }

    /// How long until the next question.
    fn next_question_ms(&self, payment: &Payment, tries: i32) -> i64 {
        let waits_for_people = matches!(payment.state, State::IntegrityHold { .. })
            || (matches!(payment.state, State::InDoubt { .. })
                && !payment.legs.iter().any(|leg| matches!(leg.state, LegState::Sent | LegState::Unsent)));
        if waits_for_people {
            return PARKED_MS;
        }
        let age = self.upstream.host(Authority::Bapenda).now() - payment.taken_at;
        let rarely = if age < TimeDelta::minutes(10) { 60_000 } else { PARKED_MS };
        let doubling =
            1_000_i64.checked_shl(u32::try_from(tries.clamp(0, 10)).unwrap_or(10)).unwrap_or(PARKED_MS);
        let regular = doubling.min(rarely);
        // Right after the moment at which a 404 becomes final.
        let until_final = payment
            .legs
            .iter()
            .filter(|leg| leg.state == LegState::Sent)
            .map(|leg| {
                (leg.not_after + self.tolerance - self.upstream.host(leg.authority).now()).num_milliseconds()
            })
            .filter(|ms| *ms > 0)
            .min();
        until_final.map_or(regular, |ms| regular.min(ms + 1_100))
    }
}
