//! The transitions: pure, total, every state named. Time and facts come in, the next payment and its effects go out.
//!
//! Only what an authority said ends a payment; no clock here turns a doubt into a refusal.

use serde_json::json;

use super::state::{Leg, LegReversal, LegState, Payment, ReversalAnswer, State, StateName};
use crate::domain::{BusinessDate, Reference, Timestamp};
use crate::receipt::Kind;
use crate::upstream::Booking;

/// What may happen to a payment. `i16` is the place of the leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The task that began it is gone; whoever goes on counts both legs as sent.
    TakenOver,
    /// A copy is about to leave: its `not_after` is committed first.
    Sending(i16, Timestamp),
    /// An authority has booked a leg.
    Booked(i16, Booking),
    /// An authority had booked a leg and has taken it back.
    ReversedThere(i16),
    /// An authority refuses a leg, and has written that down.
    Refused(i16, String),
    /// No usable answer to the only copy of a leg; those after it were never sent.
    Silent(i16, Option<String>),
    /// An answer contradicts what was asked, or the store refuses what was answered.
    Contradicts(i16, String),
    /// Provably no byte of a leg's newest copy left, and no other copy lives.
    NeverSent(i16),
    /// A leg is proven absent.
    Absent(i16),
    /// The cashier wants it ended.
    CancelAsked,
    /// Two people look at an integrity hold again: the authorities are asked once more, and decide.
    Reopened {
        /// Refuse it if it is absent, instead of sending it again.
        refuse: bool,
    },
    /// Two people found that a refused leg was paid elsewhere.
    PaidElsewhere(i16),
    /// Two people take the booked legs back, under these references.
    ReversalApproved(Vec<(i16, Reference)>),
    /// An authority took a leg back.
    ReversalAgreed(i16, BusinessDate),
    /// An authority keeps a leg.
    ReversalRefused(i16, String),
}

/// What a transition does to books and papers, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Pay a leg's hold out along its lines.
    Post(i16),
    /// Give a leg's hold back.
    Void(i16),
    /// Pay the fee's hold to the agent.
    PostFee,
    /// Give the fee's hold back.
    VoidFee,
    /// Take a reversed leg's lines back.
    Reverse(i16),
    /// Take the fee back.
    ReverseFee,
    /// Hand a paper over.
    Issue(Kind),
    /// Something that people must settle.
    Case(&'static str, serde_json::Value),
}

/// An event that cannot happen to a payment in this state: somebody else was faster, or our own bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payment that is {0:?} does not take this event")]
pub struct Forbidden(pub StateName);

/// What decides whether an absent leg is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After `taken_at` by this much an absent leg is refused.
    pub resend_within: chrono::TimeDelta,
}

impl Payment {
    /// Moves the payment by one event.
    ///
    /// # Errors
    /// [`Forbidden`] when the state does not take the event; the payment is as before.
    pub fn step(&mut self, event: &Event, now: Timestamp, limits: Limits) -> Result<Vec<Effect>, Forbidden> {
        let mut next = self.clone();
        let effects = match &self.state {
            State::Held => next.while_held(event, now),
            State::InDoubt { .. } => next.while_in_doubt(event, now, limits),
            State::IntegrityHold { .. } => next.while_integrity_hold(event),
            State::Confirmed { at } => next.while_confirmed(event, *at),
            State::Reversing { confirmed_at } => next.while_reversing(event, now, *confirmed_at),
            State::Refused { .. } => match event {
                Event::CancelAsked => Some(vec![]),
                _ => None,
            },
            State::Reversed { .. } => None,
        };
        let effects = effects.ok_or(Forbidden(self.state.name()))?;
        *self = next;
        Ok(effects)
    }

    fn while_held(&mut self, event: &Event, now: Timestamp) -> Option<Vec<Effect>> {
        match event {
            Event::TakenOver => Some(self.fall_into_doubt(None)),
            Event::Booked(o, booking) => self.book(*o, booking, now),
            Event::ReversedThere(o) => Some(self.hold_for_integrity(*o, "REVERSED_THERE")),
            Event::Refused(o, code) => self.refused_leg(*o, code, now),
            Event::Silent(o, reason) => {
                for later in
                    self.legs.iter_mut().filter(|leg| leg.ordinal > *o && leg.state == LegState::Sent)
                {
                    later.state = LegState::Unsent;
                }
                Some(self.fall_into_doubt(reason.clone()))
            }
            Event::Contradicts(o, what) => Some(self.hold_for_integrity(*o, what)),
            Event::NeverSent(_) if !self.any_booked() => Some(self.refuse("UPSTREAM_UNAVAILABLE", now)),
            Event::NeverSent(o) => {
                self.set(*o, LegState::Unsent)?;
                Some(self.fall_into_doubt(Some("UPSTREAM_UNAVAILABLE".to_owned())))
            }
            Event::CancelAsked => {
                self.cancel_requested = true;
                Some(vec![])
            }
            Event::Sending(..)
            | Event::Absent(_)
            | Event::Reopened { .. }
            | Event::PaidElsewhere(_)
            | Event::ReversalApproved(_)
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }

    fn while_in_doubt(&mut self, event: &Event, now: Timestamp, limits: Limits) -> Option<Vec<Effect>> {
        match event {
            Event::Sending(o, not_after) => {
                let leg = self.leg_mut(*o).filter(|leg| matches!(leg.state, LegState::Unsent))?;
                leg.not_after = leg.not_after.max(*not_after);
                leg.state = LegState::Sent;
                Some(vec![])
            }
            Event::Booked(o, booking) => self.book(*o, booking, now),
            Event::ReversedThere(o) if self.cancel_requested && !self.any_booked() => {
                self.set(*o, LegState::Absent)?;
                Some(if self.any_sent() { vec![] } else { self.refuse("REVERSED_THERE", now) })
            }
            Event::ReversedThere(o) => Some(self.hold_for_integrity(*o, "REVERSED_THERE")),
            Event::Refused(o, code) => self.refused_leg(*o, code, now),
            Event::Silent(_, reason) => Some(self.fall_into_doubt(reason.clone())),
            Event::Contradicts(o, what) => Some(self.hold_for_integrity(*o, what)),
            Event::NeverSent(o) => {
                self.set(*o, LegState::Unsent)?;
                Some(vec![])
            }
            Event::Absent(o) => self.absent_leg(*o, now, limits),
            Event::CancelAsked => {
                self.cancel_requested = true;
                let none_lives =
                    self.legs.iter().all(|leg| matches!(leg.state, LegState::Unsent | LegState::Absent));
                Some(if none_lives { self.refuse("CANCELLED", now) } else { vec![] })
            }
            Event::PaidElsewhere(o) => self.release(*o, now),
            Event::ReversalApproved(references) => self.begin_reversal(references, None),
            Event::TakenOver
            | Event::Reopened { .. }
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }

    fn while_integrity_hold(&mut self, event: &Event) -> Option<Vec<Effect>> {
        match event {
            Event::Reopened { refuse } => {
                self.cancel_requested |= *refuse;
                for leg in self.legs.iter_mut().filter(|leg| leg.state == LegState::Absent) {
                    leg.state = LegState::Unsent;
                }
                self.state = State::InDoubt { reason: None };
                Some(vec![])
            }
            Event::TakenOver
            | Event::Sending(..)
            | Event::Booked(..)
            | Event::ReversedThere(_)
            | Event::Refused(..)
            | Event::Silent(..)
            | Event::Contradicts(..)
            | Event::NeverSent(_)
            | Event::Absent(_)
            | Event::CancelAsked
            | Event::PaidElsewhere(_)
            | Event::ReversalApproved(_)
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }

    fn while_confirmed(&mut self, event: &Event, at: Timestamp) -> Option<Vec<Effect>> {
        match event {
            Event::ReversalApproved(references) => self.begin_reversal(references, Some(at)),
            Event::TakenOver
            | Event::Sending(..)
            | Event::Booked(..)
            | Event::ReversedThere(_)
            | Event::Refused(..)
            | Event::Silent(..)
            | Event::Contradicts(..)
            | Event::NeverSent(_)
            | Event::Absent(_)
            | Event::CancelAsked
            | Event::Reopened { .. }
            | Event::PaidElsewhere(_)
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }

    fn while_reversing(
        &mut self,
        event: &Event,
        now: Timestamp,
        confirmed_at: Option<Timestamp>,
    ) -> Option<Vec<Effect>> {
        match event {
            Event::ReversalAgreed(o, on) => self.reversal_agreed(*o, *on, now, confirmed_at),
            Event::ReversalRefused(o, code) => self.reversal_refused(*o, code, now, confirmed_at),
            Event::TakenOver
            | Event::Sending(..)
            | Event::Booked(..)
            | Event::ReversedThere(_)
            | Event::Refused(..)
            | Event::Silent(..)
            | Event::Contradicts(..)
            | Event::NeverSent(_)
            | Event::Absent(_)
            | Event::CancelAsked
            | Event::Reopened { .. }
            | Event::PaidElsewhere(_)
            | Event::ReversalApproved(_) => None,
        }
    }

    fn leg_mut(&mut self, ordinal: i16) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.ordinal == ordinal)
    }

    fn set(&mut self, ordinal: i16, state: LegState) -> Option<()> {
        let leg =
            self.leg_mut(ordinal).filter(|leg| matches!(leg.state, LegState::Sent | LegState::Unsent))?;
        leg.state = state;
        Some(())
    }

    /// True while a copy of any leg may be booked.
    fn any_sent(&self) -> bool {
        self.legs.iter().any(|leg| leg.state == LegState::Sent)
    }

    /// A booking confirms once every leg is settled. The same number twice is once; another one is a contradiction.
    fn book(&mut self, ordinal: i16, booking: &Booking, now: Timestamp) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal)?;
        match &leg.state {
            LegState::Booked(known) if known.number == booking.number => return Some(vec![]),
            LegState::Booked(_) => return Some(self.hold_for_integrity(ordinal, "ANOTHER_NUMBER")),
            LegState::Refused(_) => return Some(self.hold_for_integrity(ordinal, "BOOKED_AFTER_REFUSAL")),
            LegState::Released | LegState::Reversed(_) => return None,
            LegState::Unsent | LegState::Sent | LegState::Absent => {
                leg.state = LegState::Booked(booking.clone());
            }
        }
        let mut effects = vec![Effect::Post(ordinal)];
        let without =
            |leg: &Leg| leg.ordinal < ordinal && matches!(leg.state, LegState::Absent | LegState::Refused(_));
        if self.legs.iter().any(without) {
            effects.extend(self.hold_for_integrity(ordinal, "BOOKED_BEFORE_THE_FIRST_LEG"));
        } else if self.legs.iter().all(Leg::is_settled) {
            effects.extend(self.confirm(now));
        }
        Some(effects)
    }

    fn confirm(&mut self, now: Timestamp) -> Vec<Effect> {
        self.state = State::Confirmed { at: now };
        vec![Effect::PostFee, Effect::Issue(Kind::Lunas)]
    }

    fn fall_into_doubt(&mut self, reason: Option<String>) -> Vec<Effect> {
        self.state = State::InDoubt { reason };
        self.titip()
    }

    fn hold_for_integrity(&mut self, ordinal: i16, reason: &str) -> Vec<Effect> {
        self.state = State::IntegrityHold { reason: reason.to_owned() };
        let mut effects = vec![Effect::Case("INTEGRITY_HOLD", json!({"leg": ordinal, "reason": reason}))];
        effects.extend(self.titip());
        effects
    }

    /// A paper for cash whose outcome is open, once.
    fn titip(&self) -> Vec<Effect> {
        if self.titip_no.is_none() { vec![Effect::Issue(Kind::Titip)] } else { vec![] }
    }

    /// Ends a payment of which nothing is booked: every hold is void.
    fn refuse(&mut self, reason: &str, now: Timestamp) -> Vec<Effect> {
        self.state = State::Refused { reason: reason.to_owned(), at: now };
        self.legs.iter().map(|leg| Effect::Void(leg.ordinal)).chain([Effect::VoidFee]).collect()
    }

    fn refused_leg(&mut self, ordinal: i16, code: &str, now: Timestamp) -> Option<Vec<Effect>> {
        if matches!(self.leg(ordinal)?.state, LegState::Booked(_)) {
            return Some(self.hold_for_integrity(ordinal, "REFUSED_AFTER_BOOKING"));
        }
        self.set(ordinal, LegState::Refused(code.to_owned()))?;
        match (self.any_booked(), ordinal) {
            // A request that is still at work has not sent the later legs; of a doubt their copies may live.
            (false, 0) if matches!(self.state, State::InDoubt { .. }) && self.any_sent() => {
                return Some(vec![]);
            }
            (false, 0) => return Some(self.refuse(code, now)),
            (false, _) => return Some(self.hold_for_integrity(ordinal, "REFUSED_BEFORE_THE_FIRST_LEG")),
            (true, 0) => return Some(self.hold_for_integrity(ordinal, "REFUSED_BEFORE_A_BOOKED_LEG")),
            (true, _) => {}
        }
        let mut effects = vec![Effect::Case("JR_REFUSED", json!({"leg": ordinal, "code": code}))];
        effects.extend(self.fall_into_doubt(Some(code.to_owned())));
        Some(effects)
    }

    /// What is proven absent is sent again while the quote lives and the cashier waits; else nothing is booked and the
    /// payment is refused. Once the first leg is booked, the others are sent again for ever.
    fn absent_leg(&mut self, ordinal: i16, now: Timestamp, limits: Limits) -> Option<Vec<Effect>> {
        self.set(ordinal, LegState::Absent)?;
        if self.any_booked() {
            if ordinal == 0 {
                return Some(self.hold_for_integrity(ordinal, "ABSENT_BEFORE_A_BOOKED_LEG"));
            }
            self.leg_mut(ordinal)?.state = LegState::Unsent;
            return Some(vec![]);
        }
        if self.any_sent() {
            return Some(vec![]);
        }
        let refusal =
            |leg: &Leg| if let LegState::Refused(code) = &leg.state { Some(code.clone()) } else { None };
        if let Some(code) = self.legs.iter().find_map(refusal) {
            return Some(self.refuse(&code, now));
        }
        if self.cancel_requested {
            return Some(self.refuse("CANCELLED", now));
        }
        if now >= self.quote_expires_at || now >= self.taken_at + limits.resend_within {
            return Some(self.refuse("NOT_BOOKED", now));
        }
        for leg in &mut self.legs {
            leg.state = LegState::Unsent;
        }
        Some(vec![])
    }

    /// Releases a refused leg beside a booked one; without a booking the payment is refused, not released.
    fn release(&mut self, ordinal: i16, now: Timestamp) -> Option<Vec<Effect>> {
        if !self.any_booked() {
            return None;
        }
        let leg = self.leg_mut(ordinal).filter(|leg| matches!(leg.state, LegState::Refused(_)))?;
        leg.state = LegState::Released;
        let mut effects = vec![Effect::Void(ordinal)];
        if self.legs.iter().all(Leg::is_settled) {
            effects.extend(self.confirm(now));
        }
        Some(effects)
    }

    fn begin_reversal(
        &mut self,
        references: &[(i16, Reference)],
        confirmed_at: Option<Timestamp>,
    ) -> Option<Vec<Effect>> {
        let refused = self.legs.iter().any(|leg| matches!(leg.state, LegState::Refused(_)));
        if confirmed_at.is_none() && !(self.any_booked() && refused) {
            return None;
        }
        for leg in self.legs.iter_mut().filter(|leg| matches!(leg.state, LegState::Booked(_))) {
            let (_, reference) = references.iter().find(|(ordinal, _)| *ordinal == leg.ordinal)?;
            leg.reversal = Some(LegReversal { reference: *reference, answer: ReversalAnswer::Asked });
        }
        self.state = State::Reversing { confirmed_at };
        Some(vec![])
    }

    fn reversal_agreed(
        &mut self,
        ordinal: i16,
        on: BusinessDate,
        now: Timestamp,
        confirmed_at: Option<Timestamp>,
    ) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal)?;
        let LegState::Booked(booking) = &leg.state else { return None };
        leg.state = LegState::Reversed(booking.clone());
        leg.reversal.as_mut()?.answer = ReversalAnswer::Agreed(on);
        let mut effects = vec![Effect::Reverse(ordinal)];
        if !self.legs.iter().any(|leg| matches!(leg.state, LegState::Booked(_))) {
            effects.extend(self.reversed(now, confirmed_at));
        }
        Some(effects)
    }

    fn reversal_refused(
        &mut self,
        ordinal: i16,
        code: &str,
        now: Timestamp,
        confirmed_at: Option<Timestamp>,
    ) -> Option<Vec<Effect>> {
        let any_reversed = self.legs.iter().any(|leg| matches!(leg.state, LegState::Reversed(_)));
        let leg = self.leg_mut(ordinal).filter(|leg| matches!(leg.state, LegState::Booked(_)))?;
        leg.reversal.as_mut()?.answer = ReversalAnswer::Refused;
        if any_reversed {
            let mut effects = vec![Effect::Case("HALF_REVERSED", json!({"leg": ordinal, "code": code}))];
            effects.extend(self.reversed(now, confirmed_at));
            return Some(effects);
        }
        self.state = match confirmed_at {
            Some(at) => State::Confirmed { at },
            None => State::InDoubt { reason: Some(code.to_owned()) },
        };
        Some(vec![])
    }

    /// Ends a reversal: what is still held is void, a fee that was earned goes back.
    fn reversed(&mut self, now: Timestamp, confirmed_at: Option<Timestamp>) -> Vec<Effect> {
        self.state = State::Reversed { at: now, confirmed_at };
        let held = |leg: &&Leg| matches!(leg.state, LegState::Refused(_));
        let voids = self.legs.iter().filter(held).map(|leg| Effect::Void(leg.ordinal));
        let fee = if confirmed_at.is_some() { Effect::ReverseFee } else { Effect::VoidFee };
        voids.chain([fee]).collect()
    }
}
