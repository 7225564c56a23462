//! What begins: the payment that a quote makes, its holds, and the audit event. Pure.

use serde_json::json;

use super::begin_job::BeginJob;
use super::state::{Leg, LegState, Payment, State};
use crate::audit;
use crate::domain::TransferId;
use crate::ledger::{self, For, Transfer};
use crate::lookup::Lookup;

/// The payment that a quote makes, under the ids chosen before.
pub(super) fn payment(job: &BeginJob, quote: &Lookup) -> Payment {
    let legs = quote.quote.legs.iter().zip(job.holds).zip(job.not_after).zip(0_i16..);
    let legs = legs.map(|(((leg, hold), not_after), ordinal)| Leg {
        ordinal,
        authority: leg.authority,
        reference: job.payment_id.reference(ordinal),
        document_id: leg.document_id.clone(),
        amount: leg.amount,
        periods: leg.periods.clone(),
        hold: (!leg.amount.is_zero()).then_some(hold),
        not_after,
        state: LegState::Sent,
        reversal: None,
    });
    let [.., fee_hold] = job.holds;
    Payment {
        id: job.payment_id,
        agent_id: job.agent_id,
        agent_no: job.agent_no,
        agent_code: job.agent_code.clone(),
        lookup_id: quote.lookup_id,
        plate: quote.plate.clone(),
        amount: quote.total,
        fee: quote.fee,
        fee_hold: (!quote.fee.is_zero()).then_some(fee_hold),
        taken_at: job.taken_at,
        quote_expires_at: quote.expires_at,
        next_due_on: quote.quote.next_due_on,
        titip_no: None,
        receipt_no: None,
        cancel_requested: false,
        reposted_at: None,
        state: State::Held,
        legs: legs.collect(),
    }
}

/// One pending hold per leg and one for the fee, under the ids chosen before.
pub(super) fn holds(payment: &Payment, job: &BeginJob) -> Vec<Transfer> {
    let of = |leg| For {
        agent_id: payment.agent_id,
        agent_no: payment.agent_no,
        payment_id: payment.id,
        leg,
        at: job.at,
    };
    let named =
        |hold: Option<Transfer>, id: Option<TransferId>| hold.zip(id).map(|(row, id)| Transfer { id, ..row });
    let legs = payment
        .legs
        .iter()
        .filter_map(|leg| named(ledger::hold(of(Some(leg.ordinal)), leg.amount), leg.hold));
    legs.chain(named(ledger::hold(of(None), payment.fee), payment.fee_hold)).collect()
}

/// The fact that it began.
pub(super) fn began(payment: &Payment, job: &BeginJob) -> audit::Event {
    let plate = audit::salted(payment.id.0, &payment.plate);
    let legs: Vec<_> = payment
        .legs
        .iter()
        .map(|leg| json!({"authority": leg.authority, "reference": leg.reference, "amount": leg.amount}))
        .collect();
    let facts = json!({
        "from": null, "to": "held", "lookup_id": payment.lookup_id, "plate_salted": plate, "amount": payment.amount,
        "fee": payment.fee, "legs": legs,
    });
    audit::Event::new(job.at, &job.actor, "payment", payment.id.0, facts)
}
