//! Rows 16, 17, 28–31, 34, 49: what goes on with a payment that a request left open.

use reqwest::StatusCode;
use serde_json::json;

use super::{LATE_S, float, patient, sound, unsettled, with_lines};
use crate::support::Mode;

#[tokio::test]
async fn fault_16_a_gateway_killed_before_it_sent_anything_is_followed_by_one_that_sends_once_absence_is_proven()
 {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    world.lines().bapenda.set(Mode::Swallow);
    let stream = doomed.client.says(&doomed.client.wire("16", &quote)).await;
    world.until("SELECT count(*) FROM payment WHERE state = 'held'", 1).await;
    doomed.kill().await;
    drop(stream);
    world.lines().bapenda.set(Mode::Pass);
    let open = world.agent().pays_with("16", &quote).await;
    assert_eq!((open.status, open.code()), (StatusCode::CONFLICT, "IN_PROGRESS"), "{}", open.text);
    world.leases_run_out().await;
    world.settle_doubts().await;
    let open = world.agent().pays_with("16", &quote).await;
    assert_eq!(
        (open.status, open.state()),
        (StatusCode::ACCEPTED, "in_doubt"),
        "held counts as sent: {}",
        open.text
    );
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, quote.total), 0));
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().pays_with("16", &quote).await;
    assert_eq!((ended.status, ended.state()), (StatusCode::CREATED, "confirmed"), "{}", ended.text);
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_17_a_gateway_killed_while_it_sent_is_followed_by_one_that_asks_and_never_sends_blindly() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    world.fault("BAPENDA", "payment", "hang_after_booking");
    let stream = doomed.client.says(&doomed.client.wire("17", &quote)).await;
    world.until_ordered("BAPENDA", 1).await;
    doomed.kill().await;
    drop(stream);
    world.no_faults();
    world.leases_run_out().await;
    world.settle_doubts().await;
    assert_eq!(world.orders("BAPENDA").len(), 1, "asked, not sent again");
    let open = world.agent().pays_with("17", &quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{}", open.text);
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().pays_with("17", &quote).await.state(), "confirmed");
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_17_a_gateway_that_starts_again_takes_its_own_payments_up_at_once() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    world.faults(
        json!([{"host": "JASA_RAHARJA", "operation": "payment", "nth": 1, "fault": "hang_after_booking"}]),
    );
    let stream = doomed.client.says(&doomed.client.wire("17", &quote)).await;
    world.until_ordered("JASA_RAHARJA", 1).await;
    let reborn = doomed.kill_and_start_again(&world).await;
    drop(stream);
    world.until("SELECT count(*) FROM payment WHERE state = 'confirmed'", 1).await;
    assert_eq!(reborn.client.pays_with("17", &quote).await.state(), "confirmed");
    assert_eq!((world.booked("BAPENDA"), world.orders("JASA_RAHARJA").len()), (1, 1));
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_28_a_booking_found_by_our_reference_goes_on_to_the_second_leg_at_once() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "http_500_after_booking");
    let open = world.agent().pays(&quote).await;
    assert_eq!((open.state(), world.orders("JASA_RAHARJA").len()), ("in_doubt", 0), "{}", open.text);
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.no_faults();
    world.resolve(&open.id()).await;
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed");
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_29_a_404_proves_nothing_while_the_request_may_still_arrive() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "book_late"}]));
    let open = world.agent().pays(&quote).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    world.settle_doubts().await;
    let still = world.agent().reads(&open.id()).await;
    assert_eq!((still.state(), world.booked("BAPENDA")), ("in_doubt", 0), "the host says it knows nothing");
    assert_eq!(world.agent().cancels(&open.id()).await.status, StatusCode::CONFLICT, "a copy may be booked");
    assert_eq!(float(&world).await, (quote.total, quote.total));
    // The request arrives just before its end.
    world.hosts_later(59);
    while world.booked("BAPENDA") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().reads(&open.id()).await;
    assert_eq!(ended.state(), "confirmed", "{}", ended.text);
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_29_what_is_proven_absent_is_sent_again_under_the_same_reference_with_a_later_end() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "reset_before");
    let open = world.agent().pays(&quote).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    let first_end =
        world.count("SELECT extract(epoch FROM not_after)::bigint FROM payment_leg WHERE ordinal = 0").await;
    world.no_faults();
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let orders = world.orders("BAPENDA");
    assert_eq!((orders.len(), &orders[0]), (2, &orders[1]));
    let end =
        world.count("SELECT extract(epoch FROM not_after)::bigint FROM payment_leg WHERE ordinal = 0").await;
    assert!(end >= first_end + LATE_S - 60, "{first_end} {end}");
    assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed");
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_30_status_that_is_down_for_long_refuses_nothing_and_keeps_the_vehicle_closed() {
    let world = patient().await;
    let vehicle = world.vehicle();
    let (one, other) = (&world.agents[0], &world.agents[1]);
    let (quote, theirs) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let open = one.pays(&quote).await;
    for minutes in [4, 8, 12, 16, 30] {
        world.hosts_later(minutes * 60);
        world.settle_doubts().await;
        assert_eq!(one.reads(&open.id()).await.state(), "in_doubt", "after {minutes} minutes");
    }
    let busy = other.pays(&theirs).await;
    assert_eq!(busy.code(), "VEHICLE_BUSY", "{}", busy.text);
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.no_faults();
    world.settle_doubts().await;
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(one.reads(&open.id()).await.state(), "confirmed");
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_30_what_is_absent_after_the_time_for_sending_again_is_refused_and_owed_to_the_citizen() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "reset_before");
    let open = world.agent().pays(&quote).await;
    world.hosts_later(700);
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&open.id()).await.state(), "in_doubt", "no timer ends it");
    world.no_faults();
    world.settle_doubts().await;
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().reads(&open.id()).await;
    assert_eq!(
        (ended.state(), ended.body["reason"].as_str()),
        ("refused", Some("NOT_BOOKED")),
        "{}",
        ended.text
    );
    assert_eq!(world.orders("BAPENDA").len(), 1, "not sent again");
    assert_eq!(float(&world).await, (quote.total, quote.total), "owed until the outlet records the return");
    assert_eq!(world.count("SELECT amount FROM citizen_debt WHERE returned_at IS NULL").await, quote.total);
    sound(&world).await;
}

#[tokio::test]
async fn fault_31_a_request_that_is_delivered_twice_is_booked_once() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([{"host": "*", "operation": "payment", "fault": "duplicate_delivery"}]));
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_49_a_gateway_paused_past_its_lease_moves_nothing_that_another_has_moved() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let (sister, running, _) = world.sister().await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "delay_ms:1000"},
        {"host": "BAPENDA", "operation": "status", "fault": "http_500"},
    ]));
    let other_takes_over = async {
        world.until_ordered("BAPENDA", 1).await;
        world.leases_run_out().await;
        sister.payments.resolve_due(true).await.unwrap();
        world.until("SELECT count(*) FROM payment WHERE state = 'in_doubt'", 1).await;
    };
    let (late, ()) = tokio::join!(world.agent().pays_with("49", &quote), other_takes_over);
    assert_eq!(
        (late.status, late.state()),
        (StatusCode::ACCEPTED, "in_doubt"),
        "its answer came too late: {}",
        late.text
    );
    assert_eq!(float(&world).await, (quote.total, quote.total), "posted by nobody yet");
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&late.id()).await.state(), "confirmed");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!(float(&world).await, (quote.total, 0));
    running.stop().await;
    sound(&world).await;
}
