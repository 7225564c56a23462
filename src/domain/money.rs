//! Money: whole rupiah, checked, and the only place that formats an amount.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of whole rupiah. Signed, so that a reversal can be a negative line in a settlement file;
/// never beyond ±10^15, so that sums of a province's year fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Rupiah(i64);

/// Why a number is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Beyond ±10^15 rupiah: more than East Java's yearly revenue, so surely a mistake.
    #[error("amount is out of range")]
    OutOfRange,
    /// An amount that must not be negative was.
    #[error("amount is negative")]
    Negative,
}

const LIMIT: i64 = 1_000_000_000_000_000;

impl Rupiah {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of either sign.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond ±10^15.
    pub const fn new(rupiah: i64) -> Result<Self, MoneyError> {
        if rupiah > LIMIT || rupiah < -LIMIT { Err(MoneyError::OutOfRange) } else { Ok(Self(rupiah)) }
    }

    /// An amount of zero or more.
    ///
    /// # Errors
    /// [`MoneyError::Negative`] below zero, [`MoneyError::OutOfRange`] beyond 10^15.
    pub const fn not_negative(rupiah: i64) -> Result<Self, MoneyError> {
        if rupiah < 0 { Err(MoneyError::Negative) } else { Self::new(rupiah) }
    }

    /// The bare number, for the wire and the database.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True for an amount of nothing, which makes no transfer.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when the sum leaves the range.
    pub const fn plus(self, other: Self) -> Result<Self, MoneyError> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::new(sum),
            None => Err(MoneyError::OutOfRange),
        }
    }

    /// Difference.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when the difference leaves the range.
    pub const fn minus(self, other: Self) -> Result<Self, MoneyError> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Self::new(difference),
            None => Err(MoneyError::OutOfRange),
        }
    }

    /// The same amount with the opposite sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// Sum of many.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when a partial sum leaves the range.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

impl TryFrom<i64> for Rupiah {
    type Error = MoneyError;
    fn try_from(rupiah: i64) -> Result<Self, MoneyError> {
        Self::new(rupiah)
    }
}

impl From<Rupiah> for i64 {
    fn from(amount: Rupiah) -> Self {
        amount.0
    }
}

/// `Rp1.234.567`: no space, dots between thousands (EYD); `-Rp5.000` below zero.
impl fmt::Display for Rupiah {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 3);
        if self.0 < 0 {
            out.push('-');
        }
        out.push_str("Rp");
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push('.');
            }
            out.push(digit);
        }
        f.pad(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_dots_and_without_a_space() {
        for (rupiah, text) in [
            (0, "Rp0"),
            (5, "Rp5"),
            (999, "Rp999"),
            (1000, "Rp1.000"),
            (1_234_567, "Rp1.234.567"),
            (-5000, "-Rp5.000"),
        ] {
            assert_eq!(Rupiah::new(rupiah).unwrap().to_string(), text);
        }
    }

    #[test]
    fn sums_out_of_range_are_refused() {
        let most = Rupiah::new(LIMIT).unwrap();
        assert_eq!(most.plus(Rupiah::new(1).unwrap()), Err(MoneyError::OutOfRange));
        assert_eq!(Rupiah::new(i64::MAX), Err(MoneyError::OutOfRange));
        assert_eq!(Rupiah::not_negative(-1), Err(MoneyError::Negative));
        assert_eq!(most.negated().minus(most), Err(MoneyError::OutOfRange));
    }
}
