//! Every fault of a call, seen from the partner's end, with the book beside it.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{BAPENDA, JASA_RAHARJA, Office, in_seconds, now, today, uuid, with};

async fn fresh_order(office: &Office) -> Value {
    office.order(BAPENDA, &office.vehicle("PAYABLE")).await
}

async fn pay_attempt(office: &Office, order: &Value) -> Result<crate::client::Answer, reqwest::Error> {
    office.send(BAPENDA, "POST", "/payments", &order.to_string()).await
}

#[tokio::test]
async fn a_reset_before_leaves_nothing_and_a_reset_after_leaves_a_booking() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("payment", "reset_before");
    assert!(pay_attempt(&office, &order).await.is_err());
    assert!(office.booked(BAPENDA, &order).is_none());
    office.play_always("payment", "reset_after_booking");
    assert!(pay_attempt(&office, &order).await.is_err());
    assert_eq!(office.status(BAPENDA, &order).await.json()["status"], "PAID");
    office.close().await;
}

#[tokio::test]
async fn a_host_that_hangs_says_nothing_until_the_partner_goes() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    for (fault, booked) in [("hang", false), ("hang_after_booking", true)] {
        office.play_always("payment", fault);
        let waited = tokio::time::timeout(Duration::from_millis(300), pay_attempt(&office, &order)).await;
        assert!(waited.is_err(), "{fault}");
        assert_eq!(office.booked(BAPENDA, &order).is_some(), booked, "{fault}");
    }
    office.close().await;
}

#[tokio::test]
async fn a_5xx_is_unsigned_and_books_nothing_unless_it_is_to() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    for (fault, status, booked) in
        [("http_500", 500, false), ("http_503", 503, false), ("http_500_after_booking", 500, true)]
    {
        office.play_always("payment", fault);
        let answer = office.pay(BAPENDA, &order).await;
        assert_eq!((answer.status, answer.signed), (status, false));
        assert_eq!(office.booked(BAPENDA, &order).is_some(), booked, "{fault}");
    }
    office.close().await;
}

#[tokio::test]
async fn answers_can_be_garbage_cut_off_unsigned_or_wrongly_signed_while_the_booking_stands() {
    let office = Office::open().await;
    for (vehicle, fault) in
        office.mock.vehicles(4).into_iter().zip(["garbage", "truncated_body", "unsigned", "wrong_signature"])
    {
        let order = office.order(BAPENDA, &vehicle).await;
        office.play_always("payment", fault);
        let attempt = pay_attempt(&office, &order).await;
        match fault {
            "garbage" => {
                let answer = attempt.unwrap();
                assert!(answer.signed && serde_json::from_slice::<Value>(&answer.bytes).is_err());
            }
            "truncated_body" => assert!(attempt.is_err()),
            _ => {
                let answer = attempt.unwrap();
                assert_eq!((answer.status, answer.signed), (200, false), "{fault}");
                assert_eq!(answer.timestamp.is_some(), fault == "wrong_signature");
            }
        }
        assert_eq!(office.booked(BAPENDA, &order).unwrap()["amount"], order["amount"], "{fault}");
        office.play_fair();
    }
    office.close().await;
}

#[tokio::test]
async fn wrong_amounts_and_plates_are_signed_lies() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    let truth = office.ask(BAPENDA, &vehicle).await.json();
    office.play_always("*", "wrong_amount");
    let bill = office.ask(BAPENDA, &vehicle).await;
    assert!(bill.signed);
    assert_eq!(bill.json()["total"].as_i64().unwrap(), truth["total"].as_i64().unwrap() + 1000);
    office.play_always("*", "wrong_plate");
    assert_ne!(office.ask(BAPENDA, &vehicle).await.json()["plate"], vehicle.plate.as_str());
    office.play_fair();

    let order = office.order(BAPENDA, &vehicle).await;
    office.play_always("*", "wrong_plate");
    let lie = office.pay(BAPENDA, &order).await;
    assert!(lie.signed);
    assert_ne!(lie.json()["bill_id"], order["bill_id"]);
    office.play_always("*", "wrong_amount");
    assert_ne!(office.status(BAPENDA, &order).await.json()["amount"], order["amount"]);
    office.play_fair();
    assert_eq!(office.status(BAPENDA, &order).await.json()["amount"], order["amount"]);
    office.close().await;
}

#[tokio::test]
async fn a_late_booking_comes_just_before_not_after_and_the_status_says_404_until_then() {
    let office = Office::open().await;
    let order = with(&fresh_order(&office).await, "not_after", in_seconds(1));
    office.play_always("payment", "book_late");
    assert!(pay_attempt(&office, &order).await.is_err());
    let not_after = chrono::DateTime::parse_from_rfc3339(order["not_after"].as_str().unwrap()).unwrap();
    let first = office.status(BAPENDA, &order).await;
    assert_eq!(first.refusal(), (404, "UNKNOWN_REFERENCE".to_owned()));
    let mut answer = first;
    while answer.status == 404 {
        assert!(answer.timestamp.unwrap() <= not_after + TimeDelta::seconds(1), "never booked");
        answer = office.status(BAPENDA, &order).await;
    }
    assert_eq!(answer.json()["status"], "PAID");
    assert!(answer.timestamp.unwrap() > not_after - TimeDelta::milliseconds(200));
    office.close().await;
}

#[tokio::test]
async fn a_request_delivered_twice_is_booked_once() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("payment", "duplicate_delivery");
    let answer = office.pay(BAPENDA, &order).await;
    assert_eq!(answer.json(), office.status(BAPENDA, &order).await.json());
    assert_eq!(office.mock.book()[BAPENDA].as_object().unwrap().len(), 1);
    office.close().await;
}

#[tokio::test]
async fn a_delayed_request_arrives_even_when_its_sender_has_gone() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("payment", "delay_ms:150");
    let began = Instant::now();
    let gone = tokio::time::timeout(Duration::from_millis(50), pay_attempt(&office, &order)).await;
    assert!(gone.is_err());
    let deadline = Instant::now() + Duration::from_secs(10);
    while office.status(BAPENDA, &order).await.status == 404 {
        assert!(Instant::now() < deadline);
    }
    assert!(began.elapsed() >= Duration::from_millis(150));
    office.close().await;
}

#[tokio::test]
async fn a_refusal_on_order_is_written_down_like_any_other() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("payment", "refuse:BILL_EXPIRED");
    assert_eq!(office.pay(BAPENDA, &order).await.refusal(), (422, "BILL_EXPIRED".to_owned()));
    office.play_fair();
    assert_eq!(office.pay(BAPENDA, &order).await.refusal(), (422, "BILL_EXPIRED".to_owned()));
    office.play_always("inquiry", "refuse:BLOCKED_ETLE");
    let vehicle = office.vehicle("PAYABLE");
    assert_eq!(office.ask(JASA_RAHARJA, &vehicle).await.refusal(), (422, "BLOCKED_ETLE".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn the_end_of_day_refuses_one_copy_only_and_says_until_when() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("*", "refuse:END_OF_DAY");
    let answer = office.pay(BAPENDA, &order).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "END_OF_DAY"));
    let until = chrono::DateTime::parse_from_rfc3339(answer.json()["until"].as_str().unwrap()).unwrap();
    assert!(until > now());
    assert_eq!(office.ask(BAPENDA, &office.vehicle("PAYABLE")).await.status, 503);
    office.play_fair();
    assert_eq!(office.pay(BAPENDA, &order).await.status, 200);
    office.close().await;
}

#[tokio::test]
async fn a_skewed_clock_is_shown_and_judged_by() {
    let office = Office::open().await;
    let order = fresh_order(&office).await;
    office.play_always("payment", "clock_skew_ms:400000");
    let answer = office.pay(BAPENDA, &order).await;
    assert_eq!(answer.refusal(), (422, "TOO_LATE".to_owned()));
    assert!(answer.timestamp.unwrap() > now() + TimeDelta::seconds(390));
    office.play_always("payment", "clock_skew_ms:-400000");
    let late = with(&order, "not_after", in_seconds(-100));
    assert_eq!(office.pay(BAPENDA, &late).await.status, 200);
    office.close().await;
}

#[tokio::test]
async fn nth_and_host_choose_the_call() {
    let office = Office::open().await;
    office.play(&json!([{ "host": "JASA_RAHARJA", "operation": "status", "nth": 2, "fault": "http_500" }]));
    let nobody = json!({ "reference": uuid() });
    let mut statuses = Vec::new();
    for host in [JASA_RAHARJA, BAPENDA, JASA_RAHARJA, JASA_RAHARJA] {
        statuses.push(office.status(host, &nobody).await.status);
    }
    assert_eq!(statuses, [404, 404, 500, 404]);
    office.close().await;
}

#[tokio::test]
async fn the_control_endpoints_answer_on_both_ports() {
    let office = Office::open().await;
    let orders = office.pay_some(BAPENDA, 1).await;
    let send = |host: &str, method: &str, path: &str, body: Value| {
        let url = format!("{}{path}", office.url(host));
        let request = office.http.request(method.parse().unwrap(), url).body(body.to_string());
        async move {
            let response = request.send().await.unwrap();
            (
                response.status().as_u16(),
                serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap(),
            )
        }
    };
    for host in [BAPENDA, JASA_RAHARJA] {
        assert_eq!(send(host, "GET", "/mock/book", json!(null)).await, (200, office.mock.book()));
        let requests = send(host, "GET", "/mock/requests", json!(null)).await.1;
        assert_eq!(requests.as_array().unwrap().len(), office.mock.requests().len());
        let rules = json!({ "seed": 1, "rules": [{ "fault": "explode" }] });
        assert_eq!(send(host, "PUT", "/mock/faults", rules).await.0, 400);
        let rules = json!({ "seed": 1, "rules": [] });
        assert_eq!(send(host, "PUT", "/mock/faults", rules).await.0, 200);
    }
    let close = format!("/mock/days/{}/close", today());
    assert_eq!(send(BAPENDA, "POST", &close, json!({ "host": "POLRI" })).await.0, 400);
    assert_eq!(send(JASA_RAHARJA, "POST", &close, json!({ "host": "BAPENDA" })).await.0, 200);
    assert_eq!(office.reverse(BAPENDA, &orders[0], &uuid()).await.refusal().0, 409);
    assert_eq!(send(BAPENDA, "PUT", "/mock/clock", json!({ "offset_ms": 90_000 })).await.0, 200);
    let shown = office.status(BAPENDA, &orders[0]).await.timestamp.unwrap();
    assert!(shown > now() + TimeDelta::seconds(80));
    office.close().await;
}
