//! A success after a refusal: never dropped. The payment stays refused, and its money where it went, until two people
//! either post what was booked or have it taken back.

use serde_json::json;

use super::event::{Effect, Event};
use super::state::{Leg, LegState, Payment, ReversalAnswer, State};
use crate::domain::{BusinessDate, Timestamp};
use crate::receipt::Kind;
use crate::upstream::Booking;

impl Payment {
    pub(super) fn while_refused(&mut self, event: &Event, now: Timestamp) -> Option<Vec<Effect>> {
        match event {
            Event::CancelAsked => Some(vec![]),
            Event::LateBooked(o, booking) => self.book_late(*o, booking),
            Event::Reposted => self.repost(now),
            Event::ReversalApproved(references) => {
                self.late_legs().next()?;
                self.ask_back(references)?;
                Some(vec![])
            }
            Event::ReversalAgreed(o, on) => self.late_reversal_agreed(*o, *on),
            Event::ReversalRefused(o, code) => self.late_reversal_refused(*o, code),
            Event::TakenOver
            | Event::Sending(..)
            | Event::Booked(..)
            | Event::ReversedThere(_)
            | Event::Refused(..)
            | Event::Silent(..)
            | Event::Contradicts(..)
            | Event::NeverSent(_)
            | Event::Absent(_)
            | Event::Reopened { .. }
            | Event::PaidElsewhere(_)
            | Event::FreshlyAssessed(_)
            | Event::Proven(..) => None,
        }
    }

    fn late_legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| matches!(leg.state, LegState::Booked(_)))
    }

    /// True while somebody must go on with it: an open payment, or a refused one whose late success is being taken back.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        let asked = |leg: &Leg| leg.reversal.as_ref().is_some_and(|r| r.answer == ReversalAnswer::Asked);
        self.state.name().is_open()
            || (matches!(self.state, State::Refused { .. }) && self.legs.iter().any(asked))
    }

    /// True while an authority has a booking of it that stands.
    #[must_use]
    pub fn any_late(&self) -> bool {
        self.late_legs().next().is_some()
    }

    fn book_late(&mut self, ordinal: i16, booking: &Booking) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal)?;
        match &leg.state {
            LegState::Booked(known) if known.number == booking.number => return Some(vec![]),
            LegState::Booked(_) | LegState::Released | LegState::Reversed(_) => return None,
            LegState::Unsent | LegState::Sent | LegState::Absent | LegState::Refused(_) => {
                leg.state = LegState::Booked(booking.clone());
            }
        }
        Some(vec![Effect::Case("LATE_SUCCESS", json!({"leg": ordinal, "number": booking.number}))])
    }

    /// Confirms the payment for what was booked; the rest is released, the fee stays where it went.
    fn repost(&mut self, now: Timestamp) -> Option<Vec<Effect>> {
        let taken_back = |leg: &Leg| matches!(leg.state, LegState::Reversed(_));
        if self.late_legs().next().is_none() || self.needs_work() || self.legs.iter().any(taken_back) {
            return None;
        }
        let mut effects: Vec<Effect> = self.late_legs().map(|leg| Effect::Claim(leg.ordinal)).collect();
        for leg in self.legs.iter_mut().filter(|leg| !matches!(leg.state, LegState::Booked(_))) {
            leg.state = LegState::Released;
        }
        self.state = State::Confirmed { at: now };
        self.reposted_at = Some(now);
        effects.push(Effect::Issue(Kind::Lunas));
        Some(effects)
    }

    fn late_reversal_agreed(&mut self, ordinal: i16, on: BusinessDate) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal)?;
        let LegState::Booked(booking) = &leg.state else { return None };
        let booking = booking.clone();
        leg.reversal.as_mut()?.answer = ReversalAnswer::Agreed(on);
        leg.state = LegState::Reversed(booking);
        Some(vec![])
    }

    fn late_reversal_refused(&mut self, ordinal: i16, code: &str) -> Option<Vec<Effect>> {
        let leg = self.leg_mut(ordinal).filter(|leg| matches!(leg.state, LegState::Booked(_)))?;
        leg.reversal.as_mut()?.answer = ReversalAnswer::Refused;
        Some(vec![Effect::Case("LATE_SUCCESS", json!({"leg": ordinal, "reversal": code}))])
    }
}
