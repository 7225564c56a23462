//! What two people decide: proposed by one, approved by another, carried out against the real hosts. After each of them
//! both books agree and every invariant holds.

mod fresh;
mod late;

use chrono::TimeDelta;
use reqwest::Method;
use samsat_gateway::agents::ProposalError;
use samsat_gateway::domain::{Authority, EvidenceId, PaymentId, Reference, Rupiah, Timestamp};
use samsat_gateway::payment::{Approved, Decision};
use samsat_gateway::upstream::{Order, StatusAnswer, Upstream};

use crate::support::{Answer, Quote, Shape, World};

fn id_of(payment: &Answer) -> PaymentId {
    payment.id().parse().expect("an id")
}

/// One proposes, another approves.
async fn decide(world: &World, payment: &Answer, decision: Decision) -> Result<Approved, ProposalError> {
    let payments = &world.app.payments;
    let (one, other) = &world.people;
    let proposal = payments.propose_resolution(id_of(payment).0, decision, "sepakat berdua", one).await?;
    let approved = payments.approve(proposal, other).await?;
    // The gateway's own resolver may have taken the work first.
    world.settle_doubts().await;
    Ok(approved)
}

async fn state(world: &World, payment: &Answer) -> String {
    world.agent().reads(&payment.id()).await.state().to_owned()
}

async fn one_number(world: &World, sql: &'static str) -> i64 {
    world.count(sql).await
}

async fn is_sound(world: &World) {
    world.books_agree().await;
    world.verified().await;
}

/// A payment that Bapenda has booked and Jasa Raharja has refused.
async fn refused_by_jasa_raharja(world: &World, quote: &Quote) -> Answer {
    world.fault("JASA_RAHARJA", "payment", "refuse:BILL_EXPIRED");
    let paid = world.agent().pays(quote).await;
    world.no_faults();
    assert_eq!(paid.state(), "in_doubt", "{}", paid.text);
    paid
}

const CLOSED_BY_PEOPLE: &str =
    "SELECT count(*) FROM case_file c JOIN proposal p ON p.proposal_id = c.closed_by AND p.approved_at IS NOT NULL
     WHERE c.closed_at IS NOT NULL AND p.subject = c.payment_id";

#[tokio::test]
async fn a_decision_that_ends_a_payment_closes_its_case_in_its_own_name() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = refused_by_jasa_raharja(&world, &quote).await;
    assert_eq!((world.open_cases("JR_REFUSED").await, one_number(&world, CLOSED_BY_PEOPLE).await), (1, 0));
    decide(&world, &paid, Decision::PaidElsewhere).await.expect("both agree");
    assert_eq!((world.open_cases("JR_REFUSED").await, one_number(&world, CLOSED_BY_PEOPLE).await), (0, 1));
    is_sound(&world).await;
}

#[tokio::test]
async fn an_integrity_hold_is_ended_by_the_number_in_a_stored_answer_that_its_authority_signed() {
    let world = World::shaped(Shape { between: true, ..Shape::default() }).await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_after_booking");
    let paid = world.agent().pays(&quote).await;
    world.no_faults();
    // One answer speaks of another amount; the next ones are right, and kept.
    world.hosts_say(|said| {
        if said.host == "BAPENDA" && said.body.get("ntpd").is_some() {
            said.body["amount"] = 1.into();
        }
    });
    world.resolve(&paid.id()).await;
    assert_eq!(state(&world, &paid).await, "integrity_hold");
    let lie = newest_evidence(&world).await;
    let (one, other) = &world.people;
    let payments = &world.app.payments;
    let why = payments.propose_evidence(id_of(&paid), lie, "bukti", one).await.expect_err("another amount");
    assert!(why.to_string().starts_with("NOT_PROVEN"), "{why}");
    world.hosts_say(|_| {});
    let kept = keep_status(&world).await;
    let (proposal, stored) =
        payments.propose_evidence(id_of(&paid), kept, "bukti", one).await.expect("a signed booking");
    payments.approve(proposal, other).await.expect("both agree");
    world.settle_doubts().await;
    let now = world.agent().reads(&paid.id()).await;
    assert_eq!((now.state(), &now.body["ntpd"]), ("confirmed", &stored.number.into()), "{}", now.text);
    assert_eq!(world.open_cases("INTEGRITY_HOLD").await, 0);
    is_sound(&world).await;
}

async fn newest_evidence(world: &World) -> EvidenceId {
    let newest =
        "SELECT evidence_id FROM evidence WHERE authority = 'BAPENDA' ORDER BY received_at DESC LIMIT 1";
    let id: uuid::Uuid =
        sqlx::query_scalar(newest).fetch_one(&mut world.admin_connection().await).await.expect("evidence");
    EvidenceId(id)
}

/// Bapenda's signed answer to the first leg, kept as any answer is.
async fn keep_status(world: &World) -> EvidenceId {
    let leg = "SELECT l.reference, l.document_id, l.amount, p.taken_at, l.not_after FROM payment_leg l JOIN payment p USING (payment_id) WHERE ordinal = 0";
    let (reference, document_id, amount, taken_at, not_after): (
        uuid::Uuid,
        String,
        i64,
        Timestamp,
        Timestamp,
    ) = sqlx::query_as(leg).fetch_one(&mut world.admin_connection().await).await.expect("a leg");
    let order = Order {
        reference: Reference(reference),
        document_id,
        amount: Rupiah::new(amount).expect("an amount"),
        agent_code: world.agent().code.clone(),
        taken_at,
        not_after,
    };
    let upstream = Upstream::new(&world.config.upstream, &world.clock).expect("hosts");
    let StatusAnswer::Booked(_, evidence) = upstream.host(Authority::Bapenda).status(&order).await else {
        panic!("Bapenda has booked it")
    };
    sqlx::query("INSERT INTO evidence VALUES ($1, 'BAPENDA', 'status', $2, 200, $3, decode($4, 'hex'), $5, $6, $7, $8)")
        .bind(evidence.id.0)
        .bind(reference)
        .bind(&evidence.path)
        .bind(&evidence.request_sha256)
        .bind(&evidence.body)
        .bind(&evidence.host_timestamp)
        .bind(&evidence.signature)
        .bind(evidence.received_at)
        .execute(&mut world.admin_connection().await)
        .await
        .expect("it is kept");
    evidence.id
}

#[tokio::test]
async fn no_booking_is_taken_back_while_a_copy_of_another_leg_may_be_booked() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let (available, _) = world.agent().float().await;
    // Jasa Raharja gets no copy at first, and then books one under an answer that names another amount.
    world.fault("JASA_RAHARJA", "payment", "reset_before");
    let paid = world.agent().pays(&quote).await;
    assert_eq!(paid.state(), "in_doubt", "{}", paid.text);
    world.hosts_later(10);
    world.fault("JASA_RAHARJA", "payment", "wrong_amount");
    world.settle_doubts().await;
    assert_eq!(state(&world, &paid).await, "integrity_hold");
    let why = decide(&world, &paid, Decision::Reverse).await.expect_err("a copy may be booked");
    assert!(why.to_string().starts_with("NOT_NOW"), "{why}");
    world.no_faults();
    decide(&world, &paid, Decision::Ask).await.expect("both agree");
    assert_eq!(state(&world, &paid).await, "confirmed");
    assert_eq!(world.agent().float().await, (available - quote.total, 0));
    is_sound(&world).await;
}

#[tokio::test]
async fn a_payment_whose_second_copy_is_not_on_its_way_can_be_taken_back_out_of_its_doubt() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("JASA_RAHARJA", "payment", "refuse:BILL_NOT_FOUND");
    let paid = world.agent().pays(&quote).await;
    world.no_faults();
    decide(&world, &paid, Decision::Reverse).await.expect("both agree");
    assert_eq!(state(&world, &paid).await, "reversed");
    assert_eq!((world.booked("BAPENDA"), world.open_cases("JR_REFUSED").await), (0, 0));
    assert_eq!(one_number(&world, "SELECT amount FROM citizen_debt").await, quote.total);
    is_sound(&world).await;
}

#[tokio::test]
async fn a_half_reversed_payment_owes_the_citizen_what_was_taken_back_and_the_vehicle_is_partly_paid() {
    let world = World::new().await;
    let vehicle = world.vehicle();
    let quote = world.agent().looks_up(&vehicle).await;
    let paid = world.agent().pays(&quote).await;
    world.fault("JASA_RAHARJA", "reversal", "refuse:NOT_REVERSIBLE");
    world.take_back(&paid.id()).await;
    world.settle_doubts().await;
    world.no_faults();
    assert_eq!(
        (state(&world, &paid).await.as_str(), world.open_cases("HALF_REVERSED").await),
        ("reversed", 1)
    );
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (0, 1));
    let kept = one_number(&world, "SELECT amount FROM payment_leg WHERE state = 'booked'").await;
    assert_eq!(one_number(&world, "SELECT amount FROM citizen_debt").await, quote.total - kept);
    let again = world.agent().asks(&vehicle).await;
    assert_eq!(again.body["code"], "PARTLY_PAID", "{}", again.text);
    is_sound(&world).await;
}

#[tokio::test]
async fn cash_that_has_not_gone_back_within_a_day_is_a_case_until_it_has() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    world.take_back(&paid.id()).await;
    world.settle_doubts().await;
    world.clock.shift(TimeDelta::hours(23));
    world.app.payments.open_debt_cases().await.expect("the database answers");
    assert_eq!(world.open_cases("DEBT_TO_CITIZEN").await, 0);
    world.clock.shift(TimeDelta::hours(2));
    world.app.payments.open_debt_cases().await.expect("the database answers");
    assert_eq!(world.open_cases("DEBT_TO_CITIZEN").await, 1);
    let body = serde_json::json!({"returned_to": "pemilik", "paper_surrendered": true});
    let path = format!("/v1/payments/{}/return", paid.id());
    let returned = world.agent().send(Method::POST, &path, &[], Some(&body)).await;
    assert_eq!(returned.status, 200, "{}", returned.text);
    assert_eq!(world.open_cases("DEBT_TO_CITIZEN").await, 0);
    is_sound(&world).await;
}
