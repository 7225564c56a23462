//! A quote: what the citizen is told, and exactly what may be paid.

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use super::LookupError;
use crate::domain::{
    AgentId, Authority, BillPeriod, BusinessDate, LookupId, Plate, RegionCode, Rupiah, Timestamp,
};
use crate::tariff::Verdict;

/// The vehicle as the citizen may compare it with the STNK (registration certificate). No chassis, no full name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "members of the API, named there")]
pub struct QuotedVehicle {
    pub plate: String,
    pub owner_name: String,
    pub make: String,
    pub model: String,
    pub year: i32,
    pub swdkllj_class: String,
    pub region_code: String,
    pub region_name: String,
}

/// What is owed to one authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLeg {
    /// Whom.
    pub authority: Authority,
    /// Bill or assessment id.
    pub document_id: String,
    /// Σ of its lines.
    pub amount: Rupiah,
    /// Its lines by period.
    pub periods: Vec<BillPeriod>,
}

/// Both authorities' answers, bound together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The vehicle.
    pub vehicle: QuotedVehicle,
    /// What is owed to each authority, in the order of payment.
    pub legs: Vec<QuotedLeg>,
    /// When the next tax falls due after this payment; Bapenda's word.
    pub next_due_on: BusinessDate,
    /// The WIB date by which penalties were counted.
    pub paid_on: BusinessDate,
    /// The shadow engine's verdict.
    pub check: Verdict,
}

impl Quote {
    /// Every due date, once, oldest first.
    #[must_use]
    pub fn due_dates(&self) -> Vec<BusinessDate> {
        let mut dates: Vec<BusinessDate> =
            self.legs.iter().flat_map(|l| &l.periods).map(|p| p.due_on).collect();
        dates.sort_unstable();
        dates.dedup();
        dates
    }
}

/// A lookup as stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of the table `lookup`")]
pub struct Lookup {
    pub lookup_id: LookupId,
    pub agent_id: AgentId,
    pub plate: String,
    pub pay_code: String,
    pub business_date: BusinessDate,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub quote: Quote,
    pub tax_total: Rupiah,
    pub fee: Rupiah,
    pub total: Rupiah,
}

impl Lookup {
    pub(super) fn new(
        agent_id: AgentId,
        quote: Quote,
        business_date: BusinessDate,
        fee: Rupiah,
        (asked_at, expires_at): (Timestamp, Timestamp),
    ) -> Result<Self, LookupError> {
        let absurd = |_| LookupError::Unavailable("an absurd total".to_owned());
        let tax_total = Rupiah::sum(quote.legs.iter().map(|leg| leg.amount)).map_err(absurd)?;
        let total = tax_total.plus(fee).map_err(absurd)?;
        let plate = Plate::parse(&quote.vehicle.plate)
            .map_or_else(|_| quote.vehicle.plate.clone(), |p| p.as_str().to_owned());
        Ok(Self {
            lookup_id: LookupId::new(),
            agent_id,
            plate,
            pay_code: pay_code()?,
            business_date,
            asked_at,
            expires_at,
            quote,
            tax_total,
            fee,
            total,
        })
    }
}

/// 16 random digits: long enough that nobody guesses another agent's.
pub(super) fn pay_code() -> Result<String, LookupError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| LookupError::Unavailable("no randomness".to_owned()))?;
    Ok(format!("{:016}", u64::from_be_bytes(bytes) % 10_000_000_000_000_000))
}

/// `SITI AMINAH` → `S*** A*****`: enough to compare with the STNK, not enough to learn a name.
pub(super) fn masked_name(name: &str) -> String {
    name.split_whitespace()
        .map(|word| {
            let mut chars = word.chars();
            let first = chars.next().map(String::from).unwrap_or_default();
            first + &"*".repeat(chars.count())
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Name of a kabupaten or kota; the bare code for what we do not know.
pub(super) fn region_name(code: &str) -> String {
    RegionCode::parse(code).map_or_else(|_| code.to_owned(), |region| region.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_name_shows_first_letters_only() {
        assert_eq!(masked_name("SITI AMINAH"), "S*** A*****");
        assert_eq!(masked_name(" A  B "), "A B");
        assert_eq!(masked_name(""), "");
    }

    #[test]
    fn pay_codes_have_sixteen_digits() {
        for _ in 0..100 {
            let code = pay_code().unwrap();
            assert!(code.len() == 16 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        }
    }
}
