//! What two people decide: proposed by one, approved by another, carried out against the real hosts. After each of them
//! both books agree and every invariant holds.

use chrono::TimeDelta;
use reqwest::Method;
use samsat_gateway::agents::ProposalError;
use samsat_gateway::domain::{Authority, ChassisLast5, EvidenceId, PaymentId, Reference, Rupiah, Timestamp};
use samsat_gateway::payment::{Approved, Decision, FreshAssessment};
use samsat_gateway::upstream::{Order, StatusAnswer, Upstream};

use crate::support::{Answer, Client, Quote, Shape, Vehicle, World};

fn id_of(payment: &Answer) -> PaymentId {
    payment.id().parse().expect("an id")
}

/// One proposes, another approves.
async fn decide(world: &World, payment: &Answer, decision: Decision) -> Result<Approved, ProposalError> {
    let payments = &world.app.payments;
    let (one, other) = &world.people;
    let proposal = payments.propose_resolution(id_of(payment).0, decision, "sepakat berdua", one).await?;
    payments.approve(proposal, other).await
}

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
    Ok(fresh)
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
