//! Laws that hold for any believable vehicle and any two days.

use proptest::prelude::*;

use crate::domain::BusinessDate;
use crate::tariff::{Energy, Request, Rules, SwdklljClass, assess};

use super::date;

/// A day between 2005 and 2090.
fn day() -> impl Strategy<Value = BusinessDate> {
    (0_u64..31_000).prop_map(|days| BusinessDate::from(date("2005-03-01").date() + chrono::Days::new(days)))
}

fn request() -> impl Strategy<Value = Request> {
    let energies = [Energy::Ice, Energy::Hev, Energy::Phev, Energy::Bev];
    let vehicle = (1_i64..=1_000_000_000_000, 1_i64..=10_000, 1_i64..=1_000, 0_i64..=10_000, 0_i64..=10_000);
    let kind = (
        prop::sample::select(energies.to_vec()),
        prop::sample::select(SwdklljClass::ALL.to_vec()),
        any::<bool>(),
    );
    (vehicle, kind, day(), -400_i64..3_000).prop_map(
        |(numbers, (energy, class, waived), due_on, days_late)| {
            let (njkb, weight_permille, usage_permille, tariff_bp, relief_bp) = numbers;
            let paid_on = BusinessDate::from(due_on.date() + chrono::TimeDelta::days(days_late));
            let waivers = if waived { vec!["PEMUTIHAN_SANKSI".to_owned()] } else { vec![] };
            Request {
                njkb,
                weight_permille,
                usage_permille,
                tariff_bp,
                energy,
                swdkllj_class: class,
                due_on,
                paid_on,
                relief_bp,
                waivers,
            }
        },
    )
}

proptest! {
    #[test]
    fn the_total_is_the_sum_of_its_lines_and_every_period_is_a_year_after_the_last(request in request()) {
        let rules = Rules::built_in().unwrap();
        let computed = assess(&rules, &request).unwrap();
        let mut sum = 0;
        let mut due_on = request.due_on;
        for (index, period) in computed.periods.iter().enumerate() {
            prop_assert!(index == 0 || (360..=367).contains(&period.due_on.days_since(due_on)));
            prop_assert!(index == 0 || period.due_on < request.paid_on);
            due_on = period.due_on;
            for line in &period.lines {
                prop_assert!(line.principal.get() >= 0 && line.penalty.get() >= 0);
                prop_assert!(line.penalty <= line.principal, "{line:?}");
                sum += line.principal.get() + line.penalty.get();
            }
        }
        prop_assert_eq!(computed.total.get(), sum);
        prop_assert!(computed.next_due_on >= request.paid_on || computed.periods.len() == 1);
        prop_assert!(!computed.rules.is_empty());
    }

    #[test]
    fn paying_a_day_later_never_lowers_a_penalty_nor_changes_a_principal(request in request()) {
        let rules = Rules::built_in().unwrap();
        let later = Request { paid_on: request.paid_on.next(), ..request.clone() };
        let (today, tomorrow) = (assess(&rules, &request).unwrap(), assess(&rules, &later).unwrap());
        prop_assert!(today.total <= tomorrow.total);
        for (now, then) in today.periods.iter().zip(&tomorrow.periods) {
            for (now, then) in now.lines.iter().zip(&then.lines) {
                prop_assert_eq!((now.code, now.principal), (then.code, then.principal));
                prop_assert!(now.penalty <= then.penalty);
            }
        }
    }
}
