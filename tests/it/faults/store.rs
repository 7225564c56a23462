//! Rows 12–15, 32, 33, 45: the store fails, before and after money moved.

use reqwest::StatusCode;
use samsat_gateway::payment::Decision;

use super::{LATE_S, float, patient, sound, unsettled, with_lines};
use crate::support::{Shape, World};

const CONFIRMED: &str = "SELECT count(*) FROM payment WHERE state = 'confirmed'";

#[tokio::test]
async fn fault_12_a_gateway_killed_before_tx_a_is_committed_leaves_nothing() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    let in_the_way = world.stands_in_the_way("LOCK TABLE payment IN EXCLUSIVE MODE").await;
    let stream = doomed.client.says(&doomed.client.wire("12", &quote)).await;
    world.until_blocked().await;
    doomed.kill().await;
    drop(stream);
    in_the_way.goes().await;
    world.until_quiet().await;
    assert_eq!(
        world.count("SELECT (SELECT count(*) FROM payment) + (SELECT count(*) FROM idempotency_key)").await,
        0
    );
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    let paid = world.agent().pays_with("12", &quote).await;
    assert_eq!(
        (paid.status, paid.header("idempotent-replayed")),
        (StatusCode::CREATED, None),
        "{}",
        paid.text
    );
    sound(&world).await;
}

/// The nth COMMIT of a payment loses its connection; the same transaction runs again with the same ids.
async fn a_lost_commit_is_run_again(nth: usize, delivered: bool) {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.lines().database.lose_commit(nth, delivered);
    let paid = world.agent().pays_with("13", &quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    assert_eq!(world.agent().pays_with("13", &quote).await.body, paid.body);
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM receipt").await, 1);
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    sound(&world).await;
}

#[tokio::test]
async fn fault_13_a_commit_of_tx_a_that_was_done_but_not_answered_is_found_again() {
    a_lost_commit_is_run_again(1, true).await;
}

#[tokio::test]
async fn fault_13_a_commit_of_tx_a_that_never_arrived_is_done_again() {
    a_lost_commit_is_run_again(1, false).await;
}

#[tokio::test]
async fn fault_32_a_commit_of_tx_b_that_was_done_but_not_answered_is_found_again() {
    a_lost_commit_is_run_again(2, true).await;
}

#[tokio::test]
async fn fault_32_a_commit_of_tx_b_that_never_arrived_is_done_again() {
    a_lost_commit_is_run_again(2, false).await;
}

#[tokio::test]
async fn fault_13_until_a_lost_commit_is_known_the_cashier_keeps_the_money_and_nothing_is_sent() {
    let config = |config: &mut samsat_gateway::config::Config| {
        config.upstream.not_after_s = 60;
        config.upstream.tolerance_s = 30;
        config.database.acquire_timeout_ms = 300;
        config.http.answer_within_ms = 2_000;
    };
    let world = World::shaped(Shape { lines: true, config, ..Shape::default() }).await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.lines().database.lose_commit(1, true);
    let cut = async {
        world.until("SELECT count(*) FROM payment", 1).await;
        world.lines().database.close().await;
    };
    let in_the_way = world.stands_in_the_way("LOCK TABLE payment_work IN EXCLUSIVE MODE").await;
    let then = async {
        world.until_blocked().await;
        in_the_way.goes().await;
        cut.await;
    };
    let (unknown, ()) = tokio::join!(world.agent().pays_with("13", &quote), then);
    // Whether the retry was faster than the cut or not, the answer is never a lie.
    if unknown.status == StatusCode::SERVICE_UNAVAILABLE {
        assert_eq!((unknown.code(), unknown.body["retry"].as_str()), ("UNAVAILABLE", Some("same_key")));
        assert!(unknown.text.contains("simpan uangnya") && unknown.header("retry-after").is_some());
        assert_eq!(world.orders("BAPENDA").len(), 0);
    }
    world.lines().database.open().await;
    let paid = world.agent().pays_until_told("13", &quote).await;
    world.until(CONFIRMED, 1).await;
    world.recovers().await;
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "confirmed");
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    sound(&world).await;
}

#[tokio::test]
async fn fault_14_a_transaction_that_postgresql_rolled_back_for_its_own_reasons_runs_again() {
    let world = patient().await;
    for code in ["40001", "40P01", "55P03"] {
        world.breaks("payment", "true", (code, 2)).await;
        let paid = world.agent().pays(&world.agent().looks_up(&world.vehicle()).await).await;
        assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{code}: {}", paid.text);
        world.mends("payment").await;
    }
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await.1), (3, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_14_a_database_that_stays_busy_leaves_nothing_and_the_same_key_works_later() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.breaks("payment", "true", ("40001", 1_000)).await;
    let busy = world.agent().pays_with("14", &quote).await;
    assert_eq!(
        (busy.status, busy.body["retry"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("same_key"))
    );
    assert!(busy.header("retry-after").is_some());
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0);
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    world.mends("payment").await;
    assert_eq!(world.agent().pays_with("14", &quote).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn fault_15_requests_that_use_every_connection_are_told_to_wait_and_starve_no_open_payment() {
    let config = |config: &mut samsat_gateway::config::Config| {
        config.database.pool_max = 3;
        config.database.acquire_timeout_ms = 200;
    };
    let world = World::shaped(Shape { config, ..Shape::default() }).await;
    let agent = world.agent();
    let (quote, next) = (agent.looks_up(&world.vehicle()).await, agent.looks_up(&world.vehicle()).await);
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let open = agent.pays(&quote).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    let mut taken = vec![];
    for _ in 0..3 {
        taken.push(world.app.db.requests.acquire().await.unwrap());
    }
    let busy = agent.get("/v1/payments").await;
    assert_eq!(
        (busy.status, busy.body["retry"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("same_key"))
    );
    assert!(busy.header("retry-after").is_some());
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0, "the workers have connections of their own");
    assert_eq!(agent.reads(&open.id()).await.state(), "confirmed", "one payment is read beside them");
    assert_eq!(agent.pays_with("15", &next).await.state(), "confirmed", "a payment needs none of them");
    drop(taken);
    assert_eq!(float(&world).await, (quote.total + next.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_32_a_store_that_is_gone_when_both_have_booked_is_waited_for() {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("JASA_RAHARJA", "payment", "delay_ms:300");
    let cut = async {
        world.until_ordered("JASA_RAHARJA", 1).await;
        world.lines().database.close().await;
        while world.booked("JASA_RAHARJA") == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.count(CONFIRMED).await, 0);
        world.lines().database.open().await;
    };
    let (answer, ()) = tokio::join!(world.agent().pays_with("32", &quote), cut);
    assert!(matches!(answer.status.as_u16(), 201 | 503), "{}", answer.text);
    let paid = world.agent().pays_until_told("32", &quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    world.recovers().await;
    assert_eq!((world.orders("BAPENDA").len(), world.orders("JASA_RAHARJA").len()), (1, 1));
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_33_an_outcome_that_the_store_refuses_is_held_for_two_people_with_the_bytes_that_prove_it() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.breaks("receipt", "NEW.kind = 'LUNAS'", ("P0001", 1_000)).await;
    let held = world.agent().pays(&quote).await;
    assert_eq!((held.status, held.state()), (StatusCode::ACCEPTED, "integrity_hold"), "{}", held.text);
    assert!(held.body["reason"].as_str().unwrap().starts_with("STORE_REFUSED"), "{}", held.text);
    assert_eq!(float(&world).await, (quote.total, quote.total));
    assert_eq!(
        world.count("SELECT count(*) FROM evidence WHERE operation = 'payment' AND status = 200").await,
        2
    );
    assert_eq!(world.open_cases("INTEGRITY_HOLD").await, 1);
    world.mends("receipt").await;
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&held.id()).await.state(), "integrity_hold");
    assert_eq!(world.decide(&held.id(), Decision::Ask).await, "confirmed");
    assert_eq!((float(&world).await, world.booked("BAPENDA")), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_45_a_server_that_drops_every_session_in_the_middle_is_outlived() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "delay_ms:300");
    let restart = async {
        world.until_ordered("BAPENDA", 1).await;
        world.sessions_die().await;
    };
    let (answer, ()) = tokio::join!(world.agent().pays_with("45", &quote), restart);
    assert!(matches!(answer.status.as_u16(), 201 | 202 | 500 | 503), "{}", answer.text);
    let paid = world.agent().pays_until_told("45", &quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    world.recovers().await;
    assert_eq!((world.orders("BAPENDA").len(), world.orders("JASA_RAHARJA").len()), (1, 1));
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_45_a_payment_killed_with_its_sessions_in_doubt_is_resumed() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "reset_before");
    let open = world.agent().pays(&quote).await;
    world.sessions_die().await;
    world.no_faults();
    world.hosts_later(LATE_S);
    world.until(CONFIRMED, 1).await;
    world.recovers().await;
    assert_eq!(
        (world.agent().reads(&open.id()).await.state(), float(&world).await),
        ("confirmed", (quote.total, 0))
    );
    sound(&world).await;
}
