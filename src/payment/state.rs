//! What a payment is at a moment. Each state carries what is true in it; a leg likewise.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AgentId, Authority, BillPeriod, BusinessDate, LookupId, PaymentId, Reference, Rupiah, Timestamp,
    TransferId,
};
use crate::upstream::{Booking, Order};

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Money is held, the authorities are being asked.
    Held,
    /// An outcome is open; only what an authority says ends it.
    InDoubt {
        /// The authority's code or ours, where there is one.
        reason: Option<String>,
    },
    /// An answer contradicts the quote or the books: two people decide.
    IntegrityHold {
        /// What contradicts what.
        reason: String,
    },
    /// Booked by both authorities, or by one and released by two people from the other.
    Confirmed {
        /// Since when.
        at: Timestamp,
    },
    /// Definitely not booked; the hold is void.
    Refused {
        /// The authority's code or ours.
        reason: String,
        /// Since when.
        at: Timestamp,
    },
    /// Two people take it back; the authorities are being asked.
    Reversing {
        /// When it had been confirmed; none when it comes out of a doubt.
        confirmed_at: Option<Timestamp>,
    },
    /// Taken back.
    Reversed {
        /// Since when.
        at: Timestamp,
        /// When it had been confirmed.
        confirmed_at: Option<Timestamp>,
    },
}

/// The bare name of a state.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at State")]
pub enum StateName {
    Held,
    InDoubt,
    IntegrityHold,
    Confirmed,
    Refused,
    Reversing,
    Reversed,
}

impl StateName {
    /// All names.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::InDoubt,
        Self::IntegrityHold,
        Self::Confirmed,
        Self::Refused,
        Self::Reversing,
        Self::Reversed,
    ];

    /// The word in the table and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::InDoubt => "in_doubt",
            Self::IntegrityHold => "integrity_hold",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Reversing => "reversing",
            Self::Reversed => "reversed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// True while the vehicle is locked for everyone else and somebody must go on with it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::InDoubt | Self::IntegrityHold | Self::Reversing)
    }
}

impl State {
    /// Its bare name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Held => StateName::Held,
            Self::InDoubt { .. } => StateName::InDoubt,
            Self::IntegrityHold { .. } => StateName::IntegrityHold,
            Self::Confirmed { .. } => StateName::Confirmed,
            Self::Refused { .. } => StateName::Refused,
            Self::Reversing { .. } => StateName::Reversing,
            Self::Reversed { .. } => StateName::Reversed,
        }
    }
}

/// How a leg stands at its authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegState {
    /// Certainly no copy is on its way.
    Unsent,
    /// A copy may be on its way until `not_after`, or be booked.
    Sent,
    /// Booked and paid.
    Booked(Booking),
    /// Written down as refused.
    Refused(String),
    /// Proven absent: asked after every `not_after` plus the tolerance.
    Absent,
    /// Two people released it: paid elsewhere.
    Released,
    /// Booked once, taken back.
    Reversed(Booking),
}

/// A reversal of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegReversal {
    /// Chosen before it is asked for.
    pub reference: Reference,
    /// What the authority said.
    pub answer: ReversalAnswer,
}

/// What an authority said to a reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversalAnswer {
    /// Nothing yet.
    Asked,
    /// Reversed on its business date.
    Agreed(BusinessDate),
    /// The booking stays.
    Refused,
}

/// What a payment owes one authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Place in the order of payment: 0, 1 …
    pub ordinal: i16,
    /// Whom.
    pub authority: Authority,
    /// Our name for it at the authority.
    pub reference: Reference,
    /// Bill or assessment id.
    pub document_id: String,
    /// Σ of its lines.
    pub amount: Rupiah,
    /// Its lines by period.
    pub periods: Vec<BillPeriod>,
    /// The money set aside for it; none for an amount of 0.
    pub hold: Option<TransferId>,
    /// The greatest `not_after` ever committed.
    pub not_after: Timestamp,
    /// How it stands.
    pub state: LegState,
    /// Its reversal, once two people wanted one.
    pub reversal: Option<LegReversal>,
}

impl Leg {
    /// Nothing more is to be asked about its payment.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.state, LegState::Booked(_) | LegState::Released)
    }

    /// Its booking, also after a reversal.
    #[must_use]
    pub const fn booking(&self) -> Option<&Booking> {
        match &self.state {
            LegState::Booked(booking) | LegState::Reversed(booking) => Some(booking),
            LegState::Unsent
            | LegState::Sent
            | LegState::Refused(_)
            | LegState::Absent
            | LegState::Released => None,
        }
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The agent who took the cash.
    pub agent_id: AgentId,
    /// The number its ledger accounts carry.
    pub agent_no: i64,
    /// The agent's code at the authorities.
    pub agent_code: String,
    /// The quote it pays.
    pub lookup_id: LookupId,
    /// The vehicle, canonical.
    pub plate: String,
    /// Tax and fee.
    pub amount: Rupiah,
    /// The agent's fee.
    pub fee: Rupiah,
    /// The money set aside for the fee; none for a fee of 0.
    pub fee_hold: Option<TransferId>,
    /// When the cash was taken.
    pub taken_at: Timestamp,
    /// When the quote ends.
    pub quote_expires_at: Timestamp,
    /// When the next tax falls due, as printed on receipts.
    pub next_due_on: BusinessDate,
    /// Bukti Titip, once handed over.
    pub titip_no: Option<String>,
    /// Bukti Lunas, once issued.
    pub receipt_no: Option<String>,
    /// The cashier wants it ended if no copy can be booked any more.
    pub cancel_requested: bool,
    /// When two people posted what an authority had booked after the refusal.
    pub reposted_at: Option<Timestamp>,
    /// How it stands.
    pub state: State,
    /// What it owes each authority, in the order of payment.
    pub legs: Vec<Leg>,
}

impl Payment {
    /// The leg of that place.
    #[must_use]
    pub fn leg(&self, ordinal: i16) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.ordinal == ordinal)
    }

    /// The leg of that authority that counts: the last one, after a fresh assessment.
    #[must_use]
    pub fn leg_of(&self, authority: Authority) -> Option<&Leg> {
        self.legs.iter().rev().find(|leg| leg.authority == authority)
    }

    /// True when a fresh assessment took that leg's place.
    #[must_use]
    pub fn is_replaced(&self, leg: &Leg) -> bool {
        self.legs.iter().any(|other| other.authority == leg.authority && other.ordinal > leg.ordinal)
    }

    /// What the citizen paid for that leg: the quote's amount, whatever a fresh assessment asks.
    #[must_use]
    pub fn quoted_for(&self, leg: &Leg) -> Rupiah {
        self.legs
            .iter()
            .find(|other| other.authority == leg.authority)
            .map_or(leg.amount, |first| first.amount)
    }

    /// True once any authority has booked: REFUSED is then out of reach.
    #[must_use]
    pub fn any_booked(&self) -> bool {
        self.legs.iter().any(|leg| leg.booking().is_some())
    }

    /// One copy of a leg's payment request.
    #[must_use]
    pub fn order(&self, leg: &Leg) -> Order {
        Order {
            reference: leg.reference,
            document_id: leg.document_id.clone(),
            amount: leg.amount,
            agent_code: self.agent_code.clone(),
            taken_at: self.taken_at,
            not_after: leg.not_after,
        }
    }
}
