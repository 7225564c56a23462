//! Rows 35–39: Bapenda has booked, Jasa Raharja's answer is missing or bad.

use reqwest::StatusCode;
use samsat_gateway::payment::Decision;
use serde_json::json;

use super::{LATE_S, float, patient, sound, unsettled};
use crate::support::{Answer, Quote, World};

const CONFIRMED: &str = "SELECT count(*) FROM payment WHERE state = 'confirmed'";

#[tokio::test]
async fn fault_35_a_gateway_killed_between_the_two_bookings_is_followed_by_one_that_asks() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    world.fault("JASA_RAHARJA", "payment", "hang");
    let stream = doomed.client.says(&doomed.client.wire("35", &quote)).await;
    world.until_ordered("JASA_RAHARJA", 1).await;
    doomed.kill().await;
    drop(stream);
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 0));
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.no_faults();
    world.leases_run_out().await;
    world.settle_doubts().await;
    let open = world.agent().pays_with("35", &quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{}", open.text);
    assert!(open.body["ntpd"].is_string(), "what Bapenda booked is told: {}", open.text);
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().pays_with("35", &quote).await;
    assert_eq!((ended.status, ended.state()), (StatusCode::CREATED, "confirmed"), "{}", ended.text);
    assert_eq!((float(&world).await, world.booked("BAPENDA")), ((quote.total, 0), 1));
    let orders = world.orders("JASA_RAHARJA");
    assert_eq!(orders[0], orders[1], "sent again under its own reference");
    sound(&world).await;
}

/// Jasa Raharja's leg stays open; Bapenda's is posted, and the paper names its number.
async fn jasa_raharja_is_in_doubt(world: &World, fault: &str) -> (Quote, Answer) {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let before = float(world).await.0;
    unsettled(world, "JASA_RAHARJA", fault);
    let open = world.agent().pays(&quote).await;
    assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{fault}: {}", open.text);
    assert!(open.body["ntpd"].is_string() && open.body["certificate_no"].is_null(), "{fault}: {}", open.text);
    let still_held = quote.part("JASA_RAHARJA") + quote.fee();
    assert_eq!(float(world).await, (before + quote.total, still_held), "{fault}");
    let paper = open.body["receipt_no"].as_str().expect("a Bukti Titip");
    let paper = world.agent().get(&format!("/v1/receipts/{paper}")).await;
    assert_eq!(paper.body["kind"], "TITIP", "{}", paper.text);
    assert!(paper.text.contains(open.body["ntpd"].as_str().unwrap()), "{}", paper.text);
    (quote, open)
}

#[tokio::test]
async fn fault_36_no_usable_answer_of_jasa_raharja_leaves_bapendas_part_paid_and_is_asked_for() {
    let world = patient().await;
    let faults = [
        ("reset_before", false),
        ("hang", false),
        ("http_500", false),
        ("reset_after_booking", true),
        ("garbage", true),
        ("unsigned", true),
    ];
    for ((fault, booked), turn) in faults.into_iter().zip(1..) {
        let (_, open) = jasa_raharja_is_in_doubt(&world, fault).await;
        world.no_faults();
        if !booked {
            world.settle_doubts().await;
            assert_eq!(world.agent().reads(&open.id()).await.state(), "in_doubt", "{fault}");
            world.hosts_later(LATE_S * turn);
        }
        assert_eq!(world.settle_doubts().await, 0, "{fault}");
        let ended = world.agent().reads(&open.id()).await;
        assert_eq!((ended.state(), &ended.body["ntpd"]), ("confirmed", &open.body["ntpd"]), "{fault}");
        assert_eq!(float(&world).await.1, 0);
    }
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (6, 6));
    sound(&world).await;
}

#[tokio::test]
async fn fault_36_half_an_hour_of_silence_refuses_nothing_that_bapenda_has_booked() {
    let world = patient().await;
    let (quote, open) = jasa_raharja_is_in_doubt(&world, "reset_before").await;
    world.hosts_later(1_800);
    world.settle_doubts().await;
    assert_eq!(world.agent().cancels(&open.id()).await.status, StatusCode::CONFLICT);
    world.no_faults();
    world.settle_doubts().await;
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(
        world.agent().reads(&open.id()).await.state(),
        "confirmed",
        "long after the time for sending again"
    );
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

/// Jasa Raharja refuses for good after Bapenda has booked.
async fn refused_by_jasa_raharja(world: &World) -> (Quote, Answer) {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("JASA_RAHARJA", "payment", "refuse:BILL_NOT_FOUND");
    let open = world.agent().pays_with("37", &quote).await;
    let told = (open.status, open.state(), open.body["reason"].as_str());
    assert_eq!(told, (StatusCode::ACCEPTED, "in_doubt", Some("BILL_NOT_FOUND")), "{}", open.text);
    assert!(open.body["ntpd"].is_string());
    assert_eq!(world.open_cases("JR_REFUSED").await, 1);
    assert_eq!(float(world).await, (quote.total, quote.part("JASA_RAHARJA") + quote.fee()));
    world.no_faults();
    world.settle_doubts().await;
    let open = world.agent().pays_with("37", &quote).await;
    assert_eq!((open.state(), world.booked("BAPENDA")), ("in_doubt", 1), "nothing is reversed by itself");
    (quote, open)
}

#[tokio::test]
async fn fault_37_a_refusal_of_jasa_raharja_that_was_paid_elsewhere_is_given_back_and_confirms_the_tax() {
    let world = patient().await;
    let (quote, open) = refused_by_jasa_raharja(&world).await;
    assert_eq!(world.decide(&open.id(), Decision::PaidElsewhere).await, "confirmed");
    let swdkllj = quote.part("JASA_RAHARJA");
    assert_eq!(float(&world).await, (quote.total, swdkllj), "owed to the citizen");
    assert_eq!(world.count("SELECT amount FROM citizen_debt WHERE returned_at IS NULL").await, swdkllj);
    let ended = world.agent().reads(&open.id()).await;
    assert!(ended.body["certificate_no"].is_null() && ended.body["ntpd"].is_string(), "{}", ended.text);
    let back = json!({"returned_to": "Siti", "paper_surrendered": true});
    let path = format!("/v1/payments/{}/return", open.id());
    let given = world.agent().send(reqwest::Method::POST, &path, &[], Some(&back)).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    assert_eq!(float(&world).await, (quote.total - swdkllj, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_37_a_refusal_of_jasa_raharja_can_end_with_bapendas_reversal_by_two_people() {
    let world = patient().await;
    let (quote, open) = refused_by_jasa_raharja(&world).await;
    assert_eq!(world.decide(&open.id(), Decision::Reverse).await, "reversed");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (0, 0));
    assert_eq!(float(&world).await, (quote.total, quote.total), "owed until the outlet records the return");
    assert_eq!(world.count("SELECT amount FROM citizen_debt WHERE returned_at IS NULL").await, quote.total);
    // The vehicle is free again.
    let quote = world.agents[1].looks_up(&world.of_case("PAYABLE", 0)).await;
    assert_eq!(world.agents[1].pays(&quote).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn fault_38_a_gateway_killed_before_it_could_store_both_bookings_is_followed_by_one_that_asks() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let doomed = world.doomed().await;
    let in_the_way = world.stands_in_the_way("LOCK TABLE receipt IN EXCLUSIVE MODE").await;
    let stream = doomed.client.says(&doomed.client.wire("38", &quote)).await;
    world.until_ordered("JASA_RAHARJA", 1).await;
    world.until_blocked().await;
    doomed.kill().await;
    drop(stream);
    in_the_way.goes().await;
    world.until_quiet().await;
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!((world.count(CONFIRMED).await, float(&world).await), (0, (quote.total, quote.total)));
    world.leases_run_out().await;
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().pays_with("38", &quote).await;
    assert_eq!((ended.status, ended.state()), (StatusCode::CREATED, "confirmed"), "{}", ended.text);
    assert_eq!(world.count("SELECT count(*) FROM receipt WHERE kind = 'LUNAS'").await, 1);
    assert_eq!((float(&world).await, world.orders("JASA_RAHARJA").len()), ((quote.total, 0), 1));
    sound(&world).await;
}

#[tokio::test]
async fn fault_39_a_receipt_that_was_rolled_back_leaves_no_gap_in_its_series() {
    let world = patient().await;
    world.breaks("receipt", "NEW.kind = 'LUNAS'", ("40001", 2)).await;
    for _ in 0..2 {
        let paid = world.agent().pays(&world.agent().looks_up(&world.vehicle()).await).await;
        assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    }
    world.mends("receipt").await;
    assert_eq!(world.count("SELECT min(n) * 10 + max(n) FROM receipt WHERE kind = 'LUNAS'").await, 12);
    assert_eq!((float(&world).await.1, world.orders("BAPENDA").len()), (0, 2));
    sound(&world).await;
}
