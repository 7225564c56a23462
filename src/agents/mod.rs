//! Who may act: agents by API key, people by token or by sign-in; and what people do to agents.
//!
//! Keys and tokens are 256 random bits, kept only as SHA-256; passwords only as argon2id. A missing, revoked, expired or
//! unknown credential all look alike.

mod account;
mod lanes;
mod operator;
mod operator_store;
mod password;
mod proof;
mod proposal;
mod request_store;
mod secret;
mod session_store;
mod sign_in;
mod staff_store;
mod store;
mod topup;
mod topup_request;

use crate::domain::{AgentId, PersonId};

pub use account::{ChangeError, SHELL, end_access, reset_password, set_enabled};
pub use operator::{Operator, Session, SessionLine};
pub use password::{PASSWORD_MAX, PASSWORD_MIN, PIN_DIGITS, Unfit, fit_password};
pub use proof::{Media, PROOF_MAX, Proof, UnfitProof};
pub use proposal::{
    Proposal, ProposalError, ProposalKind, load_for_approval, mark_approved, may_decide, propose,
};
pub use request_store::{WhichRequests, topup_proof, topup_requests};
pub use secret::{form_token, hash_password, new_secret};
pub use session_store::{IDLE, OLDEST};
pub use sign_in::{SignInError, SignIns, SignedIn, Visitor};
pub use staff_store::{Staff, staff_of};
pub use store::{
    KeyHolder, NewAgent, NewPerson, add_agent, add_person, agent_by_code, agent_by_id, agents_total,
    issue_key, issue_token, person_by_name, person_by_token, set_caps, set_status,
};
pub use topup::{Deposit, approve_topup, propose_topup};
pub use topup_request::{
    RequestError, RequestState, TopupRequest, decline_request, propose_request, request_topup,
};

/// An agent: one outlet of a pesantren cooperative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub agent_id: AgentId,
    /// The number its ledger accounts carry.
    pub agent_no: i64,
    /// Its code at the authorities, `PSN-0042`.
    pub agent_code: String,
    /// The outlet's name, as printed on receipts.
    pub name: String,
    /// False when suspended: it may read, not pay.
    pub active: bool,
}

impl Agent {
    /// As audit events name its program.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("agent:{}", self.agent_code)
    }
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Cashier of an outlet.
    Kasir,
    /// Supervisor of an outlet.
    Penyelia,
    /// Bapenda's reconciliation staff.
    Bapenda,
    /// Reads everything, changes nothing.
    Auditor,
    /// Operates the gateway.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Kasir, Self::Penyelia, Self::Bapenda, Self::Auditor, Self::Admin];

    /// The role's name everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kasir => "kasir",
            Self::Penyelia => "penyelia",
            Self::Bapenda => "bapenda",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl Role {
    /// True for people at an outlet's counter.
    #[must_use]
    pub const fn is_at_outlet(self) -> bool {
        matches!(self, Self::Kasir | Self::Penyelia)
    }
}

/// A person with one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Its id.
    pub person_id: PersonId,
    /// Login name.
    pub username: String,
    /// What the person may do.
    pub role: Role,
}
