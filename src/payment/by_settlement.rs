//! A doubt that a settlement file ends: the same transition and the same guard as a host's own answer.
//!
//! The night takes the fencing number from whoever is at work on the payment; their commit then finds another number
//! and does nothing. A copy that they may still send names a reference that is booked, and books nothing more. The move
//! and the row that says which file ended the doubt are one transaction.

use super::change::{After, Change, Mover};
use super::event::Event;
use super::state::{Leg, LegState, Payment, State};
use super::{PayError, Payments, store};
use crate::domain::{PaymentId, Reference};
use crate::upstream::Booking;

impl Payments {
    /// Books a leg with what a settlement file says, if the payment is still held or in doubt and the leg is open.
    /// Says whether it did; what else is open of the payment is asked about at once.
    ///
    /// # Errors
    /// [`PayError`] when the database fails.
    pub async fn settle_by_settlement(
        &self,
        payment_id: PaymentId,
        reference: Reference,
        booking: Booking,
    ) -> Result<bool, PayError> {
        let mut connection = self.db.workers.acquire().await?;
        // Looked at before it is seized: who is at work on a payment that needs nothing is left alone.
        let looked_at = store::load(&mut connection, payment_id).await?;
        if looked_at.and_then(|payment| open_leg(&payment, reference)).is_none() {
            return Ok(false);
        }
        let holder = (&*self.tools.instance, self.tools.lease_s);
        let Some(lease) = store::seize(&mut connection, holder, payment_id).await? else { return Ok(false) };
        let Some(payment) = store::load(&mut connection, payment_id).await? else { return Ok(false) };
        let Some(ordinal) = open_leg(&payment, reference) else {
            store::release(&mut connection, lease, 0).await?;
            return Ok(false);
        };
        drop(connection);
        let now = self.clock.now();
        let held = payment.state == State::Held;
        let mut change = Change::of(payment, Mover { actor: "night".to_owned(), fence: lease.fence });
        let events = held.then_some(Event::TakenOver).into_iter().chain([Event::Booked(ordinal, booking)]);
        for event in events {
            change.apply(&event, None, now, self.limits).map_err(|e| PayError::Broken(e.to_string()))?;
        }
        change.by_file = Some(reference);
        let moved = self.commit(change, After::AskIn(0)).await?;
        Ok(moved.is_some_and(|p| p.leg(ordinal).is_some_and(|leg| leg.booking().is_some())))
    }
}

/// The leg of that reference, if a booking may still end its doubt.
fn open_leg(payment: &Payment, reference: Reference) -> Option<i16> {
    let open = |leg: &&Leg| {
        leg.reference == reference
            && matches!(leg.state, LegState::Sent | LegState::Unsent | LegState::Absent)
    };
    let leg = payment.legs.iter().find(open)?;
    matches!(payment.state, State::Held | State::InDoubt { .. }).then_some(leg.ordinal)
}
