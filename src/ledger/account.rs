//! Account numbers. They are arithmetic (migration `0002_ledger`), so that a payment looks none of them up.

use crate::domain::Beneficiary;

/// The number of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNo(i64);

/// An agent's own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentAccount {
    /// Prefunded money the agent may collect against.
    Float,
    /// Money set aside for open payments.
    Hold,
    /// Fees earned; never netted from tax.
    Fee,
    /// Cash that must go back to citizens who hold a paper.
    OwedToCitizens,
    /// What an agent owes us after a late success its float could not bear.
    ClaimOnOutlet,
    /// Cash counted in the drawer.
    CashInDrawer,
}

const AGENT_BASE: i64 = 1_000_000;

impl AgentAccount {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Float, Self::Hold, Self::Fee, Self::OwedToCitizens, Self::ClaimOnOutlet, Self::CashInDrawer];

    const fn digit(self) -> i64 {
        match self {
            Self::Float => 1,
            Self::Hold => 2,
            Self::Fee => 3,
            Self::OwedToCitizens => 4,
            Self::ClaimOnOutlet => 5,
            Self::CashInDrawer => 6,
        }
    }

    /// The account's kind as the table names it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Hold => "hold",
            Self::Fee => "fee",
            Self::OwedToCitizens => "owed_to_citizens",
            Self::ClaimOnOutlet => "claim_on_outlet",
            Self::CashInDrawer => "cash_in_drawer",
        }
    }
}

impl AccountNo {
    /// Money on its way from and to the bank.
    pub const BANK_CLEARING: Self = Self(1);
    /// Differences that two people have booked away.
    pub const SELISIH: Self = Self(2);

    /// What is payable to a beneficiary.
    #[must_use]
    pub fn payable(beneficiary: Beneficiary) -> Self {
        match beneficiary {
            Beneficiary::Treasury => Self(10),
            Beneficiary::JasaRaharja => Self(11),
            Beneficiary::Province => Self(35),
            Beneficiary::Region(code) => Self(i64::from(code.get())),
        }
    }

    /// One of an agent's accounts.
    #[must_use]
    pub const fn of_agent(agent_no: i64, account: AgentAccount) -> Self {
        Self(AGENT_BASE + agent_no * 10 + account.digit())
    }

    /// Which of that agent's accounts this is, if any.
    #[must_use]
    pub fn as_agent_account(self, agent_no: i64) -> Option<AgentAccount> {
        AgentAccount::ALL.into_iter().find(|account| Self::of_agent(agent_no, *account) == self)
    }

    /// The bare number, for the database.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}
