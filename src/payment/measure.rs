//! The journal alone, for benchmarks: payments begin and are booked without HTTP, hosts or clients.
//!
//! What is written is what a request would write, row for row; only the hosts' words are made up. Built with the
//! feature `measure` alone, so no gateway that is run has it.

use super::begin_job::{BeginJob, BeginReply, Till};
use super::change::{After, Change, Mover};
use super::event::Event;
use super::{PayError, Payments, StateName};
use crate::agents::Agent;
use crate::domain::{BusinessDate, EvidenceId, LookupId, PaymentId, Rupiah, TransferId};
use crate::upstream::{Booking, Evidence, Operation};

/// One payment to be written.
#[derive(Debug, Clone)]
pub struct Sale {
    /// The outlet.
    pub agent: Agent,
    /// Its quote.
    pub lookup_id: LookupId,
    /// The quote's total.
    pub amount: Rupiah,
}

impl Payments {
    /// tx A, two made-up bookings, tx B.
    ///
    /// # Errors
    /// [`PayError::Broken`] when the payment does not end confirmed.
    pub async fn write_sale(&self, sale: &Sale) -> Result<(), PayError> {
        let now = self.clock.now();
        let job = BeginJob {
            agent_id: sale.agent.agent_id,
            agent_no: sale.agent.agent_no,
            agent_code: sale.agent.agent_code.clone(),
            actor: format!("agent:{}", sale.agent.agent_code),
            key: uuid::Uuid::now_v7().to_string(),
            lookup_id: sale.lookup_id,
            amount: sale.amount,
            payment_id: PaymentId::new(),
            holds: [TransferId::new(), TransferId::new(), TransferId::new()],
            taken_at: now,
            not_after: [self.not_after(now), self.not_after(now)],
            host_down: None,
            till: Till::Own,
            at: now,
        };
        let begun = self.journal.begin(job).await.map_err(|e| PayError::Broken(e.to_string()))?;
        let BeginReply::Begun(payment) = begun else { return Err(PayError::Broken(format!("{begun:?}"))) };
        let mover = Mover { actor: format!("agent:{}", payment.agent_code), fence: 1 };
        let mut change = Change::of(*payment, mover);
        for ordinal in [0, 1] {
            let Some(leg) = change.payment.leg(ordinal).cloned() else { break };
            let booking = Booking {
                number: format!("{}{}", ordinal, leg.reference.0.simple()),
                booked_at: now,
                business_date: BusinessDate::of(now),
            };
            let said = Box::new(said(&leg, &booking));
            change
                .apply(&Event::Booked(ordinal, booking), Some(said), now, self.limits)
                .map_err(|e| PayError::Broken(e.to_string()))?;
        }
        match self.commit(change, After::AskIn(self.first_ask_ms())).await? {
            Some(payment) if payment.state.name() == StateName::Confirmed => Ok(()),
            other => Err(PayError::Broken(format!("{other:?}"))),
        }
    }
}

/// An answer as long as a host's.
fn said(leg: &super::Leg, booking: &Booking) -> Evidence {
    let body = serde_json::json!({
        "reference": leg.reference, "document_id": leg.document_id, "amount": leg.amount, "number": booking.number,
        "booked_at": booking.booked_at.to_rfc3339(), "business_date": booking.business_date, "status": "PAID",
    });
    Evidence {
        id: EvidenceId::new(),
        authority: leg.authority,
        operation: Operation::Payment,
        reference: Some(leg.reference.0),
        status: 200,
        path: "/v1/payments".to_owned(),
        request_sha256: hex::encode([7; 32]),
        body: body.to_string().into_bytes(),
        host_timestamp: booking.booked_at.to_rfc3339(),
        signature: "x".repeat(88),
        received_at: booking.booked_at,
    }
}
