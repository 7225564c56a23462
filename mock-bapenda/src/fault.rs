//! Fault rules: which call meets which fault, decided by the seed and never by the hour.
//!
//! Promises: the same seed, rules and order of calls give the same faults; a settlement file's faults hang on its
//! date, so every fetch of that day meets the same ones.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;

use crate::dice::Dice;
use crate::file_fault::FileFault;
use crate::host::{Host, Operation};
use crate::rule::{Fault, Rule, RuleSet, When};

/// A fault that a file of one day carries, with the dice that place it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planted {
    pub(crate) fault: FileFault,
    pub(crate) dice: Dice,
}

/// The rules in force and how often each has been asked.
#[derive(Debug)]
pub(crate) struct Faults {
    played: Mutex<Played>,
}

#[derive(Debug)]
struct Played {
    rules: RuleSet,
    calls: Vec<u64>,
    /// Per rule, the (host, date) pairs met so far, for `nth` on files.
    days: Vec<Vec<(Host, NaiveDate)>>,
    corrected: HashMap<(Host, NaiveDate), u64>,
}

impl Played {
    fn of(rules: RuleSet) -> Self {
        let count = rules.rules.len();
        Self { rules, calls: vec![0; count], days: vec![Vec::new(); count], corrected: HashMap::new() }
    }
}

impl Faults {
    pub(crate) fn none(seed: u64) -> Self {
        Self { played: Mutex::new(Played::of(RuleSet { seed, rules: Vec::new() })) }
    }

    /// Puts new rules in force; all counts begin again.
    pub(crate) fn set(&self, rules: RuleSet) {
        *self.played() = Played::of(rules);
    }

    /// The fault that this call meets: that of the first rule that fires. Every matching rule counts the call.
    pub(crate) fn draw(&self, host: Host, operation: Operation) -> Option<Fault> {
        let mut played = self.played();
        let Played { rules, calls, .. } = &mut *played;
        let mut drawn = None;
        for (position, (rule, count)) in rules.rules.iter().zip(calls.iter_mut()).enumerate() {
            if matches!(rule.fault, Fault::File(_)) || !rule.meets(host, operation) {
                continue;
            }
            *count += 1;
            let subject = format!("{position}/{}/{}/{count}", host.name(), operation.name());
            if drawn.is_none() && fires(rule, *count, Dice::of(rules.seed, &subject)) {
                drawn = Some(rule.fault.clone());
            }
        }
        drawn
    }

    /// All faults in the file of that day.
    pub(crate) fn planted(&self, host: Host, date: NaiveDate) -> Vec<Planted> {
        let mut played = self.played();
        let Played { rules, days, .. } = &mut *played;
        let mut planted = Vec::new();
        for (position, (rule, met)) in rules.rules.iter().zip(days.iter_mut()).enumerate() {
            let Fault::File(fault) = rule.fault else { continue };
            if !rule.meets(host, Operation::Settlement) || rule.date.is_some_and(|only| only != date) {
                continue;
            }
            let known = met.iter().position(|day| *day == (host, date));
            let nth = known.unwrap_or(met.len()) as u64 + 1;
            if known.is_none() {
                met.push((host, date));
            }
            let dice = Dice::of(rules.seed, &format!("{position}/{}/{date}", host.name()));
            if fires(rule, nth, dice) {
                planted.push(Planted { fault, dice });
            }
        }
        planted
    }

    /// The revision of a corrected file: one above the latest when it is first asked for under these rules.
    pub(crate) fn corrected_revision(&self, host: Host, date: NaiveDate, latest: u64) -> u64 {
        *self.played().corrected.entry((host, date)).or_insert(latest + 1)
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fires(rule: &Rule, nth: u64, dice: Dice) -> bool {
    match &rule.when {
        When::Always => true,
        When::Nth(chosen) => chosen.contains(&nth),
        When::Millionths(share) => dice.below("fires", 1_000_000) < *share,
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;
    use crate::host::{Host, Operation};
    use crate::rule::RuleSet;
    use serde_json::json;

    fn playing(rules: &serde_json::Value) -> Faults {
        let faults = Faults::none(1);
        faults.set(RuleSet::read(&json!({ "seed": 9, "rules": rules }), 1).unwrap_or_default());
        faults
    }

    fn drawn(faults: &Faults, times: usize) -> usize {
        (0..times).filter(|_| faults.draw(Host::Bapenda, Operation::Payment).is_some()).count()
    }

    #[test]
    fn nth_counts_matching_calls_only() {
        let faults =
            playing(&json!([{ "host": "BAPENDA", "operation": "payment", "nth": [2, 3], "fault": "hang" }]));
        assert!(faults.draw(Host::JasaRaharja, Operation::Payment).is_none());
        assert!(faults.draw(Host::Bapenda, Operation::Inquiry).is_none());
        assert!(faults.draw(Host::Bapenda, Operation::Payment).is_none());
        assert_eq!(drawn(&faults, 5), 2);
    }

    #[test]
    fn probability_falls_the_same_way_for_the_same_seed() {
        let rules = json!([{ "host": "*", "operation": "*", "probability": 0.1, "fault": "http_500" }]);
        let (first, again) = (drawn(&playing(&rules), 2000), drawn(&playing(&rules), 2000));
        assert_eq!(first, again);
        assert!((140..260).contains(&first), "{first}");
    }

    #[test]
    fn a_files_faults_hang_on_its_date() {
        let faults = playing(
            &json!([{ "host": "BAPENDA", "operation": "settlement", "nth": 2, "fault": "missing_row" }]),
        );
        let day = |text: &str| text.parse().unwrap_or_default();
        let count = |date: &str| faults.planted(Host::Bapenda, day(date)).len();
        assert_eq!((count("2026-11-24"), count("2026-11-25"), count("2026-11-24")), (0, 1, 0));
        assert_eq!((count("2026-11-25"), count("2026-11-26")), (1, 0));
    }
}
