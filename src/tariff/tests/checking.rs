//! The shadow check: it flags a wrong line with its rule, and nothing else.

use serde_json::json;

use crate::domain::{Beneficiary, BillLine, BillPeriod, Rupiah};
use crate::tariff::{LineCode, Rules, VehicleFacts, Verdict, check};

use super::date;

fn facts(paid_on: &str) -> VehicleFacts {
    VehicleFacts {
        njkb: 18_000_000,
        weight_permille: 1_000,
        usage_permille: 1_000,
        tariff_bp: 120,
        relief_bp: 0,
        energy: "ICE".to_owned(),
        swdkllj_class: "C1".to_owned(),
        waivers: vec![],
        paid_on: date(paid_on),
    }
}

fn period(due_on: &str, lines: &[(&str, i64, i64)]) -> BillPeriod {
    let amount = |rupiah| Rupiah::new(rupiah).unwrap();
    let line = |(code, principal, penalty): &(&str, i64, i64)| BillLine {
        code: (*code).to_owned(),
        beneficiary: Beneficiary::Province,
        principal: amount(*principal),
        penalty: amount(*penalty),
    };
    BillPeriod { due_on: date(due_on), lines: lines.iter().map(line).collect() }
}

/// V03, 45 days late.
const GOOD: [(&str, i64, i64); 3] =
    [("PKB", 216_000, 4_400), ("OPSEN_PKB", 142_600, 2_900), ("SWDKLLJ", 35_000, 8_000)];

fn verdict(facts: &VehicleFacts, billed: &[BillPeriod]) -> Verdict {
    check(&Rules::built_in().unwrap(), facts, billed)
}

#[test]
fn a_right_bill_agrees_whoever_sent_which_line() {
    let facts = facts("2025-04-24");
    assert_eq!(verdict(&facts, &[period("2025-03-10", &GOOD)]), Verdict::Agrees);
    let apart = [period("2025-03-10", &GOOD[..2]), period("2025-03-10", &GOOD[2..])];
    assert_eq!(verdict(&facts, &apart), Verdict::Agrees);
    let split = [("PKB", 200_000, 4_400), ("PKB", 16_000, 0), GOOD[1], GOOD[2]];
    assert_eq!(verdict(&facts, &[period("2025-03-10", &split)]), Verdict::Agrees);
}

#[test]
fn unknown_lines_pass_untouched() {
    let lines = [GOOD[0], GOOD[1], GOOD[2], ("PARKIR", 30_000, 0), ("PNBP_STNK", 100_000, 7)];
    assert_eq!(verdict(&facts("2025-04-24"), &[period("2025-03-10", &lines)]), Verdict::Agrees);
}

#[test]
fn a_wrong_line_is_flagged_with_both_amounts_and_its_rule() {
    let lines = [GOOD[0], ("OPSEN_PKB", 142_500, 2_900), ("SWDKLLJ", 35_000, 16_000)];
    let Verdict::Differs(differences) = verdict(&facts("2025-04-24"), &[period("2025-03-10", &lines)]) else {
        panic!("no difference")
    };
    let [opsen, swdkllj] = differences.as_slice() else { panic!("{differences:?}") };
    assert_eq!(
        (opsen.code, opsen.billed_principal.get(), opsen.computed_principal.get()),
        (LineCode::OpsenPkb, 142_500, 142_600)
    );
    assert!(opsen.rule.contains("opsen PKB 66 %"), "{}", opsen.rule);
    assert_eq!(
        (swdkllj.code, swdkllj.billed_penalty.get(), swdkllj.computed_penalty.get()),
        (LineCode::Swdkllj, 16_000, 8_000)
    );
    assert!(swdkllj.rule.contains("PMK 16"), "{}", swdkllj.rule);
}

#[test]
fn a_wrong_penalty_alone_names_the_rule_of_the_penalty() {
    let lines = [("PKB", 216_000, 8_700), GOOD[1], GOOD[2]];
    let Verdict::Differs(differences) = verdict(&facts("2025-04-24"), &[period("2025-03-10", &lines)]) else {
        panic!("no difference")
    };
    assert!(differences[0].rule.contains("1 % a month"), "{}", differences[0].rule);
}

#[test]
fn a_missing_line_of_the_newest_period_is_a_difference() {
    for missing in 0..3 {
        let mut lines = GOOD.to_vec();
        let (code, principal, _) = lines.remove(missing);
        let Verdict::Differs(differences) = verdict(&facts("2025-04-24"), &[period("2025-03-10", &lines)])
        else {
            panic!("{code} was not missed")
        };
        assert_eq!(differences[0].code.as_str(), code);
        assert_eq!(
            (differences[0].billed_principal.get(), differences[0].computed_principal.get()),
            (0, principal)
        );
    }
}

#[test]
fn an_authority_may_bill_nothing_in_an_older_period_but_not_half_of_its_lines() {
    let facts = facts("2026-04-24");
    let older = [("PKB", 216_000, 30_300), ("OPSEN_PKB", 142_600, 20_000)];
    let newest = period("2026-03-10", &GOOD);
    assert_eq!(verdict(&facts, &[period("2025-03-10", &older), newest.clone()]), Verdict::Agrees);
    let half = verdict(&facts, &[period("2025-03-10", &older[..1]), newest]);
    assert!(matches!(half, Verdict::Differs(_)), "{half:?}");
}

#[test]
fn opsen_on_a_period_before_opsen_existed_is_a_difference_and_of_zero_is_none() {
    let old =
        |opsen| period("2024-12-20", &[("PKB", 270_000, 0), ("OPSEN_PKB", opsen, 0), ("SWDKLLJ", 35_000, 0)]);
    assert_eq!(verdict(&facts("2024-12-20"), &[old(0)]), Verdict::Agrees);
    let Verdict::Differs(differences) = verdict(&facts("2024-12-20"), &[old(178_200)]) else {
        panic!("no difference")
    };
    assert!(differences[0].rule.contains("from 5 January 2025"), "{}", differences[0].rule);
}

#[test]
fn a_battery_vehicle_may_have_lines_of_zero_or_none() {
    let facts = VehicleFacts { energy: "BEV".to_owned(), ..facts("2026-03-10") };
    let zero = [("PKB", 0, 0), ("OPSEN_PKB", 0, 0), ("SWDKLLJ", 35_000, 0)];
    assert_eq!(verdict(&facts, &[period("2026-03-10", &zero)]), Verdict::Agrees);
    assert_eq!(verdict(&facts, &[period("2026-03-10", &zero[2..])]), Verdict::Agrees);
}

#[test]
fn what_the_rules_cannot_say_is_not_computable_with_a_reason() {
    let good = [period("2025-03-10", &GOOD)];
    let sane = facts("2025-04-24");
    for (reason, facts, billed) in [
        ("energy", VehicleFacts { energy: "STEAM".to_owned(), ..sane.clone() }, good.as_slice()),
        ("class", VehicleFacts { swdkllj_class: "Z9".to_owned(), ..sane.clone() }, &good),
        ("waiver `BARU`", VehicleFacts { waivers: vec!["BARU".to_owned()], ..sane.clone() }, &good),
        ("njkb", VehicleFacts { njkb: -1, ..sane.clone() }, &good),
        ("paid_on", facts("2095-01-01"), &good),
        ("no period", sane.clone(), &[]),
    ] {
        match verdict(&facts, billed) {
            Verdict::NotComputable { reason: said } => assert!(said.contains(reason), "{said}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
}

#[test]
fn a_verdict_is_written_as_the_api_says_and_read_back() {
    let lines = [("PKB", 216_100, 4_400), GOOD[1], GOOD[2]];
    let differs = verdict(&facts("2025-04-24"), &[period("2025-03-10", &lines)]);
    let written = serde_json::to_value(&differs).unwrap();
    assert_eq!(written["verdict"], json!("differs"));
    assert_eq!(
        written["differences"][0],
        json!({"due_on": "2025-03-10", "code": "PKB", "billed_principal": 216_100, "billed_penalty": 4_400,
            "computed_principal": 216_000, "computed_penalty": 4_400,
            "rule": written["differences"][0]["rule"]})
    );
    let none = Verdict::NotComputable { reason: "no period is billed".to_owned() };
    for verdict in [differs, Verdict::Agrees, none] {
        let text = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict, "{text}");
    }
    assert_eq!(
        serde_json::to_value(Verdict::Agrees).unwrap(),
        json!({"verdict": "agrees", "differences": []})
    );
}
