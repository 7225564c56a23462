//! Rules 9 to 15: vehicles, midnight, dead hosts, batches and the order of legs.

use futures_util::future::join_all;
use reqwest::StatusCode;
use samsat_gateway::domain::Authority;
use samsat_gateway::payment::Decision;

use super::{float, patient, sound, unsettled, with_lines};
use crate::support::{Answer, Quote, Shape, World};

#[tokio::test]
async fn rule_09_every_period_is_locked_or_none_and_one_row_stands_for_the_vehicle() {
    let world = patient().await;
    let mut quote = world.agent().looks_up(&world.vehicle()).await;
    while quote.body["periods"].as_array().unwrap().len() < 2 {
        quote = world.agent().looks_up(&world.vehicle()).await;
    }
    let periods = i64::try_from(quote.body["periods"].as_array().unwrap().len()).unwrap();
    unsettled(&world, "BAPENDA", "reset_after_booking");
    assert_eq!(world.agent().pays(&quote).await.state(), "in_doubt");
    let locks = "SELECT count(*) * 100 + count(*) FILTER (WHERE leads) * 10 + count(*) FILTER (WHERE is_open) FROM vehicle_lock";
    assert_eq!(world.count(locks).await, periods * 101 + 10);
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(
        world.count(locks).await,
        periods * 100 + 10,
        "paid periods stay locked, the vehicle does not"
    );
    sound(&world).await;
}

#[tokio::test]
async fn rule_12_a_quote_ends_two_minutes_before_the_hosts_forget_it() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let ends = quote.body["expires_at"].as_str().unwrap();
    assert!(ends.ends_with("T23:57:59+07:00"), "{ends}");
    let to_midnight = (world.clock.today().next().begins_at() - world.clock.now()).num_seconds();
    world.hosts_later(to_midnight - 100);
    // Believed at the second hearing; then the quote that the hosts would still honour is too late for us.
    world.agent().asks(&world.vehicle()).await;
    let late = world.agent().asks(&world.vehicle()).await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
        "{}",
        late.text
    );
    let refused = world.agent().pays(&quote).await;
    assert_eq!((refused.code(), float(&world).await), ("QUOTE_EXPIRED", (0, 0)), "{}", refused.text);
    sound(&world).await;
}

#[tokio::test]
async fn rule_12_no_cash_is_taken_while_a_host_closes_its_day() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "inquiry", "refuse:END_OF_DAY");
    let closing = world.agent().asks(&world.vehicle()).await;
    assert_eq!(
        (closing.status, closing.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "END_OF_DAY"),
        "{}",
        closing.text
    );
    let refused = world.agent().pays_with("12", &quote).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "END_OF_DAY"),
        "{}",
        refused.text
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0);
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    world.no_faults();
    world.agent().looks_up(&world.vehicle()).await;
    assert_eq!(world.agent().pays_with("12", &quote).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn rule_13_no_cash_is_taken_for_a_host_that_is_known_to_be_dead() {
    let world = with_lines().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.lines().jasa_raharja.close().await;
    for _ in 0..6 {
        let down = world.agent().asks(&world.vehicle()).await;
        assert_eq!(down.code(), "UPSTREAM_UNAVAILABLE", "{}", down.text);
    }
    assert!(world.app.upstream.host(Authority::JasaRaharja).breaker().is_open());
    let refused = world.agent().pays_with("13", &quote).await;
    let told = (refused.status, refused.code(), refused.body["retry"].as_str());
    assert_eq!(
        told,
        (StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", Some("same_key")),
        "{}",
        refused.text
    );
    assert_eq!(
        world.count("SELECT (SELECT count(*) FROM payment) + (SELECT count(*) FROM idempotency_key)").await,
        0
    );
    assert_eq!((float(&world).await, world.orders("BAPENDA").len()), ((0, 0), 0));
    sound(&world).await;
}

#[tokio::test]
async fn rule_13_resets_and_broken_answers_alone_do_not_open_the_breaker() {
    let world = patient().await;
    for fault in [
        "reset_after_booking",
        "garbage",
        "http_500_after_booking",
        "unsigned",
        "truncated_body",
        "reset_after_booking",
    ] {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        world.fault("BAPENDA", "payment", fault);
        assert_eq!(world.agent().pays(&quote).await.state(), "in_doubt");
        world.no_faults();
    }
    assert!(!world.app.upstream.host(Authority::Bapenda).breaker().is_open());
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(float(&world).await.1, 0);
    sound(&world).await;
}

/// Payments of these agents that wait for one commit, together.
async fn pay_together(world: &World, quotes: &[Quote]) -> Vec<Answer> {
    let in_the_way = world.stands_in_the_way("LOCK TABLE payment IN EXCLUSIVE MODE").await;
    let all = join_all(world.agents.iter().zip(quotes).map(|(agent, quote)| agent.pays(quote)));
    let release = async {
        world.until_blocked().await;
        in_the_way.goes().await;
    };
    tokio::join!(all, release).0
}

async fn six_with_quotes() -> (World, Vec<Quote>) {
    let world = World::shaped(Shape { agents: 6, ..Shape::default() }).await;
    let mut quotes = vec![];
    for agent in &world.agents {
        quotes.push(agent.looks_up(&world.vehicle()).await);
    }
    (world, quotes)
}

#[tokio::test]
async fn rule_14_a_payment_that_cannot_begin_delays_none_of_its_batch() {
    let (world, quotes) = six_with_quotes().await;
    let plate = quotes[3].body["vehicle"]["plate"].as_str().unwrap().replace(' ', "");
    world.breaks("payment", &format!("NEW.plate = '{plate}'"), ("P0001", 1_000)).await;
    let answers = pay_together(&world, &quotes).await;
    for (i, answer) in answers.iter().enumerate() {
        let expected = if i == 3 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::CREATED };
        assert_eq!(answer.status, expected, "{i}: {}", answer.text);
    }
    assert_eq!(world.agents[3].float().await, (crate::support::FLOAT, 0));
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 5);
    world.mends("payment").await;
    assert_eq!(world.agents[3].pays(&quotes[3]).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn rule_14_a_payment_that_fails_alone_after_its_booking_is_held_and_its_neighbours_are_confirmed() {
    let (world, quotes) = six_with_quotes().await;
    let code = world.agents[2].code.clone();
    let of_him = format!("NEW.kind = 'LUNAS' AND NEW.receipt_no LIKE '%{code}%'");
    world.breaks("receipt", &of_him, ("P0001", 1_000)).await;
    let answers = pay_together(&world, &quotes).await;
    for (i, answer) in answers.iter().enumerate() {
        let expected = if i == 2 { "integrity_hold" } else { "confirmed" };
        assert_eq!(answer.state(), expected, "{i}: {}", answer.text);
    }
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (6, 6));
    world.mends("receipt").await;
    assert_eq!(world.decide(&answers[2].id(), Decision::Ask).await, "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn rule_14_payments_of_one_float_in_one_batch_never_take_more_than_there_is() {
    let world = patient().await;
    let mut totals = vec![];
    for i in 0..4 {
        totals.push(world.agent().looks_up(&world.of_case("PAYABLE", i)).await.total);
    }
    // Enough for any three, never for four.
    let float = totals.iter().sum::<i64>() - 1;
    let poor = world.agent_with(float).await;
    let mut quotes = vec![];
    for i in 0..4 {
        quotes.push(poor.looks_up(&world.of_case("PAYABLE", i)).await);
    }
    let in_the_way = world.stands_in_the_way("LOCK TABLE payment IN EXCLUSIVE MODE").await;
    let all = join_all(quotes.iter().map(|quote| poor.pays(quote)));
    let release = async {
        world.until_blocked().await;
        in_the_way.goes().await;
    };
    let answers = tokio::join!(all, release).0;
    let paid: Vec<usize> = (0..4).filter(|i| answers[*i].state() == "confirmed").collect();
    let short = answers.iter().filter(|answer| answer.code() == "FLOAT_INSUFFICIENT").count();
    assert_eq!((paid.len(), short), (3, 1), "{answers:?}");
    let spent: i64 = paid.iter().map(|i| totals[*i]).sum();
    assert_eq!(poor.float().await, (float - spent, 0));
    sound(&world).await;
}

#[tokio::test]
async fn rule_15_legs_are_a_list_asked_in_their_order_each_under_its_own_reference() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays(&quote).await;
    let orders = world
        .mock
        .requests()
        .into_iter()
        .filter(|seen| seen.method == "POST" && seen.path.ends_with("/payments"));
    let asked: Vec<(String, Option<String>)> = orders.map(|seen| (seen.host, seen.reference)).collect();
    assert_eq!(asked.iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>(), ["BAPENDA", "JASA_RAHARJA"]);
    assert_ne!(asked[0].1, asked[1].1);
    assert_eq!(world.count("SELECT count(*) FROM payment_leg WHERE (ordinal, authority) IN ((0, 'BAPENDA'), (1, 'JASA_RAHARJA'))").await, 2);
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}
