//! What an authority's answer leads to: the pure half of every doubt. No answer is a state, never a refusal.

use serde_json::json;

use super::event::{Effect, Limits};
use super::state::{Leg, LegState, Payment, State};
use crate::domain::Timestamp;
use crate::receipt::Kind;
use crate::upstream::Booking;

impl Payment {
    pub(super) fn leg_mut(&mut self, ordinal: i16) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.ordinal == ordinal)
    }

    pub(super) fn set(&mut self, ordinal: i16, state: LegState) -> Option<()> {
        let leg =
            self.leg_mut(ordinal).filter(|leg| matches!(leg.state, LegState::Sent | LegState::Unsent))?;
        leg.state = state;
        Some(())
    }

    /// True while a copy of any leg may be booked.
    pub(super) fn any_sent(&self) -> bool {
        self.legs.iter().any(|leg| leg.state == LegState::Sent)
    }

    /// A booking confirms once every leg is settled. The same number twice is once; another one is a contradiction.
    pub(super) fn book(&mut self, ordinal: i16, booking: &Booking, now: Timestamp) -> Option<Vec<Effect>> {
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

    pub(super) fn confirm(&mut self, now: Timestamp) -> Vec<Effect> {
        self.state = State::Confirmed { at: now };
        vec![Effect::PostFee, Effect::Issue(Kind::Lunas)]
    }

    /// A silence without a code forgets no reason that an authority gave.
    pub(super) fn fall_into_doubt(&mut self, reason: Option<String>) -> Vec<Effect> {
        let former = if let State::InDoubt { reason } = &mut self.state { reason.take() } else { None };
        self.state = State::InDoubt { reason: reason.or(former) };
        self.titip()
    }

    pub(super) fn hold_for_integrity(&mut self, ordinal: i16, reason: &str) -> Vec<Effect> {
        self.state = State::IntegrityHold { reason: reason.to_owned() };
        let mut effects = vec![Effect::Case("INTEGRITY_HOLD", json!({"leg": ordinal, "reason": reason}))];
        effects.extend(self.titip());
        effects
    }

    /// A paper for cash whose outcome is open, once.
    pub(super) fn titip(&self) -> Vec<Effect> {
        if self.titip_no.is_none() { vec![Effect::Issue(Kind::Titip)] } else { vec![] }
    }

    /// Ends a payment of which nothing is booked: every hold is void.
    pub(super) fn refuse(&mut self, reason: &str, now: Timestamp) -> Vec<Effect> {
        self.state = State::Refused { reason: reason.to_owned(), at: now };
        self.legs.iter().map(|leg| Effect::Void(leg.ordinal)).chain([Effect::VoidFee]).collect()
    }

    pub(super) fn refused_leg(&mut self, ordinal: i16, code: &str, now: Timestamp) -> Option<Vec<Effect>> {
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
    pub(super) fn absent_leg(&mut self, ordinal: i16, now: Timestamp, limits: Limits) -> Option<Vec<Effect>> {
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
}
