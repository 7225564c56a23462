//! The two authorities and the verbs that each of them answers.

use serde::{Deserialize, Serialize};

/// One of the two authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Host {
    #[serde(rename = "BAPENDA")]
    Bapenda,
    #[serde(rename = "JASA_RAHARJA")]
    JasaRaharja,
}

impl Host {
    pub(crate) const BOTH: [Self; 2] = [Self::Bapenda, Self::JasaRaharja];

    /// As settlement files, the book and fault rules spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bapenda => "BAPENDA",
            Self::JasaRaharja => "JASA_RAHARJA",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|host| host.name() == name)
    }

    /// What its paths begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bapenda => "/bapenda/v1/",
            Self::JasaRaharja => "/jasa-raharja/v1/",
        }
    }

    /// The member that carries the bill's number.
    pub(crate) fn bill_member(self) -> &'static str {
        match self {
            Self::Bapenda => "bill_id",
            Self::JasaRaharja => "assessment_id",
        }
    }

    /// The member that carries the authority's own number of a booking.
    pub(crate) fn number_member(self) -> &'static str {
        match self {
            Self::Bapenda => "ntpd",
            Self::JasaRaharja => "certificate_no",
        }
    }

    pub(crate) fn place(self) -> usize {
        match self {
            Self::Bapenda => 0,
            Self::JasaRaharja => 1,
        }
    }
}

/// What is asked of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Inquiry,
    Payment,
    Status,
    Reversal,
    Settlement,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Inquiry, Self::Payment, Self::Status, Self::Reversal, Self::Settlement];

    /// As fault rules spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Payment => "payment",
            Self::Status => "status",
            Self::Reversal => "reversal",
            Self::Settlement => "settlement",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}
