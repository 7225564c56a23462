//! The transitions: pure, total, every state named. Time and facts come in, the next payment and its effects go out.
//!
//! Only what an authority said ends a payment; no clock here turns a doubt into a refusal. What an answer leads to stands
//! in `outcome`, what two people decide in `decision`, how a payment is taken back in `reversal`.

use super::event::{Effect, Event, Forbidden, Limits};
use super::state::{LegState, Payment, State};
use crate::domain::Timestamp;

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
            State::IntegrityHold { .. } => next.while_integrity_hold(event, now),
            State::Confirmed { at } => next.while_confirmed(event, *at),
            State::Reversing { confirmed_at } => next.while_reversing(event, now, *confirmed_at),
            State::Refused { .. } => next.while_refused(event, now),
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
            | Event::FreshlyAssessed(_)
            | Event::Proven(..)
            | Event::LateBooked(..)
            | Event::Reposted
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
            Event::FreshlyAssessed(leg) => self.assess_afresh(leg),
            Event::Proven(o, booking) => self.prove(*o, booking, now),
            Event::ReversalApproved(references) => self.begin_reversal(references, None),
            Event::TakenOver
            | Event::Reopened { .. }
            | Event::LateBooked(..)
            | Event::Reposted
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }

    fn while_integrity_hold(&mut self, event: &Event, now: Timestamp) -> Option<Vec<Effect>> {
        match event {
            Event::Reopened { refuse } => {
                self.cancel_requested |= *refuse;
                for leg in self.legs.iter_mut().filter(|leg| leg.state == LegState::Absent) {
                    leg.state = LegState::Unsent;
                }
                self.state = State::InDoubt { reason: None };
                Some(vec![])
            }
            Event::Proven(o, booking) => self.prove(*o, booking, now),
            Event::ReversalApproved(references) => self.begin_reversal(references, None),
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
            | Event::FreshlyAssessed(_)
            | Event::LateBooked(..)
            | Event::Reposted
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
            | Event::FreshlyAssessed(_)
            | Event::Proven(..)
            | Event::LateBooked(..)
            | Event::Reposted
            | Event::ReversalAgreed(..)
            | Event::ReversalRefused(..) => None,
        }
    }
}
