//! Rows 1–11: between the outlet's program and the gateway.

use futures_util::future::join_all;
use reqwest::StatusCode;
use samsat_gateway::agents;

use super::{float, patient, sound, unsettled};
use crate::support::{Client, hang_up};

const CONFIRMED: &str = "SELECT count(*) FROM payment WHERE state = 'confirmed'";

#[tokio::test]
async fn fault_01_a_request_that_is_cut_off_leaves_no_payment_no_hold_and_no_key() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let wire = world.agent().wire("one", &quote);
    let stream = world.agent().says(&wire[..wire.len() - 5]).await;
    let said = hang_up(stream).await;
    assert!(!said.contains("201"), "{said}");
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0);
    assert_eq!((world.count("SELECT count(*) FROM payment").await, float(&world).await), (0, (0, 0)));
    let paid = world.agent().pays_with("one", &quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    sound(&world).await;
}

#[tokio::test]
async fn fault_02_a_client_that_goes_away_cancels_nothing() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "delay_ms:300");
    let stream = world.agent().says(&world.agent().wire("two", &quote)).await;
    world.until_ordered("BAPENDA", 1).await;
    drop(stream);
    world.until(CONFIRMED, 1).await;
    let again = world.agent().pays_with("two", &quote).await;
    assert_eq!((again.status, again.state()), (StatusCode::CREATED, "confirmed"), "{}", again.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!((float(&world).await, world.booked("BAPENDA")), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_03_an_answer_that_was_lost_is_given_again_and_nothing_is_paid_twice() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let first = world.agent().pays_with("three", &quote).await;
    for _ in 0..3 {
        let again = world.agent().pays_with("three", &quote).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_04_a_double_tap_is_one_payment_and_the_other_taps_are_told_where_it_is() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "delay_ms:200");
    let taps = join_all((0..16).map(|_| world.agent().pays_with("four", &quote))).await;
    let paid: Vec<_> = taps.iter().filter(|tap| tap.status == StatusCode::CREATED).collect();
    assert!(!paid.is_empty());
    for tap in taps.iter().filter(|tap| tap.status != StatusCode::CREATED) {
        assert_eq!((tap.status, tap.code()), (StatusCode::CONFLICT, "IN_PROGRESS"), "{}", tap.text);
        let location = format!("/v1/payments/{}", paid[0].id());
        assert_eq!(tap.header("location"), Some(location.as_str()));
        assert!(tap.header("retry-after").is_some());
        assert_eq!(tap.body["retry"], "same_key");
    }
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    sound(&world).await;
}

#[tokio::test]
async fn fault_05_a_key_that_comes_with_other_content_changes_nothing_and_names_what_differs() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let mut other = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays_with("five", &quote).await;
    let reused = world.agent().pays_with("five", &other).await;
    assert_eq!((reused.status, reused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "KEY_REUSED"));
    assert!(reused.body["differs"].as_array().unwrap().contains(&"lookup_id".into()), "{}", reused.text);
    other.lookup_id.clone_from(&quote.lookup_id);
    other.total = quote.total + 1;
    let reused = world.agent().pays_with("five", &other).await;
    assert_eq!(reused.body["differs"], serde_json::json!(["amount"]), "{}", reused.text);
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_06_a_new_key_for_the_same_vehicle_is_refused_while_it_is_open_and_after_it_is_paid() {
    let world = patient().await;
    let vehicle = world.vehicle();
    let (first, second) = (world.agent().looks_up(&vehicle).await, world.agent().looks_up(&vehicle).await);
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let open = world.agent().pays_with("six", &first).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    let busy = world.agent().pays_with("six again", &second).await;
    assert_eq!((busy.status, busy.code()), (StatusCode::CONFLICT, "VEHICLE_BUSY"), "{}", busy.text);
    assert_eq!(float(&world).await, (first.total, first.total), "no hold for the second");
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    let paid = world.agent().pays_with("six once more", &second).await;
    assert_eq!((paid.status, paid.code()), (StatusCode::CONFLICT, "ALREADY_PAID"), "{}", paid.text);
    assert_eq!(float(&world).await, (first.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_07_of_two_outlets_with_one_vehicle_one_is_sent_away_for_ever_and_learns_nothing() {
    let world = patient().await;
    let vehicle = world.vehicle();
    let (one, other) = (&world.agents[0], &world.agents[1]);
    let (first, second) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    world.fault("BAPENDA", "payment", "delay_ms:300");
    let (a, b) = tokio::join!(one.pays_with("seven", &first), other.pays_with("seven", &second));
    let (paid, (lost, loser, quote)) =
        if a.status == StatusCode::CREATED { (a, (b, other, second)) } else { (b, (a, one, first)) };
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    assert_eq!((lost.status, lost.code()), (StatusCode::CONFLICT, "VEHICLE_BUSY"), "{}", lost.text);
    let winner = if loser.code == one.code { &other.code } else { &one.code };
    assert!(!lost.text.contains(&paid.id()) && !lost.text.contains(winner.as_str()), "{}", lost.text);
    let again = loser.pays_with("seven", &quote).await;
    assert_eq!((again.code(), again.header("idempotent-replayed")), ("VEHICLE_BUSY", Some("true")));
    assert_eq!(loser.float().await, (crate::support::FLOAT, 0));
    assert_eq!(world.orders("BAPENDA").len(), 1);
    sound(&world).await;
}

#[tokio::test]
async fn fault_08_a_quote_of_yesterday_is_refused_before_any_money_is_held() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.hosts_later(24 * 3600);
    // A clock that jumps a day is believed when it says so twice.
    for _ in 0..2 {
        world.agent().asks(&world.vehicle()).await;
    }
    world.agent().looks_up(&world.vehicle()).await;
    let late = world.agent().pays_with("eight", &quote).await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "QUOTE_EXPIRED"),
        "{}",
        late.text
    );
    let again = world.agent().pays_with("eight", &quote).await;
    assert_eq!((again.code(), again.header("idempotent-replayed")), ("QUOTE_EXPIRED", Some("true")));
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_09_a_float_that_is_too_small_is_told_and_stays_told_under_its_key() {
    let world = patient().await;
    let vehicle = world.vehicle();
    let total = world.agent().looks_up(&vehicle).await.total;
    let poor = world.agent_with(total - 1).await;
    let quote = poor.looks_up(&vehicle).await;
    for _ in 0..2 {
        let short = poor.pays_with("nine", &quote).await;
        let told = (short.status, short.code());
        assert_eq!(told, (StatusCode::UNPROCESSABLE_ENTITY, "FLOAT_INSUFFICIENT"), "{}", short.text);
    }
    assert_eq!((poor.float().await, world.orders("BAPENDA").len()), ((total - 1, 0), 0));
    // The vehicle was not locked by it.
    let paid = world.agent().pays(&world.agent().looks_up(&vehicle).await).await;
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    sound(&world).await;
}

#[tokio::test]
async fn fault_09_two_payments_that_race_for_the_last_rupiah_cannot_both_have_it() {
    let world = patient().await;
    let (one, other) = (world.vehicle(), world.vehicle());
    let totals = [world.agent().looks_up(&one).await.total, world.agent().looks_up(&other).await.total];
    let float = totals[0].max(totals[1]);
    let poor = world.agent_with(float).await;
    let (first, second) = (poor.looks_up(&one).await, poor.looks_up(&other).await);
    let (a, b) = tokio::join!(poor.pays(&first), poor.pays(&second));
    let paid = [(&a, &first), (&b, &second)].into_iter().filter(|(answer, _)| answer.state() == "confirmed");
    let paid: Vec<i64> = paid.map(|(_, quote)| quote.total).collect();
    assert_eq!(paid.len(), 1, "{} {}", a.text, b.text);
    assert!([a.code(), b.code()].contains(&"FLOAT_INSUFFICIENT"));
    assert_eq!(poor.float().await, (float - paid[0], 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_10_an_agent_suspended_meanwhile_finishes_what_is_open_and_begins_nothing_new() {
    let world = patient().await;
    let agent = world.agent();
    let (quote, next) = (agent.looks_up(&world.vehicle()).await, agent.looks_up(&world.vehicle()).await);
    world.fault("BAPENDA", "payment", "delay_ms:300");
    let suspend = async {
        world.until_ordered("BAPENDA", 1).await;
        let mut connection = world.app.db.workers.acquire().await.unwrap();
        let agent = agents::agent_by_code(&mut connection, &world.agent().code).await.unwrap().unwrap();
        agents::set_status(&mut connection, agent.agent_id, false).await.unwrap();
    };
    let (paid, ()) = tokio::join!(agent.pays(&quote), suspend);
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    let refused = agent.pays_with("ten", &next).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{}", refused.text);
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key WHERE key = 'ten'").await, 0);
    assert_eq!(agent.reads(&paid.id()).await.body["ntpd"], paid.body["ntpd"]);
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_11_a_request_that_something_on_the_way_repeats_at_another_gateway_is_paid_once() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let (_, sister, base) = world.sister().await;
    let there = Client { base, ..world.agent().clone() };
    let copies = (0..8).map(|i| {
        let client = if i % 2 == 0 { world.agent() } else { &there };
        client.pays_until_told("eleven", &quote)
    });
    let answers = join_all(copies).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.id()), (StatusCode::CREATED, answers[0].id()), "{}", answer.text);
    }
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    sister.stop().await;
    sound(&world).await;
}
