//! Rows 18–27: the first call, to Bapenda.

use reqwest::StatusCode;
use serde_json::json;

use super::{LATE_S, float, patient, sound, unsettled, with_lines};
use crate::support::{Client, Mode, World};
use samsat_gateway::payment::Decision;

#[tokio::test]
async fn fault_18_what_never_left_is_refused_at_once_and_the_vehicle_is_free_again() {
    let world = with_lines().await;
    let agent = world.agent();
    let (vehicle, other) = (world.vehicle(), world.vehicle());
    let (quote, again) = (agent.looks_up(&vehicle).await, agent.looks_up(&vehicle).await);
    world.lines().bapenda.close().await;
    let unavailable = agent.asks(&other).await;
    assert_eq!(unavailable.code(), "UPSTREAM_UNAVAILABLE", "{}", unavailable.text);
    let refused = agent.pays(&quote).await;
    let told = (refused.status, refused.state(), refused.body["reason"].as_str());
    let expected = (StatusCode::UNPROCESSABLE_ENTITY, "refused", Some("UPSTREAM_UNAVAILABLE"));
    assert_eq!(told, expected, "{}", refused.text);
    assert!(refused.body["receipt_no"].is_null(), "no paper for cash that goes straight back");
    assert_eq!((float(&world).await, world.orders("JASA_RAHARJA").len()), ((0, 0), 0));
    world.lines().bapenda.open().await;
    assert_eq!(agent.pays(&again).await.state(), "confirmed");
    sound(&world).await;
}

/// Bapenda gives no usable answer to the payment; the outcome here is open until asking settles it.
async fn is_in_doubt_until_asked(world: &World, fault: &str, (booked, turn): (bool, i64)) {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let before = float(world).await.0;
    unsettled(world, "BAPENDA", fault);
    let open = world.agent().pays(&quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{fault}: {}", open.text);
    assert!(open.body["receipt_no"].as_str().is_some_and(|no| no.contains("TITIP") || !no.is_empty()));
    assert!(open.header("retry-after").is_some() && open.body["ntpd"].is_null());
    assert_eq!(float(world).await, (before + quote.total, quote.total), "{fault}");
    world.no_faults();
    world.settle_doubts().await;
    if !booked {
        let still = world.agent().reads(&open.id()).await;
        assert_eq!(still.state(), "in_doubt", "{fault}: a 404 now proves nothing");
        world.hosts_later(LATE_S * turn);
        world.settle_doubts().await;
    }
    let ended = world.agent().reads(&open.id()).await;
    assert_eq!(ended.state(), "confirmed", "{fault}: {}", ended.text);
    assert_eq!(float(world).await, (before + quote.total, 0), "{fault}");
}

/// Every copy of a leg carried the reference that was chosen first.
fn one_reference_a_payment(world: &World, payments: usize) {
    let references: std::collections::BTreeSet<String> = world.orders("BAPENDA").into_iter().collect();
    assert_eq!(references.len(), payments);
}

#[tokio::test]
async fn fault_19_silence_or_a_reset_after_the_first_byte_is_a_doubt_that_asking_settles() {
    let world = patient().await;
    let faults = [
        ("reset_before", false),
        ("reset_after_booking", true),
        ("hang", false),
        ("hang_after_booking", true),
    ];
    for ((fault, booked), turn) in faults.into_iter().zip(1..) {
        is_in_doubt_until_asked(&world, fault, (booked, turn)).await;
    }
    one_reference_a_payment(&world, 4);
    sound(&world).await;
}

#[tokio::test]
async fn fault_20_a_server_error_never_says_more_than_unknown() {
    let world = patient().await;
    let faults = [("http_500", false), ("http_503", false), ("http_500_after_booking", true)];
    for ((fault, booked), turn) in faults.into_iter().zip(1..) {
        is_in_doubt_until_asked(&world, fault, (booked, turn)).await;
    }
    one_reference_a_payment(&world, 3);
    sound(&world).await;
}

#[tokio::test]
async fn fault_21_a_definite_refusal_ends_it_at_once_and_the_hold_is_void() {
    let world = patient().await;
    for code in ["BILL_EXPIRED", "AMOUNT_MISMATCH", "BILL_NOT_FOUND", "ALREADY_PAID"] {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        world.fault("BAPENDA", "payment", &format!("refuse:{code}"));
        let refused = world.agent().pays_with(code, &quote).await;
        let told = (refused.status, refused.state(), refused.body["reason"].as_str());
        assert_eq!(told, (StatusCode::UNPROCESSABLE_ENTITY, "refused", Some(code)), "{}", refused.text);
        assert!(refused.body["receipt_no"].is_null());
        assert_eq!(float(&world).await, (0, 0));
        world.no_faults();
        let again = world.agent().pays_with(code, &quote).await;
        assert_eq!(again.body, refused.body, "a refused reference stays refused");
    }
    assert_eq!((world.orders("BAPENDA").len(), world.orders("JASA_RAHARJA").len()), (4, 0));
    assert_eq!(world.open_cases("LATE_SUCCESS").await, 0);
    sound(&world).await;
}

#[tokio::test]
async fn fault_22_already_paid_by_a_payment_of_ours_that_was_refused_is_a_late_success() {
    let world = patient().await;
    let vehicle = world.vehicle();
    let (one, other) = (&world.agents[0], &world.agents[1]);
    let (first, second) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    world.fault("BAPENDA", "payment", "refuse_after_booking:BILL_NOT_FOUND");
    let refused = one.pays(&first).await;
    assert_eq!(refused.state(), "refused", "{}", refused.text);
    world.no_faults();
    let paid_before = other.pays(&second).await;
    let told = (paid_before.state(), paid_before.body["reason"].as_str());
    assert_eq!(told, ("refused", Some("ALREADY_PAID")), "{}", paid_before.text);
    assert_eq!(world.open_cases("LATE_SUCCESS").await, 1);
    assert_eq!((one.float().await.1, other.float().await.1), (0, 0));
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_23_an_answer_that_cannot_be_read_or_believed_is_no_answer() {
    let world = patient().await;
    for fault in ["garbage", "truncated_body", "unsigned", "wrong_signature"] {
        is_in_doubt_until_asked(&world, fault, (true, 0)).await;
    }
    one_reference_a_payment(&world, 4);
    sound(&world).await;
}

#[tokio::test]
async fn fault_23_an_answer_that_is_too_large_is_no_answer() {
    answer_on_the_wire_is_a_doubt("HTTP/1.1 200 OK", &"x".repeat(100_000)).await;
}

/// Whatever an unsigned answer on the wire says, the outcome is open; later it is proven absent and sent again.
async fn answer_on_the_wire_is_a_doubt(head: &str, body: &str) {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let answer = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    world.lines().bapenda.set(Mode::Says(answer.into_bytes()));
    let open = world.agent().pays(&quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{head}: {}", open.text);
    assert_eq!(float(&world).await, (quote.total, quote.total));
    assert_eq!((world.booked("BAPENDA"), world.orders("JASA_RAHARJA").len()), (0, 0));
    world.lines().bapenda.set(Mode::Pass);
    world.hosts_later(LATE_S);
    world.settle_doubts().await;
    let ended = world.agent().reads(&open.id()).await;
    assert_eq!(ended.state(), "confirmed", "{head}: {}", ended.text);
    sound(&world).await;
}

#[tokio::test]
async fn fault_20_a_proxy_that_says_too_many_requests_says_nothing_of_the_outcome() {
    answer_on_the_wire_is_a_doubt("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1", "{}").await;
}

#[tokio::test]
async fn fault_27_a_redirect_is_not_followed_and_proves_nothing() {
    answer_on_the_wire_is_a_doubt("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/", "")
        .await;
}

#[tokio::test]
async fn fault_24_an_answer_about_another_amount_or_bill_waits_for_two_people() {
    let world = patient().await;
    for (fault, says, turn) in [("wrong_amount", "ANOTHER_AMOUNT", 1), ("wrong_plate", "ANOTHER_BILL", 2)] {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        let before = float(&world).await.0;
        world.fault("BAPENDA", "payment", fault);
        let held = world.agent().pays(&quote).await;
        let told = (held.status, held.state(), held.body["reason"].as_str());
        assert_eq!(told, (StatusCode::ACCEPTED, "integrity_hold", Some(says)), "{}", held.text);
        assert_eq!(float(&world).await, (before + quote.total, quote.total));
        assert_eq!(world.open_cases("INTEGRITY_HOLD").await, 1);
        assert_eq!(world.booked("JASA_RAHARJA"), usize::try_from(turn).unwrap() - 1, "not asked");
        world.no_faults();
        world.settle_doubts().await;
        assert_eq!(
            world.agent().reads(&held.id()).await.state(),
            "integrity_hold",
            "nobody decides but people"
        );
        assert_eq!(
            world.decide(&held.id(), Decision::Ask).await,
            "in_doubt",
            "the second leg counts as sent"
        );
        world.hosts_later(LATE_S * turn);
        assert_eq!(world.settle_doubts().await, 0);
        assert_eq!(world.agent().reads(&held.id()).await.state(), "confirmed");
        assert_eq!(float(&world).await, (before + quote.total, 0));
        world
            .does("UPDATE case_file SET closed_at = now(), resolution = 'uji' WHERE class = 'INTEGRITY_HOLD'")
            .await;
    }
    sound(&world).await;
}

#[tokio::test]
async fn fault_25_a_booking_without_its_number_is_a_doubt() {
    let world = patient().await;
    is_in_doubt_until_asked(&world, "no_number", (true, 0)).await;
    sound(&world).await;
}

#[tokio::test]
async fn fault_25_a_number_that_another_payment_has_waits_for_two_people() {
    let world = patient().await;
    let agent = world.agent();
    let paid = agent.pays(&agent.looks_up(&world.vehicle()).await).await;
    let quote = agent.looks_up(&world.vehicle()).await;
    let before = float(&world).await.0;
    world.fault("BAPENDA", "payment", "number_of_another");
    let held = agent.pays(&quote).await;
    assert_eq!((held.status, held.state()), (StatusCode::ACCEPTED, "integrity_hold"), "{}", held.text);
    assert!(held.body["reason"].as_str().unwrap().eq("NUMBER_USED_BEFORE"), "{}", held.text);
    assert_eq!(float(&world).await, (before + quote.total, quote.total));
    assert_eq!(agent.reads(&paid.id()).await.body["ntpd"], paid.body["ntpd"]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM evidence WHERE operation = 'payment' AND authority = 'BAPENDA'")
            .await,
        2
    );
    world.no_faults();
    assert_eq!(world.decide(&held.id(), Decision::Ask).await, "confirmed", "its own number is free");
    assert_eq!(float(&world).await, (before + quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_26_an_answer_that_drips_ends_with_the_calls_own_deadline() {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.lines().bapenda.set(Mode::Drip);
    let began = std::time::Instant::now();
    let open = world.agent().pays(&quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{}", open.text);
    assert!(began.elapsed().as_millis() < 10_000, "each drop does not begin the deadline anew");
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.lines().bapenda.set(Mode::Pass);
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn fault_27_a_host_that_cannot_prove_who_it_is_gets_no_byte_of_a_payment() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let (_, sister, base) = world
        .sister_with(|config| {
            config.upstream.bapenda.url = config.upstream.bapenda.url.replace("http://", "https://");
        })
        .await;
    let refused = Client { base, ..world.agent().clone() }.pays(&quote).await;
    let told = (refused.status, refused.body["reason"].as_str());
    assert_eq!(told, (StatusCode::UNPROCESSABLE_ENTITY, Some("UPSTREAM_UNAVAILABLE")), "{}", refused.text);
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    sister.stop().await;
    sound(&world).await;
}

#[tokio::test]
async fn fault_21_bapenda_refuses_before_jasa_raharja_is_ever_asked() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "refuse:BILL_NOT_FOUND"},
        {"host": "JASA_RAHARJA", "operation": "payment", "fault": "reset_after_booking"},
    ]));
    assert_eq!(world.agent().pays(&quote).await.state(), "refused");
    assert_eq!((world.booked("JASA_RAHARJA"), world.orders("JASA_RAHARJA").len()), (0, 0));
    sound(&world).await;
}
