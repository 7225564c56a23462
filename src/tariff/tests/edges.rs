//! Where a bill changes from one day to the next, and what is no bill at all.

use crate::tariff::{AssessError, Assessment, Energy, LineCode, Request, Rules, SwdklljClass, assess};

use super::{date, motorcycle};

/// (principal, penalty) of a line of the first period.
fn first(computed: &Assessment<'_>, code: LineCode) -> (i64, i64) {
    let line = computed.periods[0].lines.iter().find(|line| line.code == code);
    line.map_or((0, 0), |line| (line.principal.get(), line.penalty.get()))
}

fn first_of(request: &Request, code: LineCode) -> (i64, i64) {
    let rules = Rules::built_in().unwrap();
    first(&assess(&rules, request).unwrap(), code)
}

#[test]
fn the_swdkllj_penalty_steps_up_the_day_after_each_band() {
    // Days after 10 March 2025: 90 is 8 June, 180 is 6 September, 270 is 5 December.
    for (paid_on, penalty) in [
        ("2025-03-10", 0),
        ("2025-03-11", 8_000),
        ("2025-06-08", 8_000),
        ("2025-06-09", 16_000),
        ("2025-09-06", 16_000),
        ("2025-09-07", 24_000),
        ("2025-12-05", 24_000),
        ("2025-12-06", 32_000),
        ("2026-03-10", 32_000),
    ] {
        assert_eq!(
            first_of(&motorcycle("2025-03-10", paid_on), LineCode::Swdkllj),
            (35_000, penalty),
            "{paid_on}"
        );
    }
}

#[test]
fn every_class_pays_the_penalties_of_the_table_and_none_above_the_cap() {
    use SwdklljClass::{A, B, C1, C2, DP, DU, EP, EU, F};
    for (class, principal, penalties) in [
        (A, 3_000, [0, 0, 0, 0]),
        (B, 23_000, [5_000, 10_000, 15_000, 20_000]),
        (C1, 35_000, [8_000, 16_000, 24_000, 32_000]),
        (C2, 83_000, [20_000, 40_000, 60_000, 80_000]),
        (DP, 143_000, [35_000, 70_000, 100_000, 100_000]),
        (DU, 73_000, [17_500, 35_000, 52_500, 70_000]),
        (EP, 153_000, [37_500, 75_000, 100_000, 100_000]),
        (EU, 90_000, [21_750, 43_500, 65_250, 87_000]),
        (F, 163_000, [40_000, 80_000, 100_000, 100_000]),
    ] {
        for (paid_on, penalty) in
            ["2025-03-11", "2025-06-09", "2025-09-07", "2025-12-06"].into_iter().zip(penalties)
        {
            let request = Request { swdkllj_class: class, ..motorcycle("2025-03-10", paid_on) };
            assert_eq!(first_of(&request, LineCode::Swdkllj), (principal, penalty), "{class:?} {paid_on}");
        }
    }
}

#[test]
fn a_month_of_interest_is_added_the_day_after_the_due_day_and_over_the_year_end() {
    for (due_on, paid_on, penalty) in [
        ("2025-12-15", "2025-12-15", 0),
        ("2025-12-15", "2025-12-16", 2_200),
        ("2025-12-15", "2026-01-15", 2_200),
        ("2025-12-15", "2026-01-16", 4_400),
        ("2026-01-31", "2026-02-28", 2_200),
        ("2026-01-31", "2026-03-01", 4_400),
    ] {
        assert_eq!(first_of(&motorcycle(due_on, paid_on), LineCode::Pkb).1, penalty, "{due_on} → {paid_on}");
    }
}

#[test]
fn interest_stops_growing_after_24_months() {
    let capped = first_of(&motorcycle("2025-03-10", "2027-03-10"), LineCode::Pkb);
    assert_eq!(capped, (216_000, 51_900), "24 % of 216.000 is 51.840");
    assert_eq!(first_of(&motorcycle("2025-03-10", "2029-03-10"), LineCode::Pkb), capped);
    let old_regime = first_of(&motorcycle("2020-03-10", "2026-03-10"), LineCode::Pkb);
    assert_eq!(old_regime, (270_000, 129_600), "48 % of 270.000");
}

#[test]
fn the_regime_changes_on_the_fifth_of_january_2025() {
    let rules = Rules::built_in().unwrap();
    let generous = |due_on| Request { relief_bp: 2_470, tariff_bp: 50, ..motorcycle(due_on, due_on) };
    let before = assess(&rules, &generous("2025-01-04")).unwrap();
    assert_eq!(first(&before, LineCode::Pkb), (270_000, 0), "the bill's tariff and relief do not count");
    assert_eq!(before.periods[0].lines.len(), 2, "no opsen");
    let after = assess(&rules, &generous("2025-01-05")).unwrap();
    assert_eq!(first(&after, LineCode::Pkb), (67_800, 0));
    assert_eq!(after.periods[0].lines.len(), 3);
}

#[test]
fn a_period_due_on_the_day_of_payment_is_not_yet_forced() {
    let rules = Rules::built_in().unwrap();
    let on_the_day = assess(&rules, &motorcycle("2025-03-10", "2026-03-10")).unwrap();
    assert_eq!((on_the_day.periods.len(), on_the_day.next_due_on), (1, date("2026-03-10")));
    let day_after = assess(&rules, &motorcycle("2025-03-10", "2026-03-11")).unwrap();
    assert_eq!((day_after.periods.len(), day_after.next_due_on), (2, date("2027-03-10")));
    let early = assess(&rules, &motorcycle("2026-03-10", "2025-11-01")).unwrap();
    assert_eq!((early.periods.len(), early.next_due_on), (1, date("2027-03-10")));
}

#[test]
fn a_due_date_of_29_february_comes_back_in_leap_years_only() {
    let rules = Rules::built_in().unwrap();
    let computed = assess(&rules, &motorcycle("2028-02-29", "2032-03-01")).unwrap();
    let due: Vec<String> = computed.periods.iter().map(|period| period.due_on.to_string()).collect();
    assert_eq!(due, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
    assert_eq!(computed.next_due_on, date("2033-02-28"));
    let on_the_day = assess(&rules, &motorcycle("2028-02-29", "2032-02-29")).unwrap();
    assert_eq!((on_the_day.periods.len(), on_the_day.next_due_on), (4, date("2032-02-29")));
}

#[test]
fn only_battery_vehicles_are_spared_pkb_and_swdkllj_stays() {
    let rules = Rules::built_in().unwrap();
    for energy in [Energy::Hev, Energy::Phev] {
        let request = Request { energy, ..motorcycle("2026-03-10", "2026-05-10") };
        assert_eq!(first_of(&request, LineCode::Pkb), (216_000, 4_400), "{energy:?}");
    }
    let battery = Request { energy: Energy::Bev, ..motorcycle("2026-03-10", "2026-05-10") };
    let computed = assess(&rules, &battery).unwrap();
    let lines: Vec<_> = computed.periods[0]
        .lines
        .iter()
        .map(|line| (line.code.as_str(), line.principal.get(), line.penalty.get()))
        .collect();
    assert_eq!(lines, [("PKB", 0, 0), ("OPSEN_PKB", 0, 0), ("SWDKLLJ", 35_000, 8_000)]);
    let before = Request { energy: Energy::Bev, ..motorcycle("2023-07-31", "2023-07-31") };
    assert_eq!(first_of(&before, LineCode::Pkb), (0, 0), "of every period, as the protocol says");
    let after = Request { energy: Energy::Bev, ..motorcycle("2023-08-01", "2023-08-01") };
    assert_eq!(first_of(&after, LineCode::Pkb), (0, 0));
}

#[test]
fn an_amnesty_drops_the_penalties_of_pkb_and_opsen_and_names_its_decree() {
    let rules = Rules::built_in().unwrap();
    let waivers = vec!["PEMUTIHAN_SANKSI".to_owned()];
    for (paid_on, decree) in [
        ("2025-07-13", "assumption: amnesty"),
        ("2025-07-14", "435/013/2025"),
        ("2025-08-31", "435/013/2025"),
        ("2025-09-15", "assumption: amnesty"),
        ("2025-10-01", "712/013/2025"),
        ("2025-11-30", "712/013/2025"),
        ("2025-12-01", "assumption: amnesty"),
    ] {
        let request = Request { waivers: waivers.clone(), ..motorcycle("2024-06-01", paid_on) };
        let computed = assess(&rules, &request).unwrap();
        for line in computed.periods.iter().flat_map(|period| &period.lines) {
            let kept = line.code == LineCode::Swdkllj;
            assert_eq!(line.penalty.get() > 0, kept, "{paid_on} {:?}", line.code);
        }
        assert!(
            computed.rules.iter().any(|source| source.contains(decree)),
            "{paid_on} {:?}",
            computed.rules
        );
    }
}

#[test]
fn an_unknown_amnesty_is_refused_by_name() {
    let rules = Rules::built_in().unwrap();
    let request =
        Request { waivers: vec!["PUTIHKAN_SEMUA".to_owned()], ..motorcycle("2026-03-10", "2026-05-10") };
    assert_eq!(assess(&rules, &request), Err(AssessError::UnknownWaiver("PUTIHKAN_SEMUA".to_owned())));
}

#[test]
fn absurd_facts_are_refused_and_name_what_is_absurd() {
    let rules = Rules::built_in().unwrap();
    let sane = motorcycle("2026-03-10", "2026-05-10");
    let many = vec!["PEMUTIHAN_SANKSI".to_owned(); 17];
    for (absurd, request) in [
        ("njkb", Request { njkb: -1, ..sane.clone() }),
        ("njkb", Request { njkb: 0, ..sane.clone() }),
        ("njkb", Request { njkb: 1_000_000_000_001, ..sane.clone() }),
        ("njkb", Request { njkb: i64::MAX, ..sane.clone() }),
        ("weight_permille", Request { weight_permille: 0, ..sane.clone() }),
        ("weight_permille", Request { weight_permille: i64::MIN, ..sane.clone() }),
        ("usage_permille", Request { usage_permille: 0, ..sane.clone() }),
        ("usage_permille", Request { usage_permille: 1_001, ..sane.clone() }),
        ("tariff_bp", Request { tariff_bp: -1, ..sane.clone() }),
        ("tariff_bp", Request { tariff_bp: 10_001, ..sane.clone() }),
        ("relief_bp", Request { relief_bp: -1, ..sane.clone() }),
        ("relief_bp", Request { relief_bp: 10_001, ..sane.clone() }),
        ("due_on", motorcycle("1999-12-31", "2000-01-01")),
        ("paid_on", motorcycle("2100-12-31", "2101-01-01")),
        ("paid_on", motorcycle("2001-01-01", "2026-01-01")),
        ("paid_on", motorcycle("2099-01-01", "2026-01-01")),
        ("waivers", Request { waivers: many, ..sane.clone() }),
    ] {
        match assess(&rules, &request) {
            Err(AssessError::Absurd { field, .. }) => assert_eq!(field, absurd, "{request:?}"),
            other => panic!("{request:?}: {other:?}"),
        }
    }
}

#[test]
fn the_dearest_and_latest_that_is_believed_is_computed_without_overflow() {
    let rules = Rules::built_in().unwrap();
    let request = Request {
        njkb: 1_000_000_000_000,
        weight_permille: 10_000,
        tariff_bp: 10_000,
        ..motorcycle("2080-12-31", "2100-12-31")
    };
    let computed = assess(&rules, &request).unwrap();
    assert_eq!((computed.periods.len(), computed.next_due_on), (20, date("2100-12-31")));
    assert!(computed.total.get() > 20 * 16_600_000_000_000);
    assert_eq!(first_of(&Request { relief_bp: 10_000, ..request }, LineCode::Pkb), (0, 0));
}
