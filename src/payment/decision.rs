//! What two people decide about a payment that no answer ends. Pure; moves nothing that an authority has not signed.

use super::event::Effect;
use super::state::{Leg, LegState, Payment};
use crate::domain::Timestamp;

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
}
