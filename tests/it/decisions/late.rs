//! What an authority booked after we had refused.

use samsat_gateway::payment::Decision;

use super::{decide, is_sound, one_number, state};
use crate::support::{Answer, Client, Quote, Vehicle, World};

/// A payment that Bapenda has refused and booked.
async fn booked_after_the_refusal(world: &World, agent: &Client) -> (Quote, Answer) {
    let quote = agent.looks_up(&taxed(world).await).await;
    world.fault("BAPENDA", "payment", "refuse_after_booking:BILL_NOT_FOUND");
    let refused = agent.pays(&quote).await;
    world.no_faults();
    assert_eq!(refused.state(), "refused", "{}", refused.text);
    (quote, refused)
}

/// A vehicle that owes Bapenda something.
async fn taxed(world: &World) -> Vehicle {
    loop {
        let vehicle = world.vehicle();
        if world.agent().looks_up(&vehicle).await.part("35") > 0 {
            return vehicle;
        }
    }
}

const BAPENDA_LEG: &str = "SELECT amount FROM payment_leg WHERE ordinal = 0";

#[tokio::test]
async fn a_late_success_is_posted_from_the_float_and_its_period_cannot_be_paid_again() {
    let world = World::new().await;
    let (available, _) = world.agent().float().await;
    let (quote, refused) = booked_after_the_refusal(&world, world.agent()).await;
    decide(&world, &refused, Decision::Repost).await.expect("both agree");
    let now = world.agent().reads(&refused.id()).await;
    assert_eq!(now.state(), "confirmed", "{}", now.text);
    assert!(now.body["ntpd"].is_string() && now.body["certificate_no"].is_null(), "{}", now.text);
    let tax = one_number(&world, BAPENDA_LEG).await;
    assert_eq!(world.agent().float().await, (available - tax, 0));
    let lunas = now.body["receipt_no"].as_str().expect("a receipt").to_owned();
    let lunas = world.agent().get(&format!("/v1/receipts/{lunas}")).await;
    assert_eq!(
        (&lunas.body["kind"], &lunas.body["status"]),
        (&"LUNAS".into(), &"PAID".into()),
        "{}",
        lunas.text
    );
    assert_eq!(world.open_cases("LATE_SUCCESS").await, 0);
    let again = world.agent().pays(&quote).await;
    assert_eq!(again.body["code"], "ALREADY_PAID", "{}", again.text);
    is_sound(&world).await;

    // Taken back later, the citizen gets what was booked, and no fee that was never earned.
    world.take_back(&refused.id()).await;
    world.settle_doubts().await;
    assert_eq!(state(&world, &refused).await, "reversed");
    assert_eq!(one_number(&world, "SELECT amount FROM citizen_debt").await, tax);
    is_sound(&world).await;
}

#[tokio::test]
async fn what_the_float_cannot_bear_of_a_late_success_is_a_claim_on_the_outlet() {
    let world = World::new().await;
    let vehicle = taxed(&world).await;
    let total = world.agent().looks_up(&vehicle).await.total;
    let poor = world.agent_with(total).await;
    world.fault("BAPENDA", "payment", "refuse_after_booking:BILL_NOT_FOUND");
    let quote = poor.looks_up(&vehicle).await;
    let refused = poor.pays(&quote).await;
    assert_eq!(refused.state(), "refused", "{}", refused.text);
    world.no_faults();
    // The money that came back is spent on another vehicle.
    let mut spent = 0;
    for _ in 0..12 {
        let other = poor.looks_up(&world.vehicle()).await;
        if poor.pays(&other).await.state() == "confirmed" {
            spent += 1;
        }
    }
    assert!(spent > 0, "nothing else could be paid");
    let (available, _) = poor.float().await;
    decide(&world, &refused, Decision::Repost).await.expect("both agree");
    let missing = one_number(&world, BAPENDA_LEG_OF_REPOSTED).await - available;
    assert!(missing > 0, "the float could bear it: {available}");
    assert_eq!(poor.float().await, (0, 0));
    assert_eq!(
        one_number(&world, "SELECT sum(amount)::bigint FROM transfer WHERE code = 'CLAIM' AND leg IS NULL")
            .await,
        missing
    );
    is_sound(&world).await;
}

const BAPENDA_LEG_OF_REPOSTED: &str = "SELECT l.amount FROM payment_leg l JOIN payment p USING (payment_id) WHERE p.reposted_at IS NOT NULL AND l.ordinal = 0";

#[tokio::test]
async fn a_late_success_is_taken_back_at_the_authority_and_no_money_moves_here() {
    let world = World::new().await;
    let before = world.agent().float().await;
    let (_, refused) = booked_after_the_refusal(&world, world.agent()).await;
    world.fault("BAPENDA", "reversal", "http_500");
    decide(&world, &refused, Decision::Reverse).await.expect("both agree");
    assert_eq!((state(&world, &refused).await.as_str(), world.booked("BAPENDA")), ("refused", 1));
    assert_eq!(world.open_cases("LATE_SUCCESS").await, 1);
    is_sound(&world).await;
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!((state(&world, &refused).await.as_str(), world.booked("BAPENDA")), ("refused", 0));
    assert_eq!(world.open_cases("LATE_SUCCESS").await, 0);
    assert_eq!(world.agent().float().await, before);
    is_sound(&world).await;
}

#[tokio::test]
async fn a_late_success_that_cannot_be_taken_back_stays_a_case_until_it_is_posted() {
    let world = World::new().await;
    let (_, refused) = booked_after_the_refusal(&world, world.agent()).await;
    world.fault("BAPENDA", "reversal", "refuse:NOT_REVERSIBLE");
    decide(&world, &refused, Decision::Reverse).await.expect("both agree");
    world.no_faults();
    assert_eq!(
        (state(&world, &refused).await.as_str(), world.open_cases("LATE_SUCCESS").await),
        ("refused", 1)
    );
    is_sound(&world).await;
    decide(&world, &refused, Decision::Repost).await.expect("both agree");
    assert_eq!(
        (state(&world, &refused).await.as_str(), world.open_cases("LATE_SUCCESS").await),
        ("confirmed", 0)
    );
    is_sound(&world).await;
}

#[tokio::test]
async fn a_refused_payment_that_no_authority_has_booked_can_be_neither_posted_nor_taken_back() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "refuse:BILL_NOT_FOUND");
    let refused = world.agent().pays(&quote).await;
    world.no_faults();
    for decision in [Decision::Repost, Decision::Reverse] {
        let why = decide(&world, &refused, decision).await.expect_err("nothing is booked");
        assert!(why.to_string().starts_with("NOT_NOW"), "{why}");
    }
    is_sound(&world).await;
}
