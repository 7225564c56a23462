//! A doubt ended by a settlement file: the same guarded transition, with the night as mover.

use super::change::{After, Change, Mover, SettledByFile};
use super::state::State;
use super::step::Event;
use super::{PayError, Payments, store};
use crate::domain::{Authority, BusinessDate, PaymentId, Reference};
use crate::upstream::Booking;

/// What a settlement file proves of a leg: all its lines equal the quote and net to PAID.
#[derive(Debug, Clone)]
pub struct FileBooking {
    /// The payment.
    pub payment_id: PaymentId,
    /// Whose file.
    pub authority: Authority,
    /// Our name for the leg.
    pub reference: Reference,
    /// What the file says of it.
    pub booking: Booking,
    /// The file's business date.
    pub business_date: BusinessDate,
}

impl Payments {
    /// Books a leg of an open payment with what a file says; false when somebody else is at the payment or has moved
    /// it, or its state does not take it.
    ///
    /// # Errors
    /// [`PayError`] when the database fails.
    pub async fn settle_by_file(&self, file: &FileBooking) -> Result<bool, PayError> {
        let mut connection = self.db.workers.acquire().await?;
        let holder = (&*self.tools.instance, self.tools.lease_s);
        let Some(lease) = store::claim_one(&mut connection, holder, file.payment_id).await? else { return Ok(false) };
        let Some(payment) = store::load(&mut connection, file.payment_id).await? else { return Ok(false) };
        drop(connection);
        let leg = payment.legs.iter().find(|leg| leg.reference == file.reference).map(|leg| leg.ordinal);
        let mut change = Change::of(payment, Mover { actor: "night".to_owned(), fence: lease.fence });
        let now = self.clock.now();
        let mut moved = leg.is_some();
        if change.payment.state == State::Held {
            moved &= change.apply(&Event::TakenOver, None, now, self.limits).is_ok();
        }
        if let Some(ordinal) = leg.filter(|_| moved) {
            moved = change.apply(&Event::Booked(ordinal, file.booking.clone()), None, now, self.limits).is_ok();
        }
        if !moved {
            let mut connection = self.db.workers.acquire().await?;
            store::release(&mut connection, lease, 1_000).await?;
            return Ok(false);
        }
        change.settled_by_file = Some(SettledByFile {
            reference: file.reference,
            authority: file.authority,
            business_date: file.business_date,
        });
        Ok(self.commit(change, After::AskIn(0)).await?.is_some())
    }
}
