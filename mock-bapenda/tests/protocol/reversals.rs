//! Reversals: idempotent, only while the day is open, and they free the period.

use chrono::TimeDelta;

use crate::client::{BAPENDA, JASA_RAHARJA, Office, now, today, uuid, with};

#[tokio::test]
async fn a_reversal_is_done_once_and_frees_the_period_for_a_new_bill() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    for host in [BAPENDA, JASA_RAHARJA] {
        let order = office.order(host, &vehicle).await;
        let paid = office.pay(host, &order).await.json();
        let reversal = uuid();
        let done = office.reverse(host, &order, &reversal).await;
        assert!(done.signed);
        assert_eq!(done.json()["reversal_reference"], reversal.as_str());
        assert_eq!(done.json()["business_date"], today());
        assert_eq!(office.reverse(host, &order, &reversal).await.json(), done.json());

        let shown = office.status(host, &order).await.json();
        assert_eq!((&shown["status"], &shown["booked_at"]), (&"REVERSED".into(), &paid["booked_at"]));
        assert_eq!(shown["reversed_at"], done.json()["reversed_at"]);
        assert_eq!(office.pay(host, &order).await.json(), shown);
        let other = office.reverse(host, &order, &uuid()).await;
        assert_eq!(other.refusal(), (409, "NOT_REVERSIBLE".to_owned()));

        let spent_bill = with(&order, "reference", uuid());
        assert_eq!(office.pay(host, &spent_bill).await.refusal(), (422, "BILL_EXPIRED".to_owned()));
        let again = office.order(host, &vehicle).await;
        assert_eq!(office.pay(host, &again).await.status, 200);
        assert_eq!(office.booked(host, &order).unwrap()["status"], "REVERSED");
    }
    office.close().await;
}

#[tokio::test]
async fn a_reversal_survives_a_restart() {
    let office = Office::open().await;
    let order = office.order(BAPENDA, &office.vehicle("PAYABLE")).await;
    office.pay(BAPENDA, &order).await;
    let reversal = uuid();
    let done = office.reverse(BAPENDA, &order, &reversal).await.json();
    let office = office.restart().await;
    assert_eq!(office.reverse(BAPENDA, &order, &reversal).await.json(), done);
    assert_eq!(office.status(BAPENDA, &order).await.json()["status"], "REVERSED");
    office.close().await;
}

#[tokio::test]
async fn a_closed_day_is_not_reversed_but_a_known_reversal_is_told_again() {
    let office = Office::open().await;
    let orders = office.pay_some(BAPENDA, 2).await;
    let reversal = uuid();
    let done = office.reverse(BAPENDA, &orders[0], &reversal).await.json();
    office.mock.close_day(&today(), BAPENDA).unwrap();
    assert_eq!(
        office.reverse(BAPENDA, &orders[1], &uuid()).await.refusal(),
        (409, "NOT_REVERSIBLE".to_owned())
    );
    assert_eq!(office.reverse(BAPENDA, &orders[0], &reversal).await.json(), done);
    office.close().await;
}

#[tokio::test]
async fn unknown_and_borrowed_references_are_refused() {
    let office = Office::open().await;
    let orders = office.pay_some(JASA_RAHARJA, 2).await;
    let nobody = with(&orders[0], "reference", uuid());
    let answer = office.reverse(JASA_RAHARJA, &nobody, &uuid()).await;
    assert_eq!(answer.refusal(), (404, "UNKNOWN_REFERENCE".to_owned()));
    let reversal = uuid();
    assert_eq!(office.reverse(JASA_RAHARJA, &orders[0], &reversal).await.status, 200);
    let borrowed = office.reverse(JASA_RAHARJA, &orders[1], &reversal).await;
    assert_eq!(borrowed.refusal(), (409, "REFERENCE_REUSED".to_owned()));
    assert_eq!(office.booked(JASA_RAHARJA, &orders[1]).unwrap()["status"], "PAID");
    office.close().await;
}

#[tokio::test]
async fn after_closing_a_reversal_of_a_later_booking_carries_the_next_date() {
    let office = Office::open().await;
    office.mock.close_day(&today(), BAPENDA).unwrap();
    let order = office.order(BAPENDA, &office.vehicle("PAYABLE")).await;
    let tomorrow = (now() + TimeDelta::days(1)).date_naive().to_string();
    assert_eq!(office.pay(BAPENDA, &order).await.json()["business_date"], tomorrow.as_str());
    let done = office.reverse(BAPENDA, &order, &uuid()).await.json();
    assert_eq!(done["business_date"], tomorrow.as_str());
    office.close().await;
}
