//! Races on one database with two gateways: one key or one vehicle wanted many times at once is paid once.
//!
//! Both fail without their guard, the primary key of `idempotency_key` and the unique rows of `vehicle_lock`; both count
//! who met somebody at work, so that they cannot pass by never racing.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::StatusCode;

use crate::judge;
use crate::outlet::{Answer, Attempt, Quote, Seen, Vehicle};
use crate::stack::{FLOAT, Plan, Stack};

const KEYS: usize = 200;
const COPIES: usize = 16;
const VEHICLES: usize = 200;
const AGENTS: usize = 8;
/// Races under way at once.
const AT_ONCE: usize = 6;

async fn two_gateways(vehicles: usize) -> Stack {
    Stack::up(Plan { gateways: 2, outlets: AGENTS, vehicles, seed: 21, ..Plan::default() }).await
}

fn attempt(
    stack: &Stack,
    place: usize,
    (key, vehicle, quote): (&str, &Vehicle, &Quote),
    said: Answer,
) -> Attempt {
    Attempt {
        agent_code: stack.outlets[place].code.clone(),
        key: key.to_owned(),
        plate: vehicle.plate.clone(),
        total: quote.total,
        said,
        seen: Seen::default(),
    }
}

/// Sixteen copies at once, eight at each gateway; tells what the payment came to and what the copies met.
async fn copies_of_one_key(stack: &Stack, i: usize) -> (Attempt, usize, usize) {
    let (place, vehicle) = (i % AGENTS, &stack.vehicles[i]);
    let outlet = &stack.outlets[place];
    let quote = outlet.looks_up(&stack.gateway_url(i), vehicle).await;
    let key = uuid::Uuid::now_v7().to_string();
    let copies = (0..COPIES).map(|copy| {
        let (gateway, key, quote) = (stack.gateway_url(copy), key.as_str(), &quote);
        async move { outlet.pays(&gateway, key, quote).await.expect("nobody is killed here") }
    });
    let answers = join_all(copies).await;
    let mut ids = BTreeSet::new();
    let (mut first, mut replayed, mut in_progress) = (0, 0, 0);
    for answer in &answers {
        match (answer.status, answer.code()) {
            (StatusCode::CREATED, _) => {
                ids.insert(answer.text("payment_id"));
                replayed += usize::from(answer.replayed);
                first += usize::from(!answer.replayed);
            }
            (StatusCode::CONFLICT, "IN_PROGRESS") => in_progress += 1,
            _ => panic!("a copy of key {key} met {answer:?}"),
        }
    }
    assert_eq!((first, ids.len()), (1, 1), "key {key}: {answers:?}");
    let (said, _) = outlet.insists(&stack.gateway_url(i + 1), &key, &quote).await;
    assert_eq!(Some(said.text("payment_id")), ids.pop_first(), "key {key} afterwards");
    (attempt(stack, place, (&key, vehicle, &quote), said), replayed, in_progress)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_copies_of_one_key_at_two_gateways_make_one_payment() {
    let stack = two_gateways(KEYS).await;
    let races = stream::iter(0..KEYS).map(|i| copies_of_one_key(&stack, i)).buffer_unordered(AT_ONCE);
    let done: Vec<_> = races.collect().await;
    let in_progress: usize = done.iter().map(|(_, _, n)| n).sum();
    let replayed: usize = done.iter().map(|(_, n, _)| n).sum();
    assert!(in_progress >= KEYS, "only {in_progress} copies met one at work: there was no race");
    eprintln!("{in_progress} in progress, {replayed} replayed");
    judge::all_end(&stack).await;
    let attempts: Vec<Attempt> = done.into_iter().map(|(attempt, ..)| attempt).collect();
    assert_eq!(stack.count("SELECT count(*) FROM payment WHERE state = 'confirmed'").await, 200);
    assert_eq!(stack.count("SELECT count(*) FROM payment").await, 200);
    judge::judge(&stack, &attempts).await;
}

/// Every outlet has a quote for the vehicle and pays it at the same moment; tells each one's attempt.
async fn outlets_on_one_vehicle(stack: &Stack, vehicle: &Vehicle) -> Vec<Attempt> {
    let quotes = join_all(
        (0..AGENTS)
            .map(async |place| stack.outlets[place].looks_up(&stack.gateway_url(place), vehicle).await),
    )
    .await;
    let paid = quotes.iter().enumerate().map(async |(place, quote)| {
        let key = uuid::Uuid::now_v7().to_string();
        let answer = stack.outlets[place].pays(&stack.gateway_url(place), &key, quote).await;
        let answer = answer.expect("nobody is killed here");
        attempt(stack, place, (&key, vehicle, quote), answer)
    });
    let attempts = join_all(paid).await;
    let winners = attempts.iter().filter(|attempt| attempt.said.status == StatusCode::CREATED).count();
    assert_eq!(winners, 1, "{}: {attempts:?}", vehicle.plate);
    for loser in attempts.iter().filter(|attempt| attempt.said.status != StatusCode::CREATED) {
        assert_eq!(loser.said.status, StatusCode::CONFLICT, "{loser:?}");
        assert!(["VEHICLE_BUSY", "ALREADY_PAID"].contains(&loser.said.code()), "{loser:?}");
        assert_eq!(loser.said.text("retry"), "new_key", "{loser:?}");
    }
    attempts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_outlets_on_one_vehicle_at_two_gateways_pay_it_once() {
    let stack = two_gateways(VEHICLES).await;
    let races =
        stream::iter(&stack.vehicles).map(|v| outlets_on_one_vehicle(&stack, v)).buffer_unordered(AT_ONCE);
    let attempts: Vec<Attempt> = races.collect::<Vec<_>>().await.into_iter().flatten().collect();
    let busy = attempts.iter().filter(|attempt| attempt.said.code() == "VEHICLE_BUSY").count();
    assert!(busy >= VEHICLES, "only {busy} outlets met another at work: there was no race");
    eprintln!("{busy} busy of {}", attempts.len());
    judge::all_end(&stack).await;
    assert_eq!(stack.count("SELECT count(*) FROM payment").await, 200);
    for outlet in &stack.outlets {
        let mine = attempts.iter().filter(|a| a.agent_code == outlet.code && a.said.state() == "confirmed");
        let paid: i64 = mine.map(|attempt| attempt.total).sum();
        assert_eq!(outlet.float(&stack.gateway_url(0)).await, (FLOAT - paid, 0), "{}", outlet.code);
    }
    judge::judge(&stack, &attempts).await;
}
