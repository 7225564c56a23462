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

ids! {
    /// An agent: one outlet of a pesantren cooperative, with one float.
    AgentId,
    /// A person with a role: `kasir`, `penyelia`, `bapenda`, `auditor`, `admin`.
    PersonId,
    /// A lookup and its quote.
    LookupId,
    /// A payment.
    PaymentId,
    /// Our name for one leg of a payment at its authority; chosen before sending, never changed.
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
}
