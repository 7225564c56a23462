//! What happened during the day, counted where it happened.

use std::collections::{BTreeMap, BTreeSet};

use super::api::Answer;

/// How a payment came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    AtOnce,
    /// In doubt, then by asking the authority.
    ByAsking,
    /// Contradicted, then by two people.
    ByPeople,
}

/// Counts of one outlet, or of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) looked_up: u32,
    /// By what the shadow engine said.
    pub(crate) verdicts: BTreeMap<String, u32>,
    /// Lookups repeated because of a 5xx.
    pub(crate) lookups_again: BTreeMap<String, u32>,
    /// Citizens who went home without a bill, by code.
    pub(crate) turned_away: BTreeMap<String, u32>,
    /// Citizens with a payable bill who never got a quote.
    pub(crate) payable_turned_away: u32,
    pub(crate) payments: u32,
    pub(crate) confirmed_at_once: u32,
    /// Answered `202`: cash taken, outcome open.
    pub(crate) doubtful: u32,
    pub(crate) doubts_confirmed: u32,
    pub(crate) doubts_refused: BTreeMap<String, u32>,
    /// Contradicted by an authority, by reason.
    pub(crate) held_for_people: BTreeMap<String, u32>,
    pub(crate) decided_by_people: u32,
    pub(crate) unsettled: usize,
    pub(crate) refused: BTreeMap<String, u32>,
    pub(crate) lost_answers: u32,
    /// Payments repeated under the same key, by code.
    pub(crate) same_key_again: BTreeMap<String, u32>,
    pub(crate) amount: i64,
    /// Plates with a confirmed payment.
    pub(crate) paid_plates: BTreeSet<String>,
    /// Plates whose payment two people must decide.
    pub(crate) held_plates: BTreeSet<String>,
    /// NTPDs of confirmed payments.
    pub(crate) ntpds: BTreeSet<String>,
    /// Certificates of confirmed payments.
    pub(crate) certificates: BTreeSet<String>,
    /// Payments whose plate or number was confirmed before: must stay 0.
    pub(crate) paid_twice: u32,
    /// A receipt to look at.
    pub(crate) receipt_no: Option<String>,
    /// Bapenda's accounting days of the confirmed payments.
    pub(crate) business_dates: BTreeSet<String>,
}

impl Tally {
    /// A bill was quoted; the shadow engine agreed or not.
    pub(crate) fn quoted(&mut self, verdict: Option<&str>) {
        count(&mut self.verdicts, verdict.unwrap_or("none"));
    }

    /// A lookup must be repeated.
    pub(crate) fn lookup_again(&mut self, code: &str) {
        count(&mut self.lookups_again, code);
    }

    /// A lookup was refused for good.
    pub(crate) fn turned_away(&mut self, code: &str, payable: bool) {
        count(&mut self.turned_away, code);
        self.payable_turned_away += u32::from(payable);
    }

    /// A payment must be repeated under its key.
    pub(crate) fn same_key_again(&mut self, code: &str) {
        count(&mut self.same_key_again, code);
    }

    /// A payment was refused before it was in doubt.
    pub(crate) fn refused(&mut self, code: &str) {
        count(&mut self.refused, code);
    }

    /// A payment in doubt was proven absent.
    pub(crate) fn doubt_refused(&mut self, code: &str) {
        count(&mut self.doubts_refused, code);
    }

    /// A payment waits for two people.
    pub(crate) fn held_for_people(&mut self, plate: &str, reason: &str) {
        count(&mut self.held_for_people, reason);
        self.held_plates.insert(canonical(plate));
    }

    /// Two people have decided about a held payment.
    pub(crate) fn resumed(&mut self, plate: &str) {
        self.held_plates.remove(&canonical(plate));
    }

    /// Payments that are still open when the patience ends.
    pub(crate) fn unsettled(&mut self, payments: usize) {
        self.unsettled += payments;
    }

    /// A payment is confirmed, at once or after a doubt.
    pub(crate) fn confirmed(&mut self, plate: &str, payment: &Answer, settled: Settled) {
        match settled {
            Settled::AtOnce => self.confirmed_at_once += 1,
            Settled::ByAsking => self.doubts_confirmed += 1,
            Settled::ByPeople => self.decided_by_people += 1,
        }
        self.amount += payment.body["amount"].as_i64().unwrap_or_default();
        let fresh = [
            self.paid_plates.insert(canonical(plate)),
            self.ntpds.insert(payment.text("ntpd").to_owned()),
            self.certificates.insert(payment.text("certificate_no").to_owned()),
        ];
        self.paid_twice += u32::from(fresh.contains(&false));
        self.business_dates.insert(payment.text("business_date").to_owned());
        let receipt_no = payment.text("receipt_no");
        if !receipt_no.is_empty() {
            self.receipt_no.get_or_insert_with(|| receipt_no.to_owned());
        }
    }

    /// All that are confirmed.
    pub(crate) fn confirmed_all(&self) -> u32 {
        self.confirmed_at_once + self.doubts_confirmed + self.decided_by_people
    }

    /// Takes another outlet's counts in.
    pub(crate) fn merge(&mut self, other: Self) {
        let shared = |mine: &BTreeSet<String>, theirs: &BTreeSet<String>| mine.intersection(theirs).count();
        let twice = shared(&self.paid_plates, &other.paid_plates).max(shared(&self.ntpds, &other.ntpds));
        self.paid_twice += other.paid_twice + u32::try_from(twice).unwrap_or(u32::MAX);
        self.looked_up += other.looked_up;
        self.payable_turned_away += other.payable_turned_away;
        self.payments += other.payments;
        self.confirmed_at_once += other.confirmed_at_once;
        self.doubtful += other.doubtful;
        self.doubts_confirmed += other.doubts_confirmed;
        self.decided_by_people += other.decided_by_people;
        self.unsettled += other.unsettled;
        self.lost_answers += other.lost_answers;
        self.amount += other.amount;
        for (mine, theirs) in [
            (&mut self.verdicts, other.verdicts),
            (&mut self.lookups_again, other.lookups_again),
            (&mut self.turned_away, other.turned_away),
            (&mut self.doubts_refused, other.doubts_refused),
            (&mut self.held_for_people, other.held_for_people),
            (&mut self.refused, other.refused),
            (&mut self.same_key_again, other.same_key_again),
        ] {
            for (code, number) in theirs {
                *mine.entry(code).or_default() += number;
            }
        }
        self.paid_plates.extend(other.paid_plates);
        self.held_plates.extend(other.held_plates);
        self.ntpds.extend(other.ntpds);
        self.certificates.extend(other.certificates);
        self.business_dates.extend(other.business_dates);
    }
}

/// A plate as the authorities' books spell it.
fn canonical(plate: &str) -> String {
    plate.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

fn count(codes: &mut BTreeMap<String, u32>, code: &str) {
    *codes.entry(code.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payment(ntpd: &str) -> Answer {
        let body =
            json!({"amount": 100, "ntpd": ntpd, "certificate_no": ntpd, "business_date": "2026-11-24"});
        Answer { status: 201, retry_after: None, body }
    }

    #[test]
    fn the_same_plate_confirmed_twice_is_seen_within_an_outlet() {
        let mut tally = Tally::default();
        tally.confirmed("L 1 AB", &payment("A"), Settled::AtOnce);
        tally.confirmed("L1AB", &payment("B"), Settled::ByAsking);
        assert_eq!((tally.confirmed_all(), tally.paid_twice, tally.amount), (2, 1, 200));
    }

    #[test]
    fn the_same_plate_confirmed_twice_is_seen_across_outlets() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        one.confirmed("L 1 AB", &payment("A"), Settled::AtOnce);
        two.confirmed("L 1 AB", &payment("B"), Settled::AtOnce);
        one.merge(two);
        assert_eq!((one.confirmed_all(), one.paid_twice), (2, 1));
    }
}
