//! What a period costs: PKB, opsen and SWDKLLJ, principal and penalty, in whole rupiah.
//!
//! Integers only; every rounding is a ceiling to Rp100 per component. Rules as worked out in the protocol's
//! companion sheet: opsen 66 % of the rounded PKB; penalty 1 % a started month (2 % before 2025-01-05), at most 24
//! months; SWDKLLJ by PMK 16/PMK.010/2017 with its four bands and a cap of Rp100.000.

use chrono::{Datelike, Months, NaiveDate};

/// The opsen regime (UU 1/2022) begins with periods that start on this day.
fn opsen_begins() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 5).unwrap_or_default()
}

/// Flat tariff before opsen, in basis points (Perda Jatim 9/2010, first vehicle).
const OLD_TARIFF_BP: u64 = 150;
const MONTHS_MAX: u64 = 24;

/// What the amount hangs on, besides the dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    pub(crate) njkb: u64,
    pub(crate) weight_permille: u64,
    pub(crate) usage_permille: u64,
    pub(crate) tariff_bp: u64,
    pub(crate) relief_bp: u64,
    /// A battery vehicle is no object of PKB; its lines stand with zeros.
    pub(crate) untaxed: bool,
}

/// Principal and penalty of one line, in rupiah.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) principal: u64,
    pub(crate) penalty: u64,
}

/// A mistake that a host makes in earnest, so that a check of its amounts has something to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    /// Opsen taken from PKB before rounding.
    OpsenOfUnrounded,
    /// Opsen rounded up to a thousand.
    OpsenToThousand,
    /// Months counted as thirty days.
    MonthOfThirtyDays,
}

/// PKB of the period that begins on `due_on`, paid on `paid_on`.
pub(crate) fn pkb(basis: Basis, due_on: NaiveDate, paid_on: NaiveDate, slip: Option<Slip>) -> Due {
    let principal = ceiling_100(pkb_hundred_millionths(basis, due_on), 100_000_000);
    Due { principal, penalty: penalty(principal, due_on, paid_on, slip) }
}

/// Opsen PKB of the same period; `None` before the opsen regime.
pub(crate) fn opsen(basis: Basis, due_on: NaiveDate, paid_on: NaiveDate, slip: Option<Slip>) -> Option<Due> {
    if due_on < opsen_begins() {
        return None;
    }
    let rounded = ceiling_100(pkb_hundred_millionths(basis, due_on), 100_000_000);
    let principal = match slip {
        Some(Slip::OpsenOfUnrounded) => {
            ceiling_100(pkb_hundred_millionths(basis, due_on) * 66, 100 * 100_000_000)
        }
        Some(Slip::OpsenToThousand) => ceiling_100(u128::from(rounded) * 66, 100).div_ceil(1000) * 1000,
        Some(Slip::MonthOfThirtyDays) | None => ceiling_100(u128::from(rounded) * 66, 100),
    };
    Some(Due { principal, penalty: penalty(principal, due_on, paid_on, slip) })
}

/// SWDKLLJ of one period: contribution and certificate as principal, the band's share of the contribution as penalty.
pub(crate) fn swdkllj(class: &str, due_on: NaiveDate, paid_on: NaiveDate) -> Due {
    let contribution: u64 = match class {
        "B" => 20_000,
        "C1" => 32_000,
        "C2" => 80_000,
        "DP" => 140_000,
        "DU" => 70_000,
        "EP" => 150_000,
        "EU" => 87_000,
        "F" => 160_000,
        _ => 0,
    };
    let quarters = match paid_on.signed_duration_since(due_on).num_days() {
        ..=0 => 0,
        1..=90 => 1,
        91..=180 => 2,
        181..=270 => 3,
        271.. => 4,
    };
    Due { principal: contribution + 3_000, penalty: (contribution * quarters / 4).min(100_000) }
}

/// Months begun between two dates; none when paid in time.
pub(crate) fn months_begun(due_on: NaiveDate, paid_on: NaiveDate) -> u64 {
    if paid_on <= due_on {
        return 0;
    }
    let years = i64::from(paid_on.year()) - i64::from(due_on.year());
    let whole = years * 12 + i64::from(paid_on.month()) - i64::from(due_on.month());
    let whole = u32::try_from(whole).unwrap_or(0);
    let reached = due_on.checked_add_months(Months::new(whole)).unwrap_or(due_on);
    u64::from(whole) + u64::from(reached < paid_on)
}

/// NJKB × weight × usage × tariff × what relief leaves, in hundred millionths of a rupiah: exact, not rounded.
fn pkb_hundred_millionths(basis: Basis, due_on: NaiveDate) -> u128 {
    if basis.untaxed {
        return 0;
    }
    let old = due_on < opsen_begins();
    let tariff_bp = if old { OLD_TARIFF_BP } else { basis.tariff_bp };
    let left_bp = if old { 10_000 } else { 10_000_u64.saturating_sub(basis.relief_bp) };
    let product = u128::from(basis.njkb)
        * u128::from(basis.weight_permille)
        * u128::from(basis.usage_permille)
        * u128::from(tariff_bp)
        * u128::from(left_bp);
    // The factors carry 10^-14; what is cut here lies below a hundred millionth and is rounded up later all the same.
    product.div_ceil(1_000_000)
}

fn penalty(principal: u64, due_on: NaiveDate, paid_on: NaiveDate, slip: Option<Slip>) -> u64 {
    let days = u64::try_from(paid_on.signed_duration_since(due_on).num_days()).unwrap_or(0);
    let months = match slip {
        Some(Slip::MonthOfThirtyDays) => days.div_ceil(30),
        Some(Slip::OpsenOfUnrounded | Slip::OpsenToThousand) | None => months_begun(due_on, paid_on),
    };
    let percent = if due_on < opsen_begins() { 2 } else { 1 };
    ceiling_100(u128::from(principal) * u128::from(months.min(MONTHS_MAX) * percent), 100)
}

/// `numerator / denominator`, rounded up to a full Rp100.
fn ceiling_100(numerator: u128, denominator: u128) -> u64 {
    let hundreds = numerator.div_ceil(denominator * 100);
    u64::try_from(hundreds * 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Basis, Due, Slip, months_begun, opsen, pkb, swdkllj};
    use chrono::NaiveDate;

    const MOTOR: Basis = Basis {
        njkb: 18_000_000,
        weight_permille: 1000,
        usage_permille: 1000,
        tariff_bp: 120,
        relief_bp: 0,
        untaxed: false,
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn a_motorcycle_45_days_late_costs_what_the_sheet_says() {
        let (due, paid) = (day("2025-03-10"), day("2025-04-24"));
        assert_eq!(pkb(MOTOR, due, paid, None), Due { principal: 216_000, penalty: 4_400 });
        assert_eq!(opsen(MOTOR, due, paid, None), Some(Due { principal: 142_600, penalty: 2_900 }));
        assert_eq!(swdkllj("C1", due, paid), Due { principal: 35_000, penalty: 8_000 });
        let relieved = Basis { relief_bp: 2470, ..MOTOR };
        assert_eq!(pkb(relieved, due, paid, None), Due { principal: 162_700, penalty: 3_300 });
        assert_eq!(opsen(relieved, due, paid, None), Some(Due { principal: 107_400, penalty: 2_200 }));
    }

    #[test]
    fn a_period_before_opsen_follows_the_old_rule() {
        let old = Basis { njkb: 15_000_000, relief_bp: 2470, ..MOTOR };
        let (due, paid) = (day("2024-02-20"), day("2025-09-15"));
        assert_eq!(pkb(old, due, paid, None), Due { principal: 225_000, penalty: 85_500 });
        assert_eq!(opsen(old, due, paid, None), None);
        assert_eq!(swdkllj("C1", due, paid), Due { principal: 35_000, penalty: 32_000 });
        let very_late = pkb(old, day("2020-02-20"), paid, None);
        assert_eq!(very_late.penalty, 225_000 * 48 / 100);
    }

    #[test]
    fn a_bus_and_a_minibus_and_a_battery_motorcycle() {
        let bus =
            Basis { njkb: 500_000_000, weight_permille: 1100, usage_permille: 300, tariff_bp: 50, ..MOTOR };
        let day_of_bus = day("2025-05-05");
        assert_eq!(pkb(bus, day_of_bus, day_of_bus, None).principal, 825_000);
        assert_eq!(swdkllj("EU", day_of_bus, day_of_bus).principal, 90_000);
        let minibus = Basis { njkb: 150_000_000, weight_permille: 1050, ..MOTOR };
        let (leap, paid) = (day("2028-02-29"), day("2028-03-01"));
        assert_eq!(pkb(minibus, leap, paid, None), Due { principal: 1_890_000, penalty: 18_900 });
        assert_eq!(opsen(minibus, leap, paid, None), Some(Due { principal: 1_247_400, penalty: 12_500 }));
        assert_eq!(swdkllj("DP", day("2025-03-15"), day("2026-05-10")).penalty, 100_000);
        let battery = Basis { untaxed: true, ..MOTOR };
        assert_eq!(opsen(battery, leap, paid, None), Some(Due::default()));
    }

    #[test]
    fn a_month_begun_is_a_month() {
        for (due, paid, months) in [
            ("2025-03-10", "2025-03-10", 0),
            ("2025-03-10", "2025-03-11", 1),
            ("2025-03-10", "2025-04-10", 1),
            ("2025-03-10", "2025-06-09", 3),
            ("2026-01-31", "2026-02-28", 1),
            ("2026-01-31", "2026-03-01", 2),
            ("2024-02-20", "2025-09-15", 19),
        ] {
            assert_eq!(months_begun(day(due), day(paid)), months, "{due} {paid}");
        }
    }

    #[test]
    fn a_slip_changes_the_amount_by_little() {
        let (due, paid) = (day("2025-03-10"), day("2025-04-24"));
        let odd = Basis { njkb: 18_005_000, ..MOTOR };
        let right = opsen(odd, due, paid, None).unwrap_or_default().principal;
        let off = opsen(odd, due, paid, Some(Slip::OpsenOfUnrounded)).unwrap_or_default().principal;
        let thousand = opsen(odd, due, paid, Some(Slip::OpsenToThousand)).unwrap_or_default().principal;
        assert!(off < right && right < thousand && thousand - right < 1000, "{off} {right} {thousand}");
    }
}
