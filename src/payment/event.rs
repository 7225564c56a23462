//! What may happen to a payment, and what a transition does to books and papers.

use super::state::{Leg, StateName};
use crate::domain::{BusinessDate, Reference, Timestamp};
use crate::receipt::Kind;
use crate::upstream::Booking;

/// What may happen to a payment. `i16` is the place of the leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The task that began it is gone; whoever goes on counts both legs as sent.
    TakenOver,
    /// A copy is about to leave: its `not_after` is committed first.
    Sending(i16, Timestamp),
    /// An authority has booked a leg.
    Booked(i16, Booking),
    /// An authority had booked a leg and has taken it back.
    ReversedThere(i16),
    /// An authority refuses a leg, and has written that down.
    Refused(i16, String),
    /// No usable answer to the only copy of a leg; those after it were never sent.
    Silent(i16, Option<String>),
    /// An answer contradicts what was asked, or the store refuses what was answered.
    Contradicts(i16, String),
    /// Provably no byte of a leg's newest copy left, and no other copy lives.
    NeverSent(i16),
    /// A leg is proven absent.
    Absent(i16),
    /// The cashier wants it ended.
    CancelAsked,
    /// Two people look at an integrity hold again: the authorities are asked once more, and decide.
    Reopened {
        /// Refuse it if it is absent, instead of sending it again.
        refuse: bool,
    },
    /// Two people found that a refused leg was paid elsewhere.
    PaidElsewhere(i16),
    /// Two people take a fresh assessment in the place of a refused leg: this leg follows it.
    FreshlyAssessed(Box<Leg>),
    /// Two people confirm a leg with the number of a stored answer that its authority signed.
    Proven(i16, Booking),
    /// An authority has booked a leg of a refused payment: a late success.
    LateBooked(i16, Booking),
    /// Two people post what was booked after the refusal.
    Reposted,
    /// Two people take the booked legs back, under these references.
    ReversalApproved(Vec<(i16, Reference)>),
    /// An authority took a leg back.
    ReversalAgreed(i16, BusinessDate),
    /// An authority keeps a leg.
    ReversalRefused(i16, String),
}

/// What a transition does to books and papers, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Pay a leg's hold out along its lines.
    Post(i16),
    /// Give a leg's hold back.
    Void(i16),
    /// A leg takes another's place: the old hold goes over *selisih* into the new one.
    Replace {
        /// The leg that is released.
        old: i16,
        /// The leg that follows it.
        new: i16,
    },
    /// Pay a leg whose hold is void from the float, and what the float cannot bear from a claim on the outlet.
    Claim(i16),
    /// Pay the fee's hold to the agent.
    PostFee,
    /// Give the fee's hold back.
    VoidFee,
    /// Take a reversed leg's lines back.
    Reverse(i16),
    /// Take the fee back.
    ReverseFee,
    /// Hand a paper over.
    Issue(Kind),
    /// Something that people must settle.
    Case(&'static str, serde_json::Value),
}

/// An event that cannot happen to a payment in this state: somebody else was faster, or our own bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payment that is {0:?} does not take this event")]
pub struct Forbidden(pub StateName);

/// What decides whether an absent leg is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After `taken_at` by this much an absent leg is refused.
    pub resend_within: chrono::TimeDelta,
}
