//! Every worked example of `tests/vectors/bills.json`, to the rupiah, with and without relief.

use serde::Deserialize;

use crate::tariff::{AssessedLine, Assessment, Energy, LineCode, Request, Rules, SwdklljClass, assess};

use super::date;

/// The relief by which the examples' second column was derived: 24.70 %.
const RELIEF_BP: i64 = 2_470;

#[derive(Deserialize)]
struct Examples {
    vectors: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    id: String,
    input: Input,
    periods: Vec<Period>,
    total: i64,
    periods_relief: Option<Vec<Period>>,
    total_relief: Option<i64>,
    new_due: String,
}

#[derive(Deserialize)]
struct Input {
    njkb: String,
    bobot: String,
    rate: String,
    cls: String,
    due: String,
    pay: String,
    #[serde(default)]
    usage: Option<String>,
    #[serde(default)]
    ev: Option<String>,
    #[serde(default)]
    waive: Option<String>,
}

#[derive(Deserialize)]
struct Period {
    #[serde(rename = "period")]
    due_on: String,
    regime: String,
    pkb: i64,
    dpkb: i64,
    opsen: i64,
    dopsen: i64,
    sw: i64,
    dsw: i64,
}

/// `1.05` as permille is 1050: digits moved, no float.
fn scaled(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} has more than {decimals} decimals");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

fn request(input: &Input, relief_bp: i64) -> Request {
    Request {
        njkb: input.njkb.parse().unwrap(),
        weight_permille: scaled(&input.bobot, 3),
        usage_permille: input.usage.as_deref().map_or(1_000, |usage| scaled(usage, 3)),
        tariff_bp: scaled(&input.rate, 4),
        energy: if input.ev.is_some() { Energy::Bev } else { Energy::Ice },
        swdkllj_class: SwdklljClass::named(&input.cls).unwrap(),
        due_on: date(&input.due),
        paid_on: date(&input.pay),
        relief_bp,
        waivers: input.waive.iter().map(|_| "PEMUTIHAN_SANKSI".to_owned()).collect(),
    }
}

fn line<'a>(lines: &'a [AssessedLine<'_>], code: LineCode) -> Option<&'a AssessedLine<'a>> {
    lines.iter().find(|line| line.code == code)
}

fn assert_agrees(id: &str, computed: &Assessment<'_>, expected: &[Period], total: i64) {
    assert_eq!(computed.periods.len(), expected.len(), "{id}");
    for (period, expected) in computed.periods.iter().zip(expected) {
        assert_eq!(period.due_on, date(&expected.due_on), "{id}");
        let amounts = |code| {
            line(&period.lines, code).map_or((0, 0), |line| (line.principal.get(), line.penalty.get()))
        };
        assert_eq!(amounts(LineCode::Pkb), (expected.pkb, expected.dpkb), "{id} PKB");
        assert_eq!(amounts(LineCode::OpsenPkb), (expected.opsen, expected.dopsen), "{id} OPSEN_PKB");
        assert_eq!(amounts(LineCode::Swdkllj), (expected.sw, expected.dsw), "{id} SWDKLLJ");
        let opsen_levied = line(&period.lines, LineCode::OpsenPkb).is_some();
        assert_eq!(
            opsen_levied,
            expected.regime == "new",
            "{id}: the opsen line stands in the new regime only"
        );
    }
    assert_eq!(computed.total.get(), total, "{id}");
}

#[test]
fn every_worked_example_agrees_to_the_rupiah_with_and_without_relief() {
    let examples: Examples = serde_json::from_str(include_str!("../../../tests/vectors/bills.json")).unwrap();
    let rules = Rules::built_in().unwrap();
    let mut with_relief = 0;
    for example in &examples.vectors {
        let id = &example.id;
        let computed = assess(&rules, &request(&example.input, 0)).unwrap();
        assert_agrees(id, &computed, &example.periods, example.total);
        assert_eq!(computed.next_due_on, date(&example.new_due), "{id}");
        let Some(periods) = &example.periods_relief else { continue };
        let computed = assess(&rules, &request(&example.input, RELIEF_BP)).unwrap();
        assert_agrees(&format!("{id} with relief"), &computed, periods, example.total_relief.unwrap());
        with_relief += 1;
    }
    assert_eq!((examples.vectors.len(), with_relief), (14, 8), "examples read");
}

#[test]
fn a_bill_names_the_laws_of_both_regimes_that_it_used() {
    let rules = Rules::built_in().unwrap();
    let straddling = assess(&rules, &super::motorcycle("2024-02-20", "2025-09-15")).unwrap();
    let named = |part: &str| straddling.rules.iter().any(|source| source.contains(part));
    for law in ["Perda Jatim 9/2010", "Perda Jatim 8/2023", "UU 1/2022", "PP 35/2023", "PMK 16/PMK.010/2017"]
    {
        assert!(named(law), "{law} in {:?}", straddling.rules);
    }
    assert!(!named("Kepgub"), "no relief and no waiver was used: {:?}", straddling.rules);
}
