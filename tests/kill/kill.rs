//! `kill -9` at random moments during 2,000 payments with faults: nothing lost, nothing paid twice.

use std::time::Instant;

use serde_json::Value;

use crate::dice::Dice;
use crate::outlet::Attempt;
use crate::process::until;
use crate::stack::{Plan, Stack};
use crate::storm::{Progress, serve_all};
use crate::{faults, judge};

const PAYMENTS: usize = 2_000;
/// Of the storm in which sessions end: it is about the way to the database alone.
const FEWER: usize = 1_000;
/// Citizens at once.
const COUNTERS: usize = 32;
/// One upstream call in ten.
const PERCENT: u32 = 10;

struct Counts {
    lost: usize,
    replayed: usize,
    unavailable: usize,
}

impl Counts {
    fn of(attempts: &[Attempt]) -> Self {
        let sum = |count: fn(&Attempt) -> usize| attempts.iter().map(count).sum();
        Self {
            lost: sum(|a| a.seen.lost),
            replayed: sum(|a| a.seen.replayed),
            unavailable: sum(|a| a.seen.unavailable),
        }
    }
}

/// A storm with faults in which `strike` happens so many times, and the judgement afterwards. The seed is named by
/// whoever panics: it is printed first.
async fn storm(
    (seed, payments, strikes): (u64, usize, usize),
    strike: impl AsyncFn(&Stack, &Value),
) -> Counts {
    let began = Instant::now();
    eprintln!("seed {seed}");
    let plan = Plan { outlets: 16, vehicles: payments, seed, ..Plan::default() };
    let stack = Stack::up(plan).await;
    let playing = faults::of_all_kinds(seed, PERCENT);
    stack.faults(&playing).await;
    let progress = Progress::default();
    let moments = Dice::new(seed).moments(strikes, payments);
    let striking = async {
        for moment in moments {
            progress.reaches(moment).await;
            strike(&stack, &playing).await;
        }
    };
    let (attempts, ()) = tokio::join!(serve_all(&stack, COUNTERS, &progress), striking);
    eprintln!("seed {seed}: paid after {:?}", began.elapsed());
    stack.faults(&faults::none()).await;
    let held = judge::settle(&stack).await;
    eprintln!("seed {seed}: settled after {:?}, {held} by two people", began.elapsed());
    judge::judge(&stack, &attempts).await;
    let counts = Counts::of(&attempts);
    let confirmed = stack.count("SELECT count(*) FROM payment WHERE state = 'confirmed'").await;
    let doubts = stack.count("SELECT count(*) FROM payment WHERE titip_no IS NOT NULL").await;
    eprintln!(
        "seed {seed}: {confirmed} confirmed, {doubts} had been in doubt, {} answers lost, {} replayed, {} unavailable; {:?}",
        counts.lost,
        counts.replayed,
        counts.unavailable,
        began.elapsed()
    );
    let payments = i64::try_from(payments).unwrap();
    assert!(confirmed >= payments * 95 / 100, "seed {seed}: only {confirmed} confirmed");
    assert!(doubts >= payments / 40, "seed {seed}: only {doubts} doubts: the faults did not play");
    counts
}

async fn gateway_is_killed(seed: u64) {
    let counts = storm((seed, PAYMENTS, 8), async |stack, _| stack.kill_gateway(0).await).await;
    assert!(counts.lost >= 20, "seed {seed}: the kills lost only {} answers", counts.lost);
    assert!(counts.replayed >= 5, "seed {seed}: only {} payments met their former selves", counts.replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_random_loses_nothing_and_pays_nothing_twice_seed_1() {
    gateway_is_killed(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_random_loses_nothing_and_pays_nothing_twice_seed_2() {
    gateway_is_killed(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_random_loses_nothing_and_pays_nothing_twice_seed_3() {
    gateway_is_killed(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_killed_at_random_keep_their_word_and_nothing_is_lost() {
    storm((4, PAYMENTS, 6), async |stack, playing| {
        // There is always something under way at the moment of the kill.
        until("a payment is under way", async || {
            let held = stack.count("SELECT count(*) FROM payment WHERE state = 'held'").await;
            (held > 0).then_some(())
        })
        .await;
        stack.kill_mock(playing).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_ends_every_session_at_random_loses_nothing() {
    // Clients need not notice: journal and gathered questions take a new connection by themselves.
    storm((5, FEWER, 10), async |stack, _| {
        assert!(stack.end_sessions().await > 0, "seed 5: no session to end");
    })
    .await;
}
