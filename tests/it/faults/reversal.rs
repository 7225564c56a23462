//! Rule 8: two people take a payment back, at both authorities.

use reqwest::{Method, StatusCode};
use samsat_gateway::agents::ProposalError;
use serde_json::json;

use super::{float, patient, sound};
use crate::support::{Answer, Quote, World};

async fn confirmed(world: &World) -> (Quote, Answer) {
    let quote = world.agent().looks_up(&world.of_case("PAYABLE", 0)).await;
    let paid = world.agent().pays(&quote).await;
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    (quote, paid)
}

/// What the public is told of the paper in the citizen's hand.
async fn verifies_as(world: &World, paid: &Answer) -> String {
    let number = paid.body["receipt_no"].as_str().unwrap();
    let paper = world.agent().get(&format!("/v1/receipts/{number}")).await;
    let payload = json!({"payload": paper.body["payload"]});
    let told = world.agent().send(Method::POST, "/v1/receipts/verify", &[], Some(&payload)).await;
    assert_eq!(told.body["valid"], true, "{}", told.text);
    told.body["status"].as_str().unwrap().to_owned()
}

fn close(world: &World, host: &str) {
    world.mock.close_day(&world.clock.today().to_string(), host).unwrap();
}

#[tokio::test]
async fn rule_08_two_people_take_a_payment_back_and_the_citizen_gets_the_cash() {
    let world = patient().await;
    let (quote, paid) = confirmed(&world).await;
    assert_eq!(verifies_as(&world, &paid).await, "PAID");
    assert_eq!(world.take_back(&paid.id()).await, "reversed");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (0, 0));
    assert_eq!(verifies_as(&world, &paid).await, "REVOKED");
    assert_eq!(float(&world).await, (quote.total, quote.total), "owed until the outlet records the return");
    let back = json!({"returned_to": "Siti", "paper_surrendered": true});
    let path = format!("/v1/payments/{}/return", paid.id());
    let given = world.agent().send(Method::POST, &path, &[], Some(&back)).await;
    assert_eq!((given.status, float(&world).await), (StatusCode::OK, (0, 0)), "{}", given.text);
    let again = world.agent().send(Method::POST, &path, &[], Some(&back)).await;
    assert_eq!(again.status, StatusCode::OK, "the same name is the same return: {}", again.text);
    let other = json!({"returned_to": "Budi", "paper_surrendered": true});
    let twice = world.agent().send(Method::POST, &path, &[], Some(&other)).await;
    twice.is_problem(409, "ALREADY_RETURNED", "never");
    assert_eq!(float(&world).await, (0, 0));
    // The periods are free: paying again needs a new inquiry and a new reference.
    let again = world.agent().looks_up(&world.of_case("PAYABLE", 0)).await;
    assert_eq!(world.agent().pays(&again).await.state(), "confirmed");
    assert_eq!(world.orders("BAPENDA").len(), 2);
    sound(&world).await;
}

#[tokio::test]
async fn rule_08_who_proposed_a_reversal_cannot_approve_it() {
    let world = patient().await;
    let (quote, paid) = confirmed(&world).await;
    let (one, _) = &world.people;
    let id = paid.id().parse().unwrap();
    let proposal = world.app.payments.propose_reversal(id, "UJI", one).await.unwrap();
    let refused = world.app.payments.approve(proposal, one).await;
    assert!(matches!(refused, Err(ProposalError::SamePerson)), "{refused:?}");
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "confirmed");
    assert_eq!((world.booked("BAPENDA"), float(&world).await), (1, (quote.total, 0)));
    sound(&world).await;
}

#[tokio::test]
async fn rule_08_bapendas_refusal_leaves_the_payment_confirmed_and_its_receipt_valid() {
    let world = patient().await;
    let (quote, paid) = confirmed(&world).await;
    close(&world, "BAPENDA");
    assert_eq!(world.take_back(&paid.id()).await, "confirmed");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!((verifies_as(&world, &paid).await.as_str(), float(&world).await), ("PAID", (quote.total, 0)));
    let busy = world.agents[1].asks(&world.of_case("PAYABLE", 0)).await;
    assert_eq!(busy.code(), "ALREADY_PAID", "{}", busy.text);
    sound(&world).await;
}

#[tokio::test]
async fn rule_08_jasa_raharjas_refusal_is_half_a_reversal_that_people_must_settle() {
    let world = patient().await;
    let (quote, paid) = confirmed(&world).await;
    close(&world, "JASA_RAHARJA");
    assert_eq!(world.take_back(&paid.id()).await, "reversed");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (0, 1));
    assert_eq!(world.open_cases("HALF_REVERSED").await, 1);
    assert_eq!(verifies_as(&world, &paid).await, "REVOKED");
    let owed = quote.total - quote.part("JASA_RAHARJA");
    assert_eq!(float(&world).await, (quote.total, owed));
    assert_eq!(world.count("SELECT amount FROM citizen_debt").await, owed);
    let partly = world.agent().asks(&world.of_case("PAYABLE", 0)).await;
    assert_eq!((partly.status, partly.code()), (StatusCode::UNPROCESSABLE_ENTITY, "PARTLY_PAID"));
    sound(&world).await;
}

#[tokio::test]
async fn rule_08_a_silent_jasa_raharja_is_asked_under_the_same_reference_until_it_agrees() {
    let world = patient().await;
    let (quote, paid) = confirmed(&world).await;
    world.faults(json!([{"host": "JASA_RAHARJA", "operation": "reversal", "fault": "reset_after_booking"}]));
    assert_eq!(world.take_back(&paid.id()).await, "reversing");
    assert_eq!(verifies_as(&world, &paid).await, "OPEN");
    assert_eq!(world.open_cases("HALF_REVERSED").await, 0, "silence refuses nothing");
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "reversing");
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "reversed");
    let asked = world.mock.requests().into_iter();
    let asked = asked.filter(|seen| seen.host == "JASA_RAHARJA" && seen.path.ends_with("/reversal"));
    let bodies: std::collections::BTreeSet<String> = asked.map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!((verifies_as(&world, &paid).await.as_str(), float(&world).await.1), ("REVOKED", quote.total));
    sound(&world).await;
}
