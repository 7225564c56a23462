//! The values that rows of the rule files carry, and what each must satisfy to be believed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::engine::LineCode;
use super::request::{Energy, SwdklljClass};
use super::rounding::Rounding;
use super::table::RuleValue;

/// Basis points of the whole.
pub(super) const WHOLE_BP: i64 = 10_000;
/// Permille of the whole.
pub(super) const WHOLE_PERMILLE: i64 = 1_000;

/// Where the tariff of PKB comes from.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PkbRule {
    pub(super) tariff: PkbTariff,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PkbTariff {
    /// The bill's own, for it depends on the owner's other vehicles.
    AsGiven,
    /// The law's, whatever the bill says, in basis points.
    DatedBp(u32),
}

/// The opsen as a share of the rounded PKB; 0 where none is levied.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpsenRule {
    pub(super) share_bp: u32,
}

/// Interest on PKB and opsen.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PenaltyRule {
    pub(super) rate_bp_per_month: u32,
    pub(super) months_max: u32,
}

/// SWDKLLJ amounts per class and the bands of its penalty.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwdklljRule {
    classes: BTreeMap<SwdklljClass, ClassAmounts>,
    bands: Vec<Band>,
    /// In rupiah, per period.
    pub(super) penalty_max: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassAmounts {
    /// In rupiah; the penalty is a share of it.
    pub(super) contribution: u32,
    /// *Kartu dana*, in rupiah; never penalised.
    pub(super) card: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    days_from: u32,
    rate_bp: u32,
}

/// Whether the relief that the bill names counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReliefRule {
    pub(super) relief: Relief,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Relief {
    None,
    AsGiven,
}

/// The share of PKB that electric vehicles pay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvRule {
    pub(super) energies: Vec<Energy>,
    pub(super) share_permille: u32,
}

/// Rounding per component.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundingRule {
    pub(super) pkb: Rounding,
    pub(super) opsen: Rounding,
    pub(super) penalty: Rounding,
    pub(super) swdkllj: Rounding,
}

/// What an amnesty takes away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaiverRule {
    pub(super) drops_penalty_of: Vec<LineCode>,
}

impl SwdklljRule {
    /// The amounts of a class.
    pub(super) fn amounts(&self, class: SwdklljClass) -> Option<ClassAmounts> {
        self.classes.get(&class).copied()
    }

    /// The share of the contribution that is due as penalty, in basis points; 0 on time.
    pub(super) fn rate_bp(&self, days_late: i64) -> u32 {
        let band = self.bands.iter().rev().find(|band| i64::from(band.days_from) <= days_late);
        band.map_or(0, |band| band.rate_bp)
    }
}

fn at_most(name: &str, value: u32, most: i64) -> Result<(), String> {
    if i64::from(value) > most { Err(format!("{name} is above {most}")) } else { Ok(()) }
}

impl RuleValue for PkbRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        match self.tariff {
            PkbTariff::AsGiven => Ok(()),
            PkbTariff::DatedBp(bp) => at_most("dated_bp", bp, WHOLE_BP),
        }
    }
}

impl RuleValue for OpsenRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        at_most("share_bp", self.share_bp, WHOLE_BP)
    }
}

impl RuleValue for PenaltyRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        at_most("rate_bp_per_month", self.rate_bp_per_month, WHOLE_BP)?;
        at_most("months_max", self.months_max, 120)
    }
}

impl RuleValue for SwdklljRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        if let Some(class) = SwdklljClass::ALL.iter().find(|class| !self.classes.contains_key(class)) {
            return Err(format!("class {class:?} has no amounts"));
        }
        if self.bands.first().is_none_or(|first| first.days_from != 1) {
            return Err("the bands do not begin with day 1".to_owned());
        }
        let grows = |pair: &[Band]| {
            pair.first()
                .zip(pair.last())
                .is_some_and(|(a, b)| a.days_from < b.days_from && a.rate_bp <= b.rate_bp)
        };
        if !self.bands.windows(2).all(grows) {
            return Err("the bands do not grow".to_owned());
        }
        self.bands.iter().try_for_each(|band| at_most("rate_bp", band.rate_bp, WHOLE_BP))
    }
}

impl RuleValue for ReliefRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        Ok(())
    }
}

impl RuleValue for EvRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        at_most("share_permille", self.share_permille, WHOLE_PERMILLE)
    }
}

impl RuleValue for RoundingRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        [self.pkb, self.opsen, self.penalty, self.swdkllj].into_iter().try_for_each(Rounding::refuse_absurd)
    }
}

impl RuleValue for WaiverRule {
    fn refuse_absurd(&self) -> Result<(), String> {
        if self.drops_penalty_of.is_empty() { Err("the waiver drops nothing".to_owned()) } else { Ok(()) }
    }
}
