//! Rounding of one component: the only place of the engine where a fraction of a rupiah ends.
//!
//! Amounts arrive here as exact fractions of integers and leave as whole rupiah. How they are rounded is a dated rule
//! (`config/tariff/rounding.toml`), because no legal text says it.

use serde::Deserialize;

use crate::domain::Rupiah;

use super::request::AssessError;

/// Which way a fraction goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// To the next multiple of the unit.
    Up,
    /// To the nearest multiple of the unit, a half upwards.
    HalfUp,
    /// There must be no fraction: one is an error, not a choice.
    Exact,
}

/// How one component is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rounding {
    mode: Mode,
    /// In rupiah, at least 1.
    unit: u32,
}

/// An exact amount that is not yet whole rupiah. The denominator is positive, the numerator not negative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction {
    pub(super) numerator: i128,
    pub(super) denominator: i128,
}

impl Rounding {
    /// The amount in whole rupiah.
    ///
    /// # Errors
    /// [`AssessError::Inexact`] for a fraction where the rule allows none, [`AssessError::Money`] beyond the range.
    pub(super) fn round(self, exact: Fraction) -> Result<Rupiah, AssessError> {
        let unit = i128::from(self.unit);
        let step = exact.denominator.checked_mul(unit).ok_or(AssessError::Money)?;
        let remainder = exact.numerator.checked_rem(step).ok_or(AssessError::Money)?;
        let whole_units = exact.numerator.checked_div(step).ok_or(AssessError::Money)?;
        let rounded_units = match self.mode {
            // Rounds up: any remainder makes one unit more.
            Mode::Up if remainder > 0 => whole_units + 1,
            // Rounds to the nearest unit; a remainder of exactly half goes up.
            Mode::HalfUp if remainder >= step - remainder => whole_units + 1,
            Mode::Exact if remainder > 0 => return Err(AssessError::Inexact),
            Mode::Up | Mode::HalfUp | Mode::Exact => whole_units,
        };
        let rupiah = rounded_units.checked_mul(unit).ok_or(AssessError::Money)?;
        let rupiah = i64::try_from(rupiah).map_err(|_| AssessError::Money)?;
        Rupiah::not_negative(rupiah).map_err(|_| AssessError::Money)
    }

    /// Says what is wrong with the rule, if anything is.
    pub(super) fn refuse_absurd(self) -> Result<(), String> {
        if self.unit == 0 { Err("a rounding unit is 0".to_owned()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(mode: Mode, unit: u32, numerator: i128) -> Option<i64> {
        let exact = Fraction { numerator, denominator: 10 };
        Rounding { mode, unit }.round(exact).ok().map(Rupiah::get)
    }

    #[test]
    fn a_tenth_of_a_rupiah_goes_where_the_mode_says() {
        // Numerators are tenths of a rupiah.
        assert_eq!(rounded(Mode::Up, 100, 1000), Some(100));
        assert_eq!(rounded(Mode::Up, 100, 1001), Some(200));
        assert_eq!(rounded(Mode::Up, 1, 1001), Some(101));
        assert_eq!(rounded(Mode::HalfUp, 100, 1499), Some(100));
        assert_eq!(rounded(Mode::HalfUp, 100, 1500), Some(200));
        assert_eq!(rounded(Mode::HalfUp, 1, 0), Some(0));
        assert_eq!(rounded(Mode::Exact, 1, 1000), Some(100));
        assert_eq!(rounded(Mode::Exact, 1, 1001), None);
    }

    #[test]
    fn the_opsen_of_the_fact_sheet_differs_by_mode_and_unit() {
        // 66 % of 216.000 is 142.560.
        let exact = Fraction { numerator: 216_000 * 6_600, denominator: 10_000 };
        for (mode, unit, rupiah) in [
            (Mode::HalfUp, 1, 142_560),
            (Mode::Up, 100, 142_600),
            (Mode::Up, 500, 143_000),
            (Mode::Up, 1_000, 143_000),
        ] {
            assert_eq!(Rounding { mode, unit }.round(exact).unwrap().get(), rupiah);
        }
    }

    #[test]
    fn an_amount_beyond_the_range_is_an_error_and_no_overflow() {
        let exact = Fraction { numerator: i128::MAX, denominator: 1 };
        assert!(matches!(Rounding { mode: Mode::Up, unit: 100 }.round(exact), Err(AssessError::Money)));
    }
}
