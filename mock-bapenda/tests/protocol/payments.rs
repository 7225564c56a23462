//! Payments: booked once, refused for ever, never after their time.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{BAPENDA, JASA_RAHARJA, Office, in_seconds, now, order_for, today, uuid, with};

fn number_of(host: &str, booking: &Value) -> String {
    booking[if host == BAPENDA { "ntpd" } else { "certificate_no" }].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_payment_is_booked_once_however_often_it_comes() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    for host in [BAPENDA, JASA_RAHARJA] {
        let order = office.order(host, &vehicle).await;
        let first = office.pay(host, &order).await;
        assert!(first.signed);
        let booking = first.json();
        assert_eq!(booking["status"], "PAID");
        assert_eq!(booking["amount"], order["amount"]);
        assert_eq!(booking["business_date"], today());
        let number = number_of(host, &booking);
        assert!(number.len() == 16 && number.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));

        let late_copy = with(&order, "not_after", in_seconds(-100));
        assert_eq!(office.pay(host, &late_copy).await.json(), booking);
        assert_eq!(office.status(host, &order).await.json(), booking);
        let shown = office.booked(host, &order).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": order[if host == BAPENDA { "bill_id" } else { "assessment_id" }],
                "amount": order["amount"], "number": number, "plate": vehicle.plate,
                "business_date": today(), "status": "PAID",
            })
        );
    }
    office.close().await;
}

#[tokio::test]
async fn other_content_under_a_known_reference_says_nothing_and_changes_nothing() {
    let office = Office::open().await;
    let order = office.order(BAPENDA, &office.vehicle("PAYABLE")).await;
    let booking = office.pay(BAPENDA, &order).await.json();
    for changed in [
        with(&order, "amount", order["amount"].as_i64().unwrap() + 1),
        with(&order, "agent_code", "PSN-0043"),
        with(&order, "taken_at", in_seconds(-5)),
        with(&order, "bill_id", "0000000000000000"),
    ] {
        assert_eq!(office.pay(BAPENDA, &changed).await.refusal(), (409, "REFERENCE_REUSED".to_owned()));
    }
    assert_eq!(office.status(BAPENDA, &order).await.json(), booking);
    office.close().await;
}

#[tokio::test]
async fn a_refusal_is_written_down_and_its_reference_is_never_booked() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    let right = office.order(BAPENDA, &vehicle).await;
    let wrong = with(&right, "amount", right["amount"].as_i64().unwrap() + 100);
    assert_eq!(office.pay(BAPENDA, &wrong).await.refusal(), (422, "AMOUNT_MISMATCH".to_owned()));
    assert_eq!(office.status(BAPENDA, &wrong).await.refusal(), (404, "UNKNOWN_REFERENCE".to_owned()));
    assert_eq!(office.pay(BAPENDA, &right).await.refusal(), (409, "REFERENCE_REUSED".to_owned()));

    let office = office.restart().await;
    assert_eq!(office.pay(BAPENDA, &wrong).await.refusal(), (422, "AMOUNT_MISMATCH".to_owned()));
    let fresh = with(&right, "reference", uuid());
    assert_eq!(office.pay(BAPENDA, &fresh).await.status, 200);
    assert_eq!(office.mock.book()[BAPENDA].as_object().unwrap().len(), 1);
    office.close().await;
}

#[tokio::test]
async fn every_refusal_of_a_payment_is_reachable() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    for host in [BAPENDA, JASA_RAHARJA] {
        let id = if host == BAPENDA { "bill_id" } else { "assessment_id" };
        let order = office.order(host, &vehicle).await;
        let unknown = with(&with(&order, "reference", uuid()), id, "1234567890123456");
        assert_eq!(office.pay(host, &unknown).await.refusal(), (404, "BILL_NOT_FOUND".to_owned()));
        let tomorrow = (now() + TimeDelta::days(1)).to_rfc3339();
        let expired = with(&with(&order, "reference", uuid()), "taken_at", tomorrow);
        assert_eq!(office.pay(host, &expired).await.refusal(), (422, "BILL_EXPIRED".to_owned()));
        let no_time = with(&with(&order, "reference", uuid()), "not_after", Value::Null);
        assert_eq!(office.pay(host, &no_time).await.refusal().0, 400);
        let fraction = with(&with(&order, "reference", uuid()), "amount", 1.5);
        assert_eq!(office.pay(host, &fraction).await.refusal().0, 400);
        assert_eq!(office.pay(host, &order).await.status, 200);
        let again = with(&order, "reference", uuid());
        assert_eq!(office.pay(host, &again).await.refusal(), (409, "ALREADY_PAID".to_owned()));
        assert_eq!(office.ask(host, &vehicle).await.refusal(), (422, "ALREADY_PAID".to_owned()));
    }
    office.close().await;
}

#[tokio::test]
async fn a_late_copy_is_too_late_but_leaves_no_mark() {
    let office = Office::open().await;
    let order = office.order(JASA_RAHARJA, &office.vehicle("PAYABLE")).await;
    let late = with(&order, "not_after", in_seconds(-1));
    assert_eq!(office.pay(JASA_RAHARJA, &late).await.refusal(), (422, "TOO_LATE".to_owned()));
    assert!(office.booked(JASA_RAHARJA, &order).is_none());
    assert_eq!(office.pay(JASA_RAHARJA, &order).await.status, 200);
    office.close().await;
}

#[tokio::test]
async fn not_after_is_judged_by_the_clock_that_the_host_shows() {
    let office = Office::open().await;
    let order = office.order(BAPENDA, &office.vehicle("PAYABLE")).await;
    office.mock.set_clock_offset_ms(120_000);
    let unknown = office.status(BAPENDA, &order).await;
    assert!(unknown.timestamp.unwrap() > now() + TimeDelta::seconds(100));
    assert_eq!(office.pay(BAPENDA, &order).await.refusal(), (422, "TOO_LATE".to_owned()));

    // Even with the clock put back: the signed 404 has made the absence final for what was sent before.
    office.mock.set_clock_offset_ms(0);
    assert_eq!(office.pay(BAPENDA, &order).await.refusal(), (422, "TOO_LATE".to_owned()));
    let sent_again = with(&order, "not_after", in_seconds(200));
    assert_eq!(office.pay(BAPENDA, &sent_again).await.status, 200);
    office.close().await;
}

#[tokio::test]
async fn a_total_of_nothing_is_booked_and_gets_its_number() {
    let office = Office::open().await;
    let mut free = None;
    for vehicle in office.mock.vehicles(400).iter().filter(|vehicle| vehicle.case == "PAYABLE") {
        let bill = office.ask(BAPENDA, vehicle).await.json();
        if bill["total"] == 0 {
            assert_eq!(bill["vehicle"]["energy"], "BEV");
            assert_eq!(bill["periods"][0]["lines"][1]["code"], "OPSEN_PKB");
            free = Some(bill);
            break;
        }
    }
    let order = order_for(BAPENDA, &free.unwrap());
    let booking = office.pay(BAPENDA, &order).await.json();
    assert_eq!((&booking["amount"], number_of(BAPENDA, &booking).len()), (&json!(0), 16));
    office.close().await;
}

#[tokio::test]
async fn a_bill_outlives_the_process_and_the_day() {
    let office = Office::open().await;
    let order = office.order(BAPENDA, &office.vehicle("PAYABLE")).await;
    let office = office.restart().await;
    office.mock.set_clock_offset_ms(86_400_000);
    let tomorrow = (now() + TimeDelta::days(1)).date_naive().to_string();
    let next_day = with(&order, "not_after", (now() + TimeDelta::days(2)).to_rfc3339());
    let booking = office.pay(BAPENDA, &next_day).await.json();
    assert_eq!(booking["business_date"], tomorrow);
    office.close().await;
}

#[tokio::test]
async fn sixteen_copies_at_once_are_one_booking_and_so_are_sixteen_bills_of_one_vehicle() {
    let office = Office::open().await;
    let (one, other) = {
        let mut payable = office.mock.vehicles(2).into_iter();
        (payable.next().unwrap(), payable.next().unwrap())
    };
    let order = office.order(BAPENDA, &one).await;
    let mut references = Vec::new();
    for _ in 0..16 {
        references.push(office.order(BAPENDA, &other).await);
    }
    let office = std::sync::Arc::new(office);
    let mut tasks = tokio::task::JoinSet::new();
    for own in references {
        let (office, order) = (office.clone(), order.clone());
        tasks.spawn(async move {
            (office.pay(BAPENDA, &order).await.status, office.pay(BAPENDA, &own).await.status)
        });
    }
    let statuses = tasks.join_all().await;
    assert!(statuses.iter().all(|(copy, _)| *copy == 200), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|(_, own)| *own == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|(_, own)| *own == 409).count(), 15, "{statuses:?}");
    assert_eq!(office.mock.book()[BAPENDA].as_object().unwrap().len(), 2);
    std::sync::Arc::into_inner(office).unwrap().close().await;
}

#[tokio::test]
async fn what_was_booked_is_booked_after_a_restart() {
    let office = Office::open().await;
    let orders = office.pay_some(JASA_RAHARJA, 20).await;
    let before = office.mock.book();
    let office = office.restart().await;
    assert_eq!(office.mock.book(), before);
    for order in &orders {
        let booking = office.status(JASA_RAHARJA, order).await;
        assert_eq!(booking.json()["amount"], order["amount"]);
        assert_eq!(office.pay(JASA_RAHARJA, order).await.json(), booking.json());
    }
    office.close().await;
}
