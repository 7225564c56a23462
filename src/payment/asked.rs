//! The signed words on which two people decide: stored answers, and what the authorities say of a refused payment now.
//!
//! A number is never taken from a proposal: it is read again from the bytes that the authority signed.

use sqlx::PgConnection;

use super::event::Event;
use super::state::{LegState, Payment, State};
use super::terms::{Decision, StoredBooking, Terms};
use super::{Payments, store};
use crate::agents::{self, Person, ProposalError, ProposalKind};
use crate::domain::{EvidenceId, PaymentId, ProposalId};
use crate::upstream::{Booking, Evidence, StatusAnswer};

/// What authorities have booked of a refused payment, with the answers that say so.
pub(super) type LateBookings = Vec<(Event, Box<Evidence>)>;

impl Payments {
    /// Proposes to confirm a leg with a stored answer; tells the number in it.
    ///
    /// # Errors
    /// [`ProposalError`] when there is no such payment or answer, the person may not, or the answer does not prove a
    /// booking of one of its legs.
    pub async fn propose_evidence(
        &self,
        id: PaymentId,
        evidence: EvidenceId,
        reason: &str,
        by: &Person,
    ) -> Result<(ProposalId, StoredBooking), ProposalError> {
        let mut transaction = self.db.workers.begin().await?;
        let payment = store::load(&mut transaction, id).await?.ok_or(ProposalError::NotFound)?;
        let (leg, booking) = self.proven_by(&mut transaction, &payment, evidence).await?;
        let stored = StoredBooking { evidence_id: evidence, leg, number: booking.number };
        let terms = Terms { evidence: Some(stored.clone()), ..Terms::of(Decision::ConfirmEvidence, reason) };
        let terms = serde_json::to_value(&terms).map_err(|e| ProposalError::Terms(e.to_string()))?;
        let subject = (ProposalKind::Resolve, id.0);
        let proposal = agents::propose(&mut transaction, subject, &terms, by, self.clock.now()).await?;
        transaction.commit().await?;
        Ok((proposal, stored))
    }

    /// The leg that a stored answer proves booked, and the booking, read from the signed bytes.
    pub(super) async fn proven_by(
        &self,
        connection: &mut PgConnection,
        payment: &Payment,
        id: EvidenceId,
    ) -> Result<(i16, Booking), ProposalError> {
        let kept = store::evidence(connection, id).await?.ok_or(ProposalError::NotFound)?;
        let host = self.upstream.host(kept.authority);
        let proven = |leg: &super::state::Leg| {
            let booking = host.booking_in(&kept, &payment.order(leg))?;
            (leg.authority == kept.authority).then_some((leg.ordinal, booking))
        };
        payment.legs.iter().find_map(proven).ok_or_else(|| {
            ProposalError::Terms("NOT_PROVEN: that answer signs no booking of this payment".to_owned())
        })
    }

    /// What authorities have booked of a payment that we refused; nothing for any other payment. Asked outside any
    /// transaction.
    pub(super) async fn booked_late(&self, id: PaymentId) -> Result<LateBookings, ProposalError> {
        let mut connection = self.db.workers.acquire().await?;
        let payment = store::load(&mut connection, id).await?.ok_or(ProposalError::NotFound)?;
        drop(connection);
        let mut booked = vec![];
        if !matches!(payment.state, State::Refused { .. }) {
            return Ok(booked);
        }
        let may_be = |state: &LegState| !matches!(state, LegState::Released | LegState::Reversed(_));
        for leg in payment.legs.iter().filter(|leg| may_be(&leg.state)) {
            let host = self.upstream.host(leg.authority);
            if let StatusAnswer::Booked(booking, evidence) = host.status(&payment.order(leg)).await {
                booked.push((Event::LateBooked(leg.ordinal, booking), evidence));
            }
        }
        Ok(booked)
    }
}
