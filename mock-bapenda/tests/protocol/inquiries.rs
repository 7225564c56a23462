//! Bills and their refusals, and who may ask at all.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{BAPENDA, JASA_RAHARJA, Office, PARTNER, now, signature, today, uuid};

fn lines(bill: &Value) -> Vec<Value> {
    let periods = bill["periods"].as_array().unwrap();
    periods.iter().flat_map(|period| period["lines"].as_array().unwrap().clone()).collect()
}

fn newest_due(bill: &Value) -> String {
    bill["periods"].as_array().unwrap().last().unwrap()["due_on"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn both_hosts_bill_a_payable_vehicle_and_agree_about_it() {
    let office = Office::open().await;
    let mut codes = HashSet::new();
    let mut two_periods = 0;
    for vehicle in office.mock.vehicles(400).iter().filter(|vehicle| vehicle.case == "PAYABLE") {
        let (bapenda, jasa_raharja) =
            (office.ask(BAPENDA, vehicle).await, office.ask(JASA_RAHARJA, vehicle).await);
        assert!(bapenda.signed && jasa_raharja.signed, "{vehicle:?}");
        let (bapenda, jasa_raharja) = (bapenda.json(), jasa_raharja.json());
        for (bill, id) in [(&bapenda, "bill_id"), (&jasa_raharja, "assessment_id")] {
            let sum: i64 = lines(bill)
                .iter()
                .map(|line| line["principal"].as_i64().unwrap() + line["penalty"].as_i64().unwrap())
                .sum();
            assert_eq!(bill["total"], sum);
            assert_eq!(bill["plate"], vehicle.plate.as_str());
            assert_eq!(bill[id].as_str().unwrap().len(), 16);
            assert_eq!(bill["expires_at"], format!("{}T23:59:59+07:00", today()));
            codes.extend(lines(bill).iter().map(|line| line["code"].as_str().unwrap().to_owned()));
        }
        assert_eq!(bapenda["vehicle"]["swdkllj_class"], jasa_raharja["swdkllj_class"]);
        assert_eq!(newest_due(&bapenda), newest_due(&jasa_raharja));
        assert!(bapenda["next_due_on"].as_str().unwrap() > newest_due(&bapenda).as_str());
        let beneficiaries: HashSet<String> =
            lines(&bapenda).iter().map(|line| line["beneficiary"].as_str().unwrap().to_owned()).collect();
        assert!(beneficiaries.iter().all(|who| who.starts_with("35")), "{beneficiaries:?}");
        two_periods += usize::from(bapenda["periods"].as_array().unwrap().len() == 2);
    }
    assert!(two_periods > 0);
    assert_eq!(codes, ["PKB", "OPSEN_PKB", "PARKIR", "SWDKLLJ"].map(str::to_owned).into());
    office.close().await;
}

#[tokio::test]
async fn every_refusal_of_the_protocol_is_reachable_with_its_status() {
    let office = Office::open().await;
    for (code, status) in [
        ("NOT_FOUND", 404),
        ("OUTSIDE_JATIM", 404),
        ("CHASSIS_MISMATCH", 422),
        ("NOT_YET_PAYABLE", 422),
        ("ALREADY_PAID", 422),
        ("STNK_RENEWAL_DUE", 422),
        ("LATE_OVER_LIMIT", 422),
        ("BLOCKED_SOLD", 422),
        ("BLOCKED_ETLE", 422),
        ("BLOCKED_LEGAL", 422),
        ("CORPORATE", 422),
        ("TRANSFER_PENDING", 422),
        ("DEREGISTERED", 422),
    ] {
        let cases: Vec<_> =
            office.mock.vehicles(0).into_iter().filter(|vehicle| vehicle.case == code).collect();
        assert_eq!(cases.len(), 20, "{code}");
        for vehicle in &cases {
            assert_eq!(
                office.ask(BAPENDA, vehicle).await.refusal(),
                (status, code.to_owned()),
                "{vehicle:?}"
            );
            if ["NOT_FOUND", "CHASSIS_MISMATCH", "ALREADY_PAID"].contains(&code) {
                assert_eq!(office.ask(JASA_RAHARJA, vehicle).await.refusal(), (status, code.to_owned()));
            }
        }
    }
    office.close().await;
}

#[tokio::test]
async fn hosts_that_disagree_are_reachable_too() {
    let office = Office::open().await;
    for vehicle in office.mock.vehicles(0) {
        if vehicle.case == "PARTLY_PAID" {
            let answers = [office.ask(BAPENDA, &vehicle).await, office.ask(JASA_RAHARJA, &vehicle).await];
            let paid =
                answers.iter().filter(|answer| answer.status == 422 && answer.code() == "ALREADY_PAID");
            assert_eq!(paid.count(), 1, "{vehicle:?}");
        }
        if vehicle.case == "QUOTE_CONTRADICTS" {
            let bapenda = office.ask(BAPENDA, &vehicle).await.json();
            let jasa_raharja = office.ask(JASA_RAHARJA, &vehicle).await.json();
            let same_class = bapenda["vehicle"]["swdkllj_class"] == jasa_raharja["swdkllj_class"];
            assert!(!same_class || newest_due(&bapenda) != newest_due(&jasa_raharja), "{vehicle:?}");
        }
    }
    office.close().await;
}

#[tokio::test]
async fn the_register_needs_no_storage_and_forgets_nothing() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    let before = office.ask(BAPENDA, &vehicle).await.json();
    let office = office.restart().await;
    let after = office.ask(BAPENDA, &vehicle).await.json();
    assert_eq!(before["vehicle"], after["vehicle"]);
    assert_eq!(before["periods"], after["periods"]);
    office.close().await;
}

#[tokio::test]
async fn only_the_partner_with_the_right_time_and_signature_is_let_in() {
    let office = Office::open().await;
    let path = "/bapenda/v1/payments/0198c0de-0000-7000-8000-000000000000";
    let time = |seconds: i64| (now() + TimeDelta::seconds(seconds)).to_rfc3339();
    let good = time(0);
    for (partner, timestamp, seal) in [
        ("SOMEONE", good.clone(), signature("GET", path, "", &good)),
        (PARTNER, time(-301), signature("GET", path, "", &time(-301))),
        (PARTNER, time(330), signature("GET", path, "", &time(330))),
        (PARTNER, good.clone(), signature("POST", path, "", &good)),
        (PARTNER, good.clone(), signature("GET", path, "x", &good)),
        (PARTNER, good.clone(), "no base64".to_owned()),
        (PARTNER, String::new(), signature("GET", path, "", "")),
    ] {
        let answer = office.send_as(BAPENDA, ("GET", path, ""), (partner, &timestamp, &seal)).await.unwrap();
        assert_eq!(answer.refusal().0, 401, "{partner} {timestamp}");
    }
    let early = time(-290);
    let seal = signature("GET", path, "", &early);
    let answer = office.send_as(BAPENDA, ("GET", path, ""), (PARTNER, &early, &seal)).await.unwrap();
    assert_eq!(answer.refusal(), (404, "UNKNOWN_REFERENCE".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_and_a_huge_one_is_not_read() {
    let office = Office::open().await;
    let no_plate = json!({ "reference": uuid(), "chassis_last5": "12345", "as_of": today() });
    assert_eq!(office.post(BAPENDA, "/inquiries", &no_plate).await.refusal().0, 400);
    let vehicle = office.vehicle("PAYABLE");
    let another_day = json!({
        "reference": uuid(), "plate": vehicle.plate, "chassis_last5": vehicle.chassis_last5, "as_of": "2020-01-01",
    });
    assert_eq!(office.post(JASA_RAHARJA, "/inquiries", &another_day).await.refusal().0, 400);
    let huge = json!({ "reference": "x".repeat(70_000) });
    assert_eq!(office.post(BAPENDA, "/payments", &huge).await.status, 413);
    assert_eq!(office.get(BAPENDA, "/nothing/here").await.status, 404);
    let seal_of_path = office.get(JASA_RAHARJA, "/payments/x?y=1").await;
    assert_eq!(seal_of_path.refusal(), (404, "UNKNOWN_REFERENCE".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn every_request_is_remembered_in_order() {
    let office = Office::open().await;
    let vehicle = office.vehicle("PAYABLE");
    let order = office.order(BAPENDA, &vehicle).await;
    office.status(JASA_RAHARJA, &order).await;
    let seen = office.mock.requests();
    let of: Vec<(&str, &str)> = seen.iter().map(|seen| (seen.host.as_str(), seen.path.as_str())).collect();
    let path = format!("/jasa-raharja/v1/payments/{}", order["reference"].as_str().unwrap());
    assert_eq!(of, [(BAPENDA, "/bapenda/v1/inquiries"), (JASA_RAHARJA, path.as_str())]);
    assert!(seen[0].body.contains(&vehicle.plate));
    assert_eq!(seen[1].reference.as_deref(), order["reference"].as_str());
    office.close().await;
}
