//! What a bill is made of: authorities, beneficiaries, periods, lines.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BusinessDate, MoneyError, RegionCode, Rupiah};

/// Whom a leg of a payment goes to. A payment's legs are booked in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Authority {
    /// The provincial revenue agency: PKB (vehicle tax), opsen (the kabupaten's surcharge), local lines.
    Bapenda,
    /// The state insurer: SWDKLLJ (compulsory contribution to the road-accident fund).
    JasaRaharja,
}

impl Authority {
    /// Both, in the order of payment.
    pub const ALL: [Self; 2] = [Self::Bapenda, Self::JasaRaharja];

    /// The name on the wire, in the database and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bapenda => "BAPENDA",
            Self::JasaRaharja => "JASA_RAHARJA",
        }
    }

    /// The authority of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|authority| authority.as_str() == name)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who receives a line: a closed set (protocol, inquiries). Each has one account in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Beneficiary {
    /// `35`: the province.
    Province,
    /// `35xx`: the kabupaten or kota of registration.
    Region(RegionCode),
    /// `RKUN`: the state treasury (PNBP, the police's fees).
    Treasury,
    /// `JASA_RAHARJA`.
    JasaRaharja,
}

/// A beneficiary outside the closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown beneficiary")]
pub struct InvalidBeneficiary;

impl Beneficiary {
    /// Reads the protocol's name of a beneficiary.
    ///
    /// # Errors
    /// [`InvalidBeneficiary`] outside the closed set.
    pub fn parse(text: &str) -> Result<Self, InvalidBeneficiary> {
        match text {
            "35" => Ok(Self::Province),
            "RKUN" => Ok(Self::Treasury),
            "JASA_RAHARJA" => Ok(Self::JasaRaharja),
            code if code.len() == 4 => {
                RegionCode::parse(code).map(Self::Region).map_err(|_| InvalidBeneficiary)
            }
            _ => Err(InvalidBeneficiary),
        }
    }
}

impl TryFrom<String> for Beneficiary {
    type Error = InvalidBeneficiary;
    fn try_from(text: String) -> Result<Self, InvalidBeneficiary> {
        Self::parse(&text)
    }
}

impl From<Beneficiary> for String {
    fn from(beneficiary: Beneficiary) -> Self {
        beneficiary.to_string()
    }
}

impl fmt::Display for Beneficiary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Province => f.write_str("35"),
            Self::Region(code) => write!(f, "{code}"),
            Self::Treasury => f.write_str("RKUN"),
            Self::JasaRaharja => f.write_str("JASA_RAHARJA"),
        }
    }
}

/// One line of a bill. Codes are open: an unknown one is shown, charged, kept and reconciled like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillLine {
    /// `PKB`, `OPSEN_PKB`, `SWDKLLJ`, or whatever the host calls it.
    pub code: String,
    /// Who receives it.
    pub beneficiary: Beneficiary,
    /// The tax itself.
    pub principal: Rupiah,
    /// The fine for lateness (*sanksi*).
    pub penalty: Rupiah,
}

impl BillLine {
    /// Principal and penalty together.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when their sum is no amount.
    pub fn total(&self) -> Result<Rupiah, MoneyError> {
        self.principal.plus(self.penalty)
    }
}

/// The lines of one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillPeriod {
    /// The period's due date, its key.
    pub due_on: BusinessDate,
    /// Its lines, in the host's order.
    pub lines: Vec<BillLine>,
}

/// Σ principal + penalty over all lines of all periods.
///
/// # Errors
/// [`MoneyError::OutOfRange`] when the sum is no amount.
pub fn total_of(periods: &[BillPeriod]) -> Result<Rupiah, MoneyError> {
    periods
        .iter()
        .flat_map(|period| &period.lines)
        .try_fold(Rupiah::ZERO, |sum, line| sum.plus(line.total()?))
}
