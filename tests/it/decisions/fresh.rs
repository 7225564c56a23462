//! A fresh assessment in the place of what Jasa Raharja refused.

use samsat_gateway::agents::ProposalError;
use samsat_gateway::domain::ChassisLast5;
use samsat_gateway::payment::{Decision, FreshAssessment};

use super::{decide, id_of, is_sound, one_number, refused_by_jasa_raharja, state};
use crate::support::{Answer, Quote, Vehicle, World};

/// One proposes what Jasa Raharja asks now, another approves.
async fn pay_afresh(
    world: &World,
    payment: &Answer,
    vehicle: &Vehicle,
) -> Result<FreshAssessment, ProposalError> {
    let (one, other) = &world.people;
    let chassis = ChassisLast5::parse(&vehicle.chassis).expect("a chassis number");
    let payments = &world.app.payments;
    let (proposal, fresh) =
        payments.propose_fresh_assessment(id_of(payment), &chassis, "tagihan baru", one).await?;
    payments.approve(proposal, other).await?;
    world.settle_doubts().await;
    Ok(fresh)
}

const SELISIH: &str =
    "SELECT coalesce(sum(CASE credit_account WHEN 2 THEN amount ELSE -amount END), 0)::bigint
                       FROM transfer WHERE 2 IN (credit_account, debit_account)";

#[tokio::test]
async fn what_jasa_raharja_refused_is_paid_by_a_fresh_assessment_under_a_new_reference() {
    let world = World::new().await;
    let (available, _) = world.agent().float().await;
    let vehicle = world.vehicle();
    let quote = world.agent().looks_up(&vehicle).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    let fresh = pay_afresh(&world, &paid, &vehicle).await.expect("both agree");
    assert_eq!(fresh.amount, fresh.paid, "the same day asks the same");
    let now = world.agent().reads(&paid.id()).await;
    assert_eq!(now.state(), "confirmed", "{}", now.text);
    assert!(now.body["certificate_no"].is_string(), "{}", now.text);
    assert_eq!(now.body["amount"], quote.total);
    assert_eq!(world.agent().float().await, (available - quote.total, 0));
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!(one_number(&world, SELISIH).await, 0);
    assert_eq!(
        one_number(&world, "SELECT count(*) FROM payment_leg WHERE ordinal = 1 AND state = 'released'").await,
        1
    );
    is_sound(&world).await;
}

/// A vehicle that owes one period which has not fallen due: weeks later it costs a fine.
async fn not_late_yet(world: &World) -> (Vehicle, Quote) {
    loop {
        let vehicle = world.vehicle();
        let quote = world.agent().looks_up(&vehicle).await;
        let periods = quote.body["periods"].as_array().expect("periods");
        if periods.len() == 1 && periods[0]["days_late"].as_i64().expect("days") <= 0 {
            return (vehicle, quote);
        }
    }
}

/// Weeks go by at both hosts; the gateway believes a jump of their clocks once they repeat it.
async fn weeks_later(world: &World) {
    world.hosts_later(70 * 86_400);
    for _ in 0..3 {
        world.agent().asks(&world.vehicle()).await;
    }
}

#[tokio::test]
async fn a_fresh_assessment_that_asks_more_is_borne_by_selisih_and_not_by_the_citizen() {
    let world = World::new().await;
    let (vehicle, quote) = not_late_yet(&world).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    let (available, held) = world.agent().float().await;
    weeks_later(&world).await;
    let fresh = pay_afresh(&world, &paid, &vehicle).await.expect("both agree");
    assert!(fresh.amount > fresh.paid, "{fresh:?}");
    assert_eq!(state(&world, &paid).await, "confirmed");
    assert_eq!(one_number(&world, SELISIH).await, fresh.paid.get() - fresh.amount.get());
    assert_eq!(world.agent().float().await, (available, 0), "{held} was held");
    is_sound(&world).await;
}

#[tokio::test]
async fn a_dearer_assessment_that_is_paid_elsewhere_in_the_end_gives_the_citizen_back_what_was_paid() {
    let world = World::new().await;
    let (vehicle, quote) = not_late_yet(&world).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    weeks_later(&world).await;
    world.fault("JASA_RAHARJA", "payment", "refuse:BILL_EXPIRED");
    let fresh = pay_afresh(&world, &paid, &vehicle).await.expect("both agree");
    world.no_faults();
    assert_eq!((state(&world, &paid).await.as_str(), fresh.amount > fresh.paid), ("in_doubt", true));
    is_sound(&world).await;
    decide(&world, &paid, Decision::PaidElsewhere).await.expect("both agree");
    assert_eq!(state(&world, &paid).await, "confirmed");
    assert_eq!(one_number(&world, "SELECT amount FROM citizen_debt").await, fresh.paid.get());
    assert_eq!(one_number(&world, SELISIH).await, 0);
    is_sound(&world).await;
}

#[tokio::test]
async fn a_fresh_assessment_that_is_refused_too_may_be_paid_elsewhere_or_assessed_again() {
    let world = World::new().await;
    let vehicle = world.vehicle();
    let quote = world.agent().looks_up(&vehicle).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    world.fault("JASA_RAHARJA", "payment", "refuse:BILL_EXPIRED");
    pay_afresh(&world, &paid, &vehicle).await.expect("both agree");
    assert_eq!(state(&world, &paid).await, "in_doubt");
    is_sound(&world).await;
    world.no_faults();
    let again = pay_afresh(&world, &paid, &vehicle).await.expect("both agree");
    assert_eq!(state(&world, &paid).await, "confirmed", "{again:?}");
    is_sound(&world).await;
}

#[tokio::test]
async fn a_fresh_assessment_needs_the_right_chassis_number_and_a_refused_leg() {
    let world = World::new().await;
    let vehicle = world.vehicle();
    let quote = world.agent().looks_up(&vehicle).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    let stranger = Vehicle { chassis: "00000".to_owned(), ..vehicle.clone() };
    let refused = pay_afresh(&world, &paid, &stranger).await.expect_err("another vehicle");
    assert!(refused.to_string().starts_with("CHASSIS_MISMATCH"), "{refused}");
    decide(&world, &paid, Decision::PaidElsewhere).await.expect("both agree");
    let refused = pay_afresh(&world, &paid, &vehicle).await.expect_err("nothing is refused any more");
    assert!(refused.to_string().starts_with("NOT_NOW"), "{refused}");
    is_sound(&world).await;
}
