//! What a proposal about a payment says: fixed when it is made, shown to whoever approves it.

use serde::{Deserialize, Serialize};

use super::state::{Leg, LegState, Payment};
use crate::domain::{Authority, BillPeriod, EvidenceId, Rupiah, Timestamp, TransferId};

/// What two people decide about an open payment or a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Ask the authorities again and believe what they sign.
    Ask,
    /// The same, and refuse the payment if it is proven absent.
    Refuse,
    /// A leg that its authority refused was paid elsewhere: the citizen gets that part back.
    PaidElsewhere,
    /// A leg that Jasa Raharja refused is paid by a fresh assessment under a reference of its own; the difference is *selisih*.
    FreshAssessment,
    /// A leg is confirmed with the number of a stored answer that its authority signed.
    ConfirmEvidence,
    /// What an authority booked after we had refused is posted: from the float, and what it cannot bear as a claim.
    Repost,
    /// Take the booked legs back, also those booked after a refusal.
    Reverse,
    /// Close a case with a remark; moves no money.
    Close,
}

/// The terms of a proposal about a payment or a case.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) decision: Decision,
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) assessment: Option<FreshAssessment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<StoredBooking>,
}

impl Terms {
    pub(super) fn of(decision: Decision, reason: &str) -> Self {
        Self { decision, reason: reason.to_owned(), assessment: None, evidence: None }
    }
}

/// What Jasa Raharja asks now for a leg that it refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FreshAssessment {
    /// Its new id.
    pub assessment_id: String,
    /// Σ of its lines.
    pub amount: Rupiah,
    /// What the citizen had paid for it.
    pub paid: Rupiah,
    /// Its lines by period.
    pub periods: Vec<BillPeriod>,
    /// The signed answer that says so.
    pub evidence_id: EvidenceId,
}

/// A booking in a stored answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredBooking {
    /// The answer.
    pub evidence_id: EvidenceId,
    /// Place of the leg that it proves.
    pub leg: i16,
    /// NTPD or certificate number.
    pub number: String,
}

impl FreshAssessment {
    /// The leg that it makes, under a reference of its own; not sent before its `not_after` is committed.
    pub(super) fn leg(&self, payment: &Payment, now: Timestamp) -> Option<Leg> {
        let ordinal = payment.legs.last()?.ordinal + 1;
        Some(Leg {
            ordinal,
            authority: Authority::JasaRaharja,
            reference: payment.id.reference(ordinal),
            document_id: self.assessment_id.clone(),
            amount: self.amount,
            periods: self.periods.clone(),
            hold: (!self.amount.is_zero()).then(TransferId::new),
            not_after: now,
            state: LegState::Unsent,
            reversal: None,
        })
    }
}
