//! One key, one payment or one refusal, for ever.

use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use crate::support::{Answer, Client, Quote, Shape, World};

const REPLAYED: &str = "idempotent-replayed";

async fn keys(world: &World) -> i64 {
    world.count("SELECT count(*) FROM idempotency_key").await
}

/// The same answer again, marked as a replay.
async fn replays(agent: &Client, key: &str, quote: &Quote, first: &Answer) {
    assert_eq!(first.header(REPLAYED), None, "the first is no replay");
    let again = agent.pays_with(key, quote).await;
    assert_eq!(again.header(REPLAYED), Some("true"), "{}", again.text);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
}

#[tokio::test]
async fn without_a_key_nothing_is_paid() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let body = json!({"lookup_id": quote.lookup_id, "amount": quote.total});
    for headers in
        [&[][..], &[("idempotency-key", "")], &[("idempotency-key", "\"\"")], &[("idempotency-key", "  ")]]
    {
        world.agent().sends_payment(headers, &body).await.is_problem(400, "KEY_MISSING", "new_key");
    }
    assert_eq!((keys(&world).await, world.booked("BAPENDA")), (0, 0));
}

#[tokio::test]
async fn the_quoted_and_the_bare_spelling_are_the_same_key() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let body = json!({"lookup_id": quote.lookup_id, "amount": quote.total});
    let first = world.agent().sends_payment(&[("Idempotency-Key", "8e03978e-40d5")], &body).await;
    assert_eq!(first.state(), "confirmed", "{}", first.text);
    let again = world.agent().sends_payment(&[("idempotency-key", "\"8e03978e-40d5\"")], &body).await;
    assert_eq!((again.id(), again.header(REPLAYED)), (first.id(), Some("true")));
    assert_eq!((keys(&world).await, world.booked("BAPENDA")), (1, 1));
}

#[tokio::test]
async fn a_replay_shows_the_payment_in_its_present_state() {
    let world = World::new().await;
    let (agent, quote) = (world.agent(), world.agent().looks_up(&world.vehicle()).await);
    world.fault("BAPENDA", "payment", "reset_after_booking");
    let first = agent.pays_with("k", &quote).await;
    assert_eq!((first.status.as_u16(), first.state()), (202, "in_doubt"));
    assert!(
        first.header("retry-after").is_some() && first.header("location").unwrap().ends_with(&first.id())
    );
    world.no_faults();
    world.settle_doubts().await;
    let again = agent.pays_with("k", &quote).await;
    assert_eq!((again.status.as_u16(), again.state()), (201, "confirmed"), "{}", again.text);
    assert_eq!((again.id(), again.header(REPLAYED)), (first.id(), Some("true")));
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_payment_that_an_authority_refused_is_replayed_as_refused() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "refuse:BILL_EXPIRED");
    let first = world.agent().pays_with("k", &quote).await;
    assert_eq!((first.status.as_u16(), first.state()), (422, "refused"), "{}", first.text);
    assert_eq!(first.body["reason"], "BILL_EXPIRED");
    assert_eq!(first.header("content-type"), Some("application/json"), "a refused payment is a payment");
    world.no_faults();
    replays(world.agent(), "k", &quote, &first).await;
    assert_eq!(world.booked("BAPENDA"), 0);
    world.verified().await;
}

#[tokio::test]
async fn a_reused_key_is_told_which_fields_differ() {
    let world = World::new().await;
    let agent = world.agent();
    let (quote, another) = (agent.looks_up(&world.vehicle()).await, agent.looks_up(&world.vehicle()).await);
    assert_eq!(agent.pays_with("k", &quote).await.state(), "confirmed");
    let sends = async |lookup_id: &str, amount: i64| {
        let body = json!({"lookup_id": lookup_id, "amount": amount});
        agent.sends_payment(&[("idempotency-key", "k")], &body).await
    };
    for (answer, differs) in [
        (sends(&quote.lookup_id, quote.total + 1).await, json!(["amount"])),
        (sends(&another.lookup_id, quote.total).await, json!(["lookup_id"])),
        (sends(&another.lookup_id, quote.total - 1).await, json!(["lookup_id", "amount"])),
    ] {
        answer.is_problem(422, "KEY_REUSED", "new_key");
        assert_eq!(answer.body["differs"], differs);
    }
    assert_eq!((keys(&world).await, world.booked("BAPENDA")), (1, 1));
}

#[tokio::test]
async fn a_key_is_the_agents_own() {
    let world = World::new().await;
    for agent in &world.agents {
        let quote = agent.looks_up(&world.vehicle()).await;
        let paid = agent.pays_with("kunci-1", &quote).await;
        assert_eq!((paid.state(), paid.header(REPLAYED)), ("confirmed", None), "{}", paid.text);
    }
    assert_eq!(keys(&world).await, 2);
}

#[tokio::test]
async fn while_the_first_request_is_at_work_its_copy_is_told_where_to_look() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "delay_ms:1000");
    let first = tokio::spawn({
        let (agent, quote) = (world.agent().clone(), quote.clone());
        async move { agent.pays_with("k", &quote).await }
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    while world.count("SELECT count(*) FROM payment").await == 0 {
        assert!(Instant::now() < deadline, "the first request never began");
    }
    let copy = world.agent().pays_with("k", &quote).await;
    copy.is_problem(409, "IN_PROGRESS", "same_key");
    assert!(copy.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    let location = copy.header("location").unwrap().to_owned();
    let first = first.await.unwrap();
    assert_eq!((location, first.state()), (format!("/v1/payments/{}", first.id()), "confirmed"));
    let again = world.agent().get(&format!("/v1/payments/{}", first.id())).await;
    assert_eq!(again.state(), "confirmed");
    assert_eq!((keys(&world).await, world.booked("BAPENDA")), (1, 1));
}

#[tokio::test]
async fn twenty_copies_at_once_make_one_payment() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let copies: Vec<_> = (0..20)
        .map(|_| {
            let (agent, quote) = (world.agent().clone(), quote.clone());
            tokio::spawn(async move { agent.pays_with("k", &quote).await })
        })
        .collect();
    let mut firsts = 0;
    for copy in copies {
        let answer = copy.await.unwrap();
        match answer.status.as_u16() {
            201 => firsts += i32::from(answer.header(REPLAYED).is_none()),
            409 => answer.is_problem(409, "IN_PROGRESS", "same_key"),
            _ => panic!("{}", answer.text),
        }
    }
    assert_eq!(firsts, 1, "one is the first, the others are replays or told to wait");
    assert_eq!((keys(&world).await, world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1, 1));
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_wrong_amount_is_refused_for_ever_under_its_key() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    for amount in [quote.total - 1, quote.total + 1, 0] {
        let (key, wrong) = (Uuid::now_v7().to_string(), Quote { total: amount, ..quote.clone() });
        let first = world.agent().pays_with(&key, &wrong).await;
        first.is_problem(422, "AMOUNT_DIFFERS", "new_key");
        replays(world.agent(), &key, &wrong, &first).await;
        world.agent().pays_with(&key, &quote).await.is_problem(422, "KEY_REUSED", "new_key");
    }
    assert_eq!((keys(&world).await, world.booked("BAPENDA")), (3, 0));
    world.verified().await;
}

#[tokio::test]
async fn a_float_that_was_too_small_stays_refused_after_a_top_up() {
    let world = World::new().await;
    let agent = world.agent_with(1_000).await;
    let quote = agent.looks_up(&world.vehicle()).await;
    let first = agent.pays_with("k", &quote).await;
    first.is_problem(422, "FLOAT_INSUFFICIENT", "new_key");
    assert_eq!(agent.float().await, (1_000, 0), "nothing is held");
    world.tops_up(&agent, quote.total).await;
    replays(&agent, "k", &quote, &first).await;
    assert_eq!(agent.pays_with("k2", &quote).await.state(), "confirmed", "the vehicle was not left locked");
    world.verified().await;
}

#[tokio::test]
async fn a_busy_vehicle_stays_refused_after_it_is_free() {
    let world = World::new().await;
    let (one, other, vehicle) = (&world.agents[0], &world.agents[1], world.vehicle());
    let (quote, copy) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    world.fault("BAPENDA", "payment", "reset_before");
    let open = one.pays(&quote).await;
    assert_eq!(open.state(), "in_doubt");
    world.no_faults();
    let first = other.pays_with("k", &copy).await;
    first.is_problem(409, "VEHICLE_BUSY", "new_key");
    world.hosts_later(10);
    one.cancels(&open.id()).await;
    world.settle_doubts().await;
    assert_eq!(one.reads(&open.id()).await.state(), "refused");
    replays(other, "k", &copy, &first).await;
    other.looks_up(&world.vehicle()).await;
    assert_eq!(other.pays_with("k2", &copy).await.state(), "confirmed");
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_paid_period_is_refused_for_ever_under_its_key() {
    let world = World::new().await;
    let (one, other, vehicle) = (&world.agents[0], &world.agents[1], world.vehicle());
    let (quote, copy) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    assert_eq!(one.pays(&quote).await.state(), "confirmed");
    let first = other.pays_with("k", &copy).await;
    first.is_problem(409, "ALREADY_PAID", "new_key");
    replays(other, "k", &copy, &first).await;
    assert_eq!(other.float().await.1, 0);
    assert_eq!(world.booked("BAPENDA"), 1);
    world.verified().await;
}

#[tokio::test]
async fn an_expired_quote_is_refused_for_ever_under_its_key() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.a_day_passes().await;
    let first = world.agent().pays_with("k", &quote).await;
    first.is_problem(422, "QUOTE_EXPIRED", "new_key");
    replays(world.agent(), "k", &quote, &first).await;
    assert_eq!(world.booked("BAPENDA"), 0);
    world.verified().await;
}

#[tokio::test]
async fn what_may_succeed_later_leaves_no_key() {
    let world = World::shaped(Shape { agents: 2, ..Shape::default() }).await;
    let (agent, quote) = (world.agent(), world.agent().looks_up(&world.vehicle()).await);
    let unknown = Quote { lookup_id: Uuid::now_v7().to_string(), ..quote.clone() };
    agent.pays_with("k", &unknown).await.is_problem(404, "LOOKUP_NOT_FOUND", "never");
    world.agents[1].pays_with("k", &quote).await.is_problem(404, "LOOKUP_NOT_FOUND", "never");
    let bad = json!({"lookup_id": quote.lookup_id, "amount": "free"});
    agent.sends_payment(&[("idempotency-key", "k")], &bad).await.is_problem(400, "BAD_REQUEST", "never");
    let stranger = Client { credential: "agt_nobody".into(), ..agent.clone() };
    stranger.pays_with("k", &quote).await.is_problem(401, "UNAUTHORIZED", "same_key");
    world.fault("BAPENDA", "inquiry", "refuse:END_OF_DAY");
    agent.asks(&world.vehicle()).await;
    agent.pays_with("k", &quote).await.is_problem(503, "END_OF_DAY", "same_key");
    assert_eq!(keys(&world).await, 0);
    world.no_faults();
    agent.looks_up(&world.vehicle()).await;
    let paid = agent.pays_with("k", &quote).await;
    assert_eq!((paid.state(), paid.header(REPLAYED)), ("confirmed", None), "the same key pays at last");
}
