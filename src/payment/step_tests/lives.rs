//! What holds over a whole life of a payment, whatever happens in whatever order.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// What a whole life did, step by step.
#[derive(Debug, Default)]
struct Life {
    /// An authority has booked a leg after the refusal.
    late: bool,
    done: BTreeMap<String, usize>,
}

impl Life {
    fn times(&self, effect: &str) -> usize {
        self.done.get(effect).copied().unwrap_or(0)
    }

    fn resolved(&self, hold: &str) -> usize {
        self.times(&format!("post {hold}")) + self.times(&format!("void {hold}"))
    }

    fn judge(&self, before: &Payment, after: &Payment) {
        let holds: Vec<String> =
            after.legs.iter().map(|leg| leg.ordinal.to_string()).chain(["fee".to_owned()]).collect();
        for hold in &holds {
            assert!(self.resolved(hold) <= 1, "hold {hold} is resolved twice");
            assert!(
                self.times(&format!("reverse {hold}"))
                    <= self.times(&format!("post {hold}")) + self.times(&format!("claim {hold}")),
                "{hold} taken back unposted"
            );
        }
        assert!(self.times("lunas") <= 1 && self.times("titip") <= 1, "a paper is handed over twice");
        let posted: usize = after.legs.iter().map(|leg| self.times(&format!("post {}", leg.ordinal))).sum();
        match after.state.name() {
            StateName::Refused => {
                assert!(posted == 0 && (self.late || !after.any_booked()), "refused after a booking");
                let voids = ["0", "1", "fee"].map(|hold| self.times(&format!("void {hold}")));
                assert_eq!(voids, [1, 1, 1], "a refusal gives every hold back");
                if before.state.name() == StateName::InDoubt {
                    assert!(
                        after.legs.iter().all(|leg| leg.state != LegState::Sent),
                        "refused while a copy lives"
                    );
                }
            }
            StateName::Confirmed => {
                assert!(after.legs.iter().all(Leg::is_settled) && after.any_booked());
                let fees = usize::from(after.reposted_at.is_none());
                assert_eq!((self.times("lunas"), self.times("post fee")), (1, fees));
                assert!(holds.iter().all(|hold| self.resolved(hold) == 1), "a hold is left open");
            }
            StateName::Reversed => {
                assert!(holds.iter().all(|hold| self.resolved(hold) == 1), "a hold is left open");
                assert!(holds.iter().any(|hold| self.times(&format!("reverse {hold}")) >= 1));
            }
            StateName::Held | StateName::InDoubt | StateName::IntegrityHold | StateName::Reversing => {
                assert_eq!(
                    self.resolved("fee"),
                    usize::from(matches!(after.state, State::Reversing { confirmed_at: Some(_) }))
                );
            }
        }
        for (was, is) in before.legs.iter().zip(&after.legs) {
            assert!(is.not_after >= was.not_after, "a not_after shrank");
            if let LegState::Booked(number) = &was.state {
                assert_eq!(is.booking(), Some(number), "a booking was forgotten");
            }
            if matches!(was.state, LegState::Refused(_) | LegState::Released)
                && !matches!(is.state, LegState::Booked(_))
            {
                assert!(
                    !matches!(is.state, LegState::Unsent | LegState::Sent),
                    "a refused leg is sent again"
                );
            }
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let leg = || 0_i16..3;
    let number =
        prop_oneof![9 => leg().prop_map(booked), 1 => leg().prop_map(|o| Event::Booked(o, booking("OTHER")))];
    prop_oneof![
        2 => Just(Event::TakenOver),
        3 => (leg(), 0_i64..30).prop_map(|(o, minutes)| Event::Sending(o, time(minutes))),
        6 => number,
        1 => leg().prop_map(Event::ReversedThere),
        3 => leg().prop_map(refused),
        2 => leg().prop_map(|o| Event::Silent(o, None)),
        1 => leg().prop_map(contradicts),
        1 => leg().prop_map(Event::NeverSent),
        4 => leg().prop_map(Event::Absent),
        1 => Just(Event::CancelAsked),
        3 => any::<bool>().prop_map(|refuse| Event::Reopened { refuse }),
        2 => leg().prop_map(Event::PaidElsewhere),
        2 => (2_i16..4).prop_map(fresh),
        1 => leg().prop_map(proven),
        1 => leg().prop_map(late),
        1 => Just(Event::Reposted),
        2 => Just(approved()),
        3 => leg().prop_map(|o| Event::ReversalAgreed(o, day())),
        2 => leg().prop_map(not_reversible),
    ]
}

/// Lives one life; tells the states it went through.
fn live(events: Vec<(Event, i64)>, reached: &mut BTreeSet<StateName>) {
    let mut payment = payment(StateName::Held, "SS");
    let mut life = Life::default();
    let mut now = time(0);
    for (event, minutes) in events {
        now += TimeDelta::minutes(minutes);
        let before = payment.clone();
        let Ok(effects) = payment.step(&event, now, LIMITS) else {
            assert_eq!(payment, before, "a refused event changes nothing");
            continue;
        };
        life.late |= kind_of(&event) == Kind::LateBooked;
        let designed = matches!(
            (before.state.name(), kind_of(&event)),
            (StateName::Confirmed, Kind::ReversalApproved)
                | (
                    StateName::Refused,
                    Kind::CancelAsked
                        | Kind::LateBooked
                        | Kind::Reposted
                        | Kind::ReversalApproved
                        | Kind::ReversalAgreed
                        | Kind::ReversalRefused
                )
        );
        assert!(before.state.name().is_open() || designed, "{:?} took {event:?}", before.state);
        for effect in &effects {
            *life.done.entry(super::effect(effect)).or_default() += 1;
            if let Effect::Replace { old, .. } = effect {
                *life.done.entry(format!("void {old}")).or_default() += 1;
            }
            if *effect == Effect::Issue(receipt::Kind::Titip) {
                payment.titip_no = Some("T-1".to_owned());
            }
        }
        life.judge(&before, &payment);
        reached.insert(payment.state.name());
    }
}

#[test]
fn whatever_happens_no_money_moves_twice_and_no_booking_is_refused() {
    let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    let reached = RefCell::new(BTreeSet::new());
    let lives = prop::collection::vec((any_event(), 0_i64..3), 1..60);
    let judged = TestRunner::new(config).run(&lives, |events| {
        live(events, &mut reached.borrow_mut());
        Ok(())
    });
    // The failing life, as short as it gets, is the message.
    judged.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(reached.into_inner(), StateName::ALL.into_iter().collect(), "some state was never reached");
}
