//! What two people decide about a payment that no answer ends. Pure; moves nothing that an authority has not signed.

use super::event::Effect;
use super::state::{Leg, LegState, Payment, State};
use crate::domain::Timestamp;
use crate::upstream::Booking;

impl Payment {
    /// Releases a refused leg beside a booked one; without a booking the payment is refused, not released.
    pub(super) fn release(&mut self, ordinal: i16, now: Timestamp) -> Option<Vec<Effect>> {
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

    /// Puts a fresh assessment into the place of a refused leg: under a new reference, of the same authority, beside a
    /// booked first leg. The citizen's amount stays; the difference is *selisih*.
    pub(super) fn assess_afresh(&mut self, fresh: &Leg) -> Option<Vec<Effect>> {
        let next = self.legs.last().map(|leg| leg.ordinal + 1);
        let fits = fresh.state == LegState::Unsent && Some(fresh.ordinal) == next && fresh.ordinal > 1;
        if !self.any_booked() || self.any_sent() || !fits {
            return None;
        }
        let refused = self.legs.iter_mut().rev().find(|leg| leg.authority == fresh.authority)?;
        if refused.ordinal == 0 || !matches!(refused.state, LegState::Refused(_)) {
            return None;
        }
        refused.state = LegState::Released;
        let old = refused.ordinal;
        self.legs.push(fresh.clone());
        self.state = State::InDoubt { reason: None };
        Some(vec![Effect::Replace { old, new: fresh.ordinal }])
    }

    /// Confirms a leg with a number that its authority signed, whatever contradicted it before.
    pub(super) fn prove(&mut self, ordinal: i16, booking: &Booking, now: Timestamp) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal)?;
        match leg.state {
            LegState::Unsent | LegState::Sent | LegState::Absent | LegState::Refused(_) => {
                leg.state = LegState::Sent;
            }
            LegState::Booked(_) | LegState::Released | LegState::Reversed(_) => return None,
        }
        self.state = State::InDoubt { reason: None };
        self.book(ordinal, booking, now)
    }
}
