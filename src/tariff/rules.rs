//! The dated rules that the engine computes by, built in from `config/tariff/*.toml`.
//!
//! A value of [`Rules`] exists only if every file was read and every timeline is whole. Loading needs neither
//! disk nor configuration. Nothing here computes.

use serde::Deserialize;

use super::request::AssessError;
use super::table::{Dates, Row, RuleError, Table, TableForm};
use super::values::{
    EvRule, OpsenRule, PenaltyRule, PkbRule, ReliefRule, RoundingRule, SwdklljRule, WaiverRule,
};

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
