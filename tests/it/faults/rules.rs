//! Rules 1 to 7: what begins, what ends, and what is owed, where no row of the matrix shows it by itself.

use reqwest::{Method, StatusCode};
use samsat_gateway::domain::Authority;
use samsat_gateway::payment::Decision;
use samsat_gateway::upstream::{ReversalOrder, Reversed};
use serde_json::{Value, json};

use super::{LATE_S, float, patient, sound, unsettled};
use crate::support::World;

#[tokio::test]
async fn rule_01_tx_a_is_whole_or_nothing() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    for table in ["payment", "payment_leg", "payment_work", "transfer", "audit_event"] {
        world.breaks(table, "true", ("P0001", 1)).await;
        let broken = world.agent().pays_with("1", &quote).await;
        assert_eq!(
            (broken.status, broken.body["retry"].as_str()),
            (StatusCode::INTERNAL_SERVER_ERROR, Some("same_key"))
        );
        world.mends(table).await;
        let left = "SELECT (SELECT count(*) FROM idempotency_key) + (SELECT count(*) FROM payment) +
            (SELECT count(*) FROM vehicle_lock) + (SELECT count(*) FROM payment_work) +
            (SELECT count(*) FROM transfer WHERE code = 'HOLD')";
        assert_eq!((world.count(left).await, float(&world).await), (0, (0, 0)), "{table}");
    }
    assert_eq!(world.orders("BAPENDA").len(), 0);
    assert_eq!(world.agent().pays_with("1", &quote).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn rule_02_a_refusal_of_one_copy_or_an_unknown_word_is_a_doubt() {
    let world = patient().await;
    for (code, turn) in [("TOO_LATE", 1), ("UNAUTHORIZED", 2), ("END_OF_DAY", 3)] {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        let before = float(&world).await.0;
        unsettled(&world, "BAPENDA", &format!("refuse:{code}"));
        let open = world.agent().pays(&quote).await;
        assert_eq!((open.status, open.state()), (StatusCode::ACCEPTED, "in_doubt"), "{code}: {}", open.text);
        assert_eq!(float(&world).await, (before + quote.total, quote.total));
        world.no_faults();
        world.hosts_later(LATE_S * turn);
        assert_eq!(world.settle_doubts().await, 0);
        assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed", "{code}");
    }
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "refuse:NEVER_HEARD_OF");
    let open = world.agent().pays(&quote).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    sound(&world).await;
}

#[tokio::test]
async fn rule_02_a_reference_that_was_used_for_something_else_waits_for_two_people() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "refuse:REFERENCE_REUSED");
    let held = world.agent().pays(&quote).await;
    let told = (held.status, held.state(), held.body["reason"].as_str());
    assert_eq!(told, (StatusCode::ACCEPTED, "integrity_hold", Some("REFERENCE_REUSED")), "{}", held.text);
    assert_eq!(world.open_cases("INTEGRITY_HOLD").await, 1);
    world.no_faults();
    assert_eq!(world.agent().cancels(&held.id()).await.status, StatusCode::CONFLICT);
    assert_eq!(
        world.decide(&held.id(), Decision::Refuse).await,
        "in_doubt",
        "only what is proven absent is refused"
    );
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().reads(&held.id()).await;
    assert_eq!(
        (ended.state(), float(&world).await),
        ("refused", (quote.total, quote.total)),
        "{}",
        ended.text
    );
    sound(&world).await;
}

#[tokio::test]
async fn rule_03_a_copys_end_is_committed_before_the_copy_leaves() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "hang"},
        {"host": "*", "operation": "status", "fault": "http_500"},
    ]));
    let stream = world.agent().says(&world.agent().wire("3", &quote)).await;
    world.until_ordered("BAPENDA", 1).await;
    assert_eq!(world.ends_on_the_wire().last(), Some(&world.committed_end().await));
    drop(stream);
    world.until("SELECT count(*) FROM payment WHERE state = 'in_doubt'", 1).await;
    world.faults(json!([{"host": "BAPENDA", "operation": "payment", "fault": "hang_after_booking"}]));
    world.hosts_later(LATE_S);
    let sends_again = world.settle_doubts();
    let looks = async {
        world.until_ordered("BAPENDA", 2).await;
        assert_eq!(world.ends_on_the_wire().last(), Some(&world.committed_end().await));
    };
    tokio::join!(sends_again, looks);
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

impl World {
    fn ends_on_the_wire(&self) -> Vec<i64> {
        let orders = self.mock.requests().into_iter();
        let orders = orders.filter(|seen| seen.path == "/bapenda/v1/payments");
        let end = |body: String| -> Option<i64> {
            let body: Value = serde_json::from_str(&body).ok()?;
            Some(chrono::DateTime::parse_from_rfc3339(body["not_after"].as_str()?).ok()?.timestamp())
        };
        orders.filter_map(|seen| end(seen.body)).collect()
    }

    async fn committed_end(&self) -> i64 {
        self.count(
            "SELECT extract(epoch FROM not_after)::bigint FROM payment_leg WHERE authority = 'BAPENDA'",
        )
        .await
    }
}

#[tokio::test]
async fn rule_04_a_wish_to_cancel_is_granted_only_when_no_copy_can_be_booked_and_then_nothing_is_sent_again()
{
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "reset_before"}]));
    let open = world.agent().pays(&quote).await;
    let not_yet = world.agent().cancels(&open.id()).await;
    assert_eq!((not_yet.status, not_yet.state()), (StatusCode::CONFLICT, "in_doubt"), "{}", not_yet.text);
    assert_eq!(world.agents[1].cancels(&open.id()).await.status, StatusCode::NOT_FOUND, "not his to end");
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let ended = world.agent().cancels(&open.id()).await;
    let told = (ended.status, ended.state(), ended.body["reason"].as_str());
    assert_eq!(told, (StatusCode::OK, "refused", Some("CANCELLED")), "{}", ended.text);
    assert_eq!(world.orders("BAPENDA").len(), 1);
    sound(&world).await;
}

#[tokio::test]
async fn rule_06_a_booking_that_was_taken_back_while_we_were_in_doubt_confirms_nothing() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let open = world.agent().pays(&quote).await;
    let order = ReversalOrder {
        reference: world.orders("BAPENDA")[0].parse().map(samsat_gateway::domain::Reference).unwrap(),
        reversal_reference: samsat_gateway::domain::Reference::new(),
        reason: "LOKET".to_owned(),
        requested_by: "loket".to_owned(),
        approved_by: "kepala loket".to_owned(),
    };
    let taken_back = world.app.upstream.host(Authority::Bapenda).reverse(&order).await;
    assert!(matches!(taken_back, Reversed::Agreed(..)), "{taken_back:?}");
    world.no_faults();
    world.settle_doubts().await;
    let held = world.agent().reads(&open.id()).await;
    assert_eq!(
        (held.state(), held.body["reason"].as_str()),
        ("integrity_hold", Some("REVERSED_THERE")),
        "{}",
        held.text
    );
    assert_eq!(
        (world.open_cases("INTEGRITY_HOLD").await, float(&world).await),
        (1, (quote.total, quote.total))
    );
    assert_eq!(world.decide(&open.id(), Decision::Refuse).await, "refused");
    assert_eq!(world.orders("BAPENDA").len(), 1);
    sound(&world).await;
}

#[tokio::test]
async fn rule_07_cash_owed_after_a_paper_was_handed_over_is_owed_until_the_outlet_records_its_return_once() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "reset_before"}]));
    let open = world.agent().pays(&quote).await;
    let back = json!({"returned_to": "Siti", "paper_surrendered": true});
    let path = format!("/v1/payments/{}/return", open.id());
    let early = world.agent().send(Method::POST, &path, &[], Some(&back)).await;
    assert_eq!(early.status, StatusCode::NOT_FOUND, "nothing is owed while it is open");
    world.agent().cancels(&open.id()).await;
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let paper =
        world.agent().get(&format!("/v1/receipts/{}", open.body["receipt_no"].as_str().unwrap())).await;
    assert_eq!(
        (&paper.body["kind"], &paper.body["status"]),
        (&json!("TITIP"), &json!("NOT_PAID")),
        "{}",
        paper.text
    );
    assert_eq!(float(&world).await, (quote.total, quote.total));
    let stranger = world.agents[1].send(Method::POST, &path, &[], Some(&back)).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    for _ in 0..2 {
        let given = world.agent().send(Method::POST, &path, &[], Some(&back)).await;
        assert_eq!((given.status, float(&world).await), (StatusCode::OK, (0, 0)), "{}", given.text);
    }
    sound(&world).await;
}
