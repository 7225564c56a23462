//! Receipts: signed proofs that anyone checks with the public key alone.
//!
//! Bukti Titip says that cash was taken and the outcome is open; Bukti Lunas that both authorities have booked. They are
//! two series per agent and year, without gaps: the number is taken in the transaction that issues the receipt. The
//! payload holds plate, amounts, NTPD, certificate, outlet and time; never a name, a chassis or an identity number.

mod key;
mod payload;
mod store;

pub use key::{KeyError, SigningKey, VerifyingKey};
pub use payload::{Facts, InvalidPayload, LegFacts, pasted, verify};
pub use store::{Counter, Filter, Issued, StoredReceipt, count_copy, find, insert_with, list, take_numbers};

use serde::{Deserialize, Serialize};

/// Which of the two documents.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Cash taken, outcome open.
    Titip,
    /// Booked by both authorities.
    Lunas,
}

impl Kind {
    /// The word in the table, the API and the payload.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Titip => "TITIP",
            Self::Lunas => "LUNAS",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Titip, Self::Lunas].into_iter().find(|kind| kind.as_str() == name)
    }

    const fn letter(self) -> char {
        match self {
            Self::Titip => 'T',
            Self::Lunas => 'L',
        }
    }
}

/// True for what [`receipt_no`] makes: an agent's code, series and year, six digits or more.
#[must_use]
pub fn is_receipt_no(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.rsplitn(3, '-');
    let (Some(n), Some(series), Some(code)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let year = series.strip_prefix(['L', 'T']);
    n.len() >= 6 && digits(n) && year.is_some_and(|year| year.len() == 2 && digits(year)) && !code.is_empty()
}

/// `PSN-0042-L26-000017`: agent, series and year, place in the series.
#[must_use]
pub fn receipt_no(agent_code: &str, kind: Kind, year: i16, n: i64) -> String {
    format!("{agent_code}-{}{:02}-{n:06}", kind.letter(), year.rem_euclid(100))
}
