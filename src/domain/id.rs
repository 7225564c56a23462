//! Ids: UUID v7, chosen here before anything is sent, each its own type.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

macro_rules! made_here {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// A new id, later in order than those before it.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    )+};
}

ids! {
    /// An agent: one outlet of a pesantren cooperative, with one float.
    AgentId,
    /// A person with a role: `kasir`, `penyelia`, `bapenda`, `auditor`, `admin`.
    PersonId,
    /// A lookup and its quote.
    LookupId,
    /// A payment. Its last byte is 0: the ids that end in 1, 2 … are its references.
    PaymentId,
    /// Our name for one leg of a payment at its authority: the payment's id with the leg's place, 1, 2 …, for its last
    /// byte. So it is chosen with the payment, never changes, is as unique, and tells whose it is without a look.
    /// A reversal has a reference that is new.
    Reference,
    /// One row of the ledger.
    TransferId,
    /// What a host said, byte for byte.
    EvidenceId,
    /// What one person asks for and another approves.
    ProposalId,
    /// Something that people must settle.
    CaseId,
    /// One run of the night.
    RunId,
    /// One sign-in of a person at a page.
    SessionId,
    /// One operator's cash drawer, from its opening to its closing.
    DrawerId,
    /// One movement of an outlet's cash.
    CashEntryId,
    /// A top-up that an outlet asks for.
    RequestId,
}

made_here! {
    AgentId, PersonId, LookupId, Reference, TransferId, EvidenceId, ProposalId, CaseId, RunId, SessionId, DrawerId,
    CashEntryId, RequestId,
}

impl PaymentId {
    /// A new id, later in order than those before it.
    #[must_use]
    pub fn new() -> Self {
        Self(with_last_byte(Uuid::now_v7(), 0))
    }

    /// Not later than any id made at that moment, and later than those made before its millisecond.
    #[must_use]
    pub fn earliest_of(at: super::Timestamp) -> Self {
        let ms = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Self(Uuid::from_u128(u128::from(ms) << 80))
    }

    /// The reference of the leg of that ordinal, 0, 1, 2 …: at most 255 legs.
    #[must_use]
    pub fn reference(self, ordinal: i16) -> Reference {
        let place = u8::try_from(ordinal.saturating_add(1)).unwrap_or(u8::MAX);
        Reference(with_last_byte(self.0, place))
    }
}

impl Default for PaymentId {
    fn default() -> Self {
        Self::new()
    }
}

fn with_last_byte(id: Uuid, byte: u8) -> Uuid {
    let mut bytes = id.into_bytes();
    bytes[15] = byte;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lie_between_the_earliest_of_their_moment_and_of_the_next() {
        let clock = crate::domain::Clock::system();
        let before = PaymentId::earliest_of(clock.now());
        let id = PaymentId::new();
        let after = PaymentId::earliest_of(clock.now() + chrono::TimeDelta::milliseconds(2));
        assert!(before < id && id < after);
    }

    #[test]
    fn references_stand_next_to_their_payment_in_the_order_of_its_legs() {
        let (one, other) = (PaymentId::new(), PaymentId::new());
        assert!(one.0 < one.reference(0).0 && one.reference(0) < one.reference(1));
        assert!(one.reference(254).0 < other.0, "the next payment's come after all of them");
        assert_ne!(one.reference(0), other.reference(0));
    }
}
