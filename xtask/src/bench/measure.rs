//! What a benchmark finds: named values with their unit, beside what they are measured against.
//!
//! Whole thousandths instead of floats: what is printed is what was divided.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Serialize, Serializer};

use crate::out::line;

/// A number with three decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Milli(pub(crate) u64);

impl Milli {
    /// A whole number.
    pub(crate) fn whole(number: u64) -> Self {
        Self(number.saturating_mul(1_000))
    }

    /// `dividend / divisor`, rounded; 0 when there is nothing to divide by.
    pub(crate) fn divided(dividend: u64, divisor: u64) -> Self {
        let (dividend, divisor) = (u128::from(dividend) * 1_000, u128::from(divisor));
        let rounded = (dividend + divisor / 2).checked_div(divisor).unwrap_or_default();
        Self(u64::try_from(rounded).unwrap_or(u64::MAX))
    }

    /// How often `other` goes into this; 0 when `other` is 0.
    pub(crate) fn over(self, other: Self) -> Self {
        Self::divided(self.0, other.0)
    }

    /// From a decimal number such as `1578.123456`, cut after the third decimal.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits: String = part.chars().chain("000".chars()).take(3).collect();
        let whole: u64 = whole.parse().ok()?;
        Some(Self(whole.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?))
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000, self.0 % 1_000);
        match self.0 {
            0 => formatter.pad("0"),
            // Three figures are all that a run can promise.
            1..10_000 => formatter.pad(&format!("{whole}.{part:03}")),
            10_000..100_000 => formatter.pad(&format!("{whole}.{}", part / 100)),
            _ => formatter.pad(&format!("{}", (self.0 + 500) / 1_000)),
        }
    }
}

impl Serialize for Milli {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        serializer.serialize_f64(text.parse().map_err(serde::ser::Error::custom)?)
    }
}

/// One result, as `--json` writes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measure {
    #[serde(rename = "measure")]
    name: String,
    value: Milli,
    unit: &'static str,
    against: Option<String>,
    ratio: Option<Milli>,
}

impl Measure {
    /// A value that stands alone.
    pub(crate) fn new(name: impl Into<String>, value: Milli, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, against: None, ratio: None }
    }

    /// The same beside a yardstick's value in the same unit: the ratio is this one's divided by it.
    pub(crate) fn against(self, yardstick: impl Into<String>, its: Milli) -> Self {
        Self { against: Some(yardstick.into()), ratio: Some(self.value.over(its)), ..self }
    }
}

/// The table that a person reads.
pub(crate) fn print(measures: &[Measure]) {
    line(&format!("  {:<24} {:>12} {:<14} {:>8}  against", "measure", "value", "unit", "ratio"));
    for measure in measures {
        let ratio = measure.ratio.map(|ratio| ratio.to_string()).unwrap_or_default();
        let against = measure.against.as_deref().unwrap_or_default();
        let row = format!(
            "  {:<24} {:>12} {:<14} {ratio:>8}  {against}",
            measure.name,
            measure.value.to_string(),
            measure.unit
        );
        line(row.trim_end());
    }
}

/// Writes all of them to `path` as one JSON array.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, measures: &[Measure]) -> Result<()> {
    let mut content = serde_json::to_vec_pretty(measures)?;
    content.push(b'\n');
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_is_rounded_to_thousandths() {
        assert_eq!(Milli::divided(2, 3), Milli(667));
        assert_eq!(Milli::divided(10, 0), Milli(0));
        assert_eq!(Milli::whole(3).over(Milli::whole(2)), Milli(1_500));
    }

    #[test]
    fn decimals_are_read_and_shown() {
        assert_eq!(Milli::parse("1578.123987"), Some(Milli(1_578_123)));
        assert_eq!(Milli::parse("12"), Some(Milli(12_000)));
        assert_eq!(Milli::parse("1.5"), Some(Milli(1_500)));
        assert_eq!(Milli::parse("x"), None);
        assert_eq!(Milli(1_500).to_string(), "1.500");
        assert_eq!(Milli(12_345).to_string(), "12.3");
        assert_eq!(Milli(1_578_600).to_string(), "1579");
    }

    #[test]
    fn json_has_the_members_that_a_reader_expects() {
        let measure = Measure::new("pay", Milli(3_000_500), "payments/s");
        let alone = serde_json::to_value(&measure).unwrap();
        assert_eq!(
            alone,
            serde_json::json!({"measure": "pay", "value": 3000.5, "unit": "payments/s", "against": null, "ratio": null})
        );
        let beside = measure.against("pgbench plain", Milli(1_500_250));
        let beside = serde_json::to_value(&beside).unwrap();
        assert_eq!((&beside["against"], &beside["ratio"]), (&"pgbench plain".into(), &2.0.into()));
    }
}
