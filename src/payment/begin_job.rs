//! A payment that wants to begin, and how it did.

use serde_json::json;

use super::refusal::BusinessRefusal;
use super::state::Payment;
use crate::domain::{AgentId, DrawerId, LookupId, PaymentId, Rupiah, Timestamp, TransferId};

/// What a key was used for before.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) request: serde_json::Value,
    pub(super) outcome: StoredOutcome,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum StoredOutcome {
    Payment(PaymentId),
    Refusal(BusinessRefusal),
}

/// A payment that wants to begin; every id is chosen, so that a repeated transaction writes the same rows.
#[derive(Debug, Clone)]
pub(super) struct BeginJob {
    pub(super) agent_id: AgentId,
    pub(super) agent_no: i64,
    pub(super) agent_code: String,
    /// Who acts for the agent, as audit events name them.
    pub(super) actor: String,
    pub(super) key: String,
    pub(super) lookup_id: LookupId,
    pub(super) amount: Rupiah,
    pub(super) payment_id: PaymentId,
    pub(super) holds: [TransferId; 3],
    /// Host time of Bapenda: when the cash is taken, in whole seconds as the wire has it.
    pub(super) taken_at: Timestamp,
    /// First `not_after` of each leg, by each host's clock.
    pub(super) not_after: [Timestamp; 2],
    /// A host may not be sent payments now.
    pub(super) host_down: Option<HostDown>,
    pub(super) till: Till,
    pub(super) at: Timestamp,
}

/// Where the cash of a payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Till {
    /// The outlet's program keeps its own.
    Own,
    /// The drawer that the operator has open; without one nothing begins.
    Drawer(Option<DrawerId>),
}

/// Why no cash is taken for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostDown {
    Breaker,
    EndOfDay,
}

impl BeginJob {
    /// What is compared when the key comes again.
    pub(super) fn request(&self) -> serde_json::Value {
        json!({"lookup_id": self.lookup_id, "amount": self.amount})
    }
}

/// How a payment began, or not.
#[derive(Debug)]
pub(super) enum BeginReply {
    /// It began: money is held, the vehicle is locked.
    Begun(Box<Payment>),
    /// Refused now, and stored under the key.
    Refused(BusinessRefusal),
    /// The key was used before.
    Replay(Stored),
    /// A copy of the same request is in the same batch, or was faster elsewhere: ask again.
    Again,
    /// No quote of this agent has that id. No key is stored.
    LookupNotFound,
    /// The agent is suspended. No key is stored.
    Suspended,
    /// A host may not be sent payments. No key is stored.
    HostDown(HostDown),
    /// The operator has no drawer open for the cash. No key is stored.
    DrawerClosed,
}
