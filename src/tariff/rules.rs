//! The dated rules that the engine computes by, built in from `config/tariff/*.toml`.
//!
//! A value of [`Rules`] exists only if every file was read and every timeline is whole. Loading needs neither
//! disk nor configuration. Nothing here computes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::engine::LineCode;
use super::request::{AssessError, Energy, SwdklljClass};
use super::rounding::Rounding;
use super::table::{Dates, Row, RuleError, RuleValue, Table, TableForm};

/// Basis points of the whole.
pub(super) const WHOLE_BP: i64 = 10_000;
/// Permille of the whole.
pub(super) const WHOLE_PERMILLE: i64 = 1_000;

/// Every rule, each with its days and its legal source.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(super) pkb: Table<PkbRule>,
    pub(super) opsen: Table<OpsenRule>,
    pub(super) penalty: Table<PenaltyRule>,
    pub(super) swdkllj: Table<SwdklljRule>,
    pub(super) relief: Table<ReliefRule>,
    pub(super) ev: Table<EvRule>,
    pub(super) rounding: Table<RoundingRule>,
    waivers: Vec<Waiver>,
}

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

#[derive(Debug, Clone)]
struct Waiver {
    code: String,
    table: Table<WaiverRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    waiver: Vec<WaiverForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverForm {
    code: String,
    table: TableForm<WaiverRule>,
}

impl Rules {
    /// The rules of `config/tariff/`, as they were when the program was built.
    ///
    /// # Errors
    /// [`RuleError`] naming the file and the row that is wrong; a test loads every file, so that no build ships one.
    pub fn built_in() -> Result<Self, RuleError> {
        Ok(Self {
            pkb: Table::parse("pkb.toml", include_str!("../../config/tariff/pkb.toml"))?,
            opsen: Table::parse("opsen.toml", include_str!("../../config/tariff/opsen.toml"))?,
            penalty: Table::parse("penalty.toml", include_str!("../../config/tariff/penalty.toml"))?,
            swdkllj: Table::parse("swdkllj.toml", include_str!("../../config/tariff/swdkllj.toml"))?,
            relief: Table::parse("relief.toml", include_str!("../../config/tariff/relief.toml"))?,
            ev: Table::parse("ev.toml", include_str!("../../config/tariff/ev.toml"))?,
            rounding: Table::parse("rounding.toml", include_str!("../../config/tariff/rounding.toml"))?,
            waivers: waivers("waiver.toml", include_str!("../../config/tariff/waiver.toml"))?,
        })
    }

    /// What the granted waivers do in a period, in the order in which they were named.
    ///
    /// # Errors
    /// [`AssessError::UnknownWaiver`]: what a waiver takes away that no rule knows cannot be computed.
    pub(super) fn waivers_in_force(
        &self,
        codes: &[String],
        dates: Dates,
    ) -> Result<Vec<&Row<WaiverRule>>, AssessError> {
        codes
            .iter()
            .map(|code| {
                let waiver = self.waivers.iter().find(|waiver| waiver.code == *code);
                waiver.ok_or_else(|| AssessError::UnknownWaiver(code.clone()))?.table.in_force(dates)
            })
            .collect()
    }
}

fn waivers(file: &str, text: &str) -> Result<Vec<Waiver>, RuleError> {
    let unreadable = |reason: String| RuleError::Unreadable { file: file.to_owned(), reason };
    let form: WaiverFile = toml::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let mut waivers: Vec<Waiver> = Vec::with_capacity(form.waiver.len());
    for WaiverForm { code, table } in form.waiver {
        if code.is_empty() || waivers.iter().any(|known| known.code == code) {
            return Err(unreadable(format!("waiver `{code}` has no code or stands twice")));
        }
        let table = Table::proven(&format!("{file} {code}"), table)?;
        waivers.push(Waiver { code, table });
    }
    Ok(waivers)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_file_of_the_folder_is_built_in_and_loads() {
        Rules::built_in().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/tariff");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let source = include_str!("rules.rs");
        for file in &files {
            assert!(source.contains(&format!("config/tariff/{file}\"")), "{file} is never loaded");
        }
        assert_eq!(files.len(), 8, "{files:?}");
    }

    #[test]
    fn a_gap_or_an_overlap_planted_in_a_real_file_is_refused() {
        let good = include_str!("../../config/tariff/penalty.toml");
        let gap = good.replace("valid_to = \"2025-01-05\"", "valid_to = \"2025-01-04\"");
        let overlap = good.replace("valid_to = \"2025-01-05\"", "valid_to = \"2025-01-06\"");
        assert!(matches!(Table::<PenaltyRule>::parse("penalty.toml", &gap), Err(RuleError::Gap { .. })));
        assert!(matches!(
            Table::<PenaltyRule>::parse("penalty.toml", &overlap),
            Err(RuleError::Overlap { .. })
        ));

        let good = include_str!("../../config/tariff/waiver.toml");
        let gap = good.replace("valid_to = \"2025-10-01\"", "valid_to = \"2025-09-30\"");
        assert!(matches!(waivers("waiver.toml", &gap), Err(RuleError::Gap { .. })));
        assert!(waivers("waiver.toml", &format!("{good}\n{good}")).is_err());
    }

    #[test]
    fn a_swdkllj_table_that_lacks_a_class_or_whose_bands_shrink_is_refused() {
        let good = include_str!("../../config/tariff/swdkllj.toml");
        for (from, to) in [
            ("C2 = { contribution = 80000, card = 3000 }\n", ""),
            ("days_from = 1,", "days_from = 2,"),
            ("days_from = 91,", "days_from = 271,"),
            ("rate_bp = 7500", "rate_bp = 2400"),
            ("rate_bp = 10000", "rate_bp = 10001"),
            ("F = {", "G = {"),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(Table::<SwdklljRule>::parse("swdkllj.toml", &good.replace(from, to)).is_err(), "{from}");
        }
    }
}
