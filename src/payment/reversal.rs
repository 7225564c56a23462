//! How a payment is taken back: Bapenda first, Jasa Raharja until it answers, each under its own reference.

use serde_json::json;

use super::event::{Effect, Event};
use super::state::{Leg, LegReversal, LegState, Payment, ReversalAnswer, State};
use crate::domain::{BusinessDate, Reference, Timestamp};

impl Payment {
    pub(super) fn while_reversing(
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
            | Event::FreshlyAssessed(_)
            | Event::Proven(..)
            | Event::LateBooked(..)
            | Event::Reposted
            | Event::ReversalApproved(_) => None,
        }
    }

    pub(super) fn begin_reversal(
        &mut self,
        references: &[(i16, Reference)],
        confirmed_at: Option<Timestamp>,
    ) -> Option<Vec<Effect>> {
        let booked = self.legs.iter().any(|leg| matches!(leg.state, LegState::Booked(_)));
        // Out of a doubt only while no copy lives: what is not booked then is void at the end.
        if confirmed_at.is_none() && (!booked || self.any_sent()) {
            return None;
        }
        self.ask_back(references)?;
        self.state = State::Reversing { confirmed_at };
        Some(vec![])
    }

    /// Gives every booked leg its reversal reference.
    pub(super) fn ask_back(&mut self, references: &[(i16, Reference)]) -> Option<()> {
        for leg in self.legs.iter_mut().filter(|leg| matches!(leg.state, LegState::Booked(_))) {
            let (_, reference) = references.iter().find(|(ordinal, _)| *ordinal == leg.ordinal)?;
            leg.reversal = Some(LegReversal { reference: *reference, answer: ReversalAnswer::Asked });
        }
        Some(())
    }

    pub(super) fn reversal_agreed(
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

    pub(super) fn reversal_refused(
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
        // The others were never asked.
        for other in self.legs.iter_mut().filter(|leg| leg.ordinal != ordinal) {
            other.reversal.take_if(|reversal| reversal.answer == ReversalAnswer::Asked);
        }
        let refused = self.legs.iter().any(|leg| matches!(leg.state, LegState::Refused(_)));
        self.state = match confirmed_at {
            Some(at) => State::Confirmed { at },
            None if refused => State::InDoubt { reason: Some(code.to_owned()) },
            None => return Some(self.hold_for_integrity(ordinal, code)),
        };
        Some(vec![])
    }

    /// Ends a reversal: what is still held is void, a fee that was earned goes back.
    pub(super) fn reversed(&mut self, now: Timestamp, confirmed_at: Option<Timestamp>) -> Vec<Effect> {
        self.state = State::Reversed { at: now, confirmed_at };
        let held =
            |leg: &&Leg| matches!(leg.state, LegState::Refused(_) | LegState::Unsent | LegState::Absent);
        let voids = self.legs.iter().filter(held).map(|leg| Effect::Void(leg.ordinal));
        let fee = match confirmed_at {
            // What was reposted after a refusal earned none.
            Some(_) if self.reposted_at.is_some() => None,
            Some(_) => Some(Effect::ReverseFee),
            None => Some(Effect::VoidFee),
        };
        voids.chain(fee).collect()
    }
}
