//! Caps: a day's and of what is open, exact however many payments come at once.

use reqwest::StatusCode;
use samsat_gateway::agents;
use samsat_gateway::ledger::Caps;
use serde_json::json;
use sqlx::Connection;

use super::until_waiting;
use crate::support::{Answer, Client, Quote, World};

async fn caps(world: &World, agent: &Client, daily: Option<i64>, open: Option<i64>) {
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let agent = agents::agent_by_code(&mut transaction, &agent.code).await.unwrap().unwrap();
    let caps = Caps { daily, open };
    agents::set_caps(&mut transaction, agent.agent_id, caps, world.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn quotes(world: &World, n: usize) -> Vec<Quote> {
    let mut quotes = vec![];
    for _ in 0..n {
        quotes.push(world.agent().looks_up(&world.vehicle()).await);
    }
    quotes
}

#[tokio::test]
async fn no_two_payments_at_once_pass_the_cap_of_a_day() {
    let world = World::new().await;
    let (_, _, other) = world.sister().await;
    let quotes = quotes(&world, 8).await;
    // Exactly the first five fit, in whatever order they come; none may pass.
    let cap: i64 = quotes.iter().map(|quote| quote.total).sum::<i64>() / 2;
    caps(&world, world.agent(), Some(cap), None).await;
    let sister = Client { base: other, ..world.agent().clone() };
    let at_once = quotes.iter().enumerate().map(|(n, quote)| {
        let client = if n % 2 == 0 { world.agent() } else { &sister };
        async move { client.pays(quote).await }
    });
    let answers = futures_util::future::join_all(at_once).await;
    let taken =
        world.count("SELECT coalesce(sum(amount), 0)::bigint FROM payment WHERE state = 'confirmed'").await;
    assert!(taken <= cap, "{taken} of {cap}");
    for (answer, quote) in answers.iter().zip(&quotes) {
        if answer.status != StatusCode::CREATED {
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
            assert_eq!(
                (&answer.body["code"], &answer.body["retry"]),
                (&json!("DAILY_LIMIT"), &json!("new_key"))
            );
        }
        // Whatever is left of the cap is used by who fits.
        if answer.status != StatusCode::CREATED && taken + quote.total <= cap {
            assert_eq!(world.agent().pays_with(&quote.lookup_id, quote).await.status, StatusCode::CREATED);
            break;
        }
    }
    assert!(answers.iter().any(|answer| answer.status != StatusCode::CREATED));
    world.verified().await;
}

/// Fails if what was taken is read before the float's lock is held: then both fit.
#[tokio::test]
async fn of_two_payments_that_wait_for_one_float_only_one_fits_under_its_cap() {
    let world = World::new().await;
    let (_, _, other) = world.sister().await;
    let sister = Client { base: other, ..world.agent().clone() };
    for (daily, code) in [(true, "DAILY_LIMIT"), (false, "EXPOSURE_LIMIT")] {
        let quotes = quotes(&world, 2).await;
        let taken = "SELECT coalesce(sum(amount), 0)::bigint FROM payment WHERE state = 'confirmed'";
        let most = quotes[0].total.max(quotes[1].total);
        let cap = if daily { world.count(taken).await + most } else { most };
        caps(&world, world.agent(), daily.then_some(cap), (!daily).then_some(cap)).await;
        // The outcome stays open as long as both are on their way.
        world.fault("BAPENDA", "payment", if daily { "delay_ms:0" } else { "reset_after_booking" });
        let mut admin = world.admin_connection().await;
        let mut holds = admin.begin().await.unwrap();
        sqlx::query("SELECT FROM agent_float FOR UPDATE").execute(&mut *holds).await.unwrap();
        let ends = async {
            until_waiting(&world, 2).await;
            holds.commit().await.unwrap();
        };
        let (one, two, ()) = tokio::join!(world.agent().pays(&quotes[0]), sister.pays(&quotes[1]), ends);
        let refused: Vec<&str> =
            [&one, &two].into_iter().map(Answer::code).filter(|code| !code.is_empty()).collect();
        assert_eq!(refused, [code], "{} / {}", one.text, two.text);
        world.no_faults();
        assert_eq!(world.settle_doubts().await, 0);
    }
    world.verified().await;
}

#[tokio::test]
async fn a_refusal_by_a_cap_is_told_again_for_ever_and_leaves_nothing_else() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    caps(&world, world.agent(), Some(quote.total - 1), None).await;
    let refused = world.agent().pays_with("k", &quote).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (422, &json!("DAILY_LIMIT")),
        "{}",
        refused.text
    );
    caps(&world, world.agent(), Some(quote.total), None).await;
    let again = world.agent().pays_with("k", &quote).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["code"]),
        (422, &json!("DAILY_LIMIT")),
        "the same key, the same answer"
    );
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM vehicle_lock").await, 0);
    assert_eq!(world.agent().pays_with("another", &quote).await.state(), "confirmed", "a cap may be reached");
    let next = world.agent().looks_up(&world.vehicle()).await;
    assert_eq!(world.agent().pays(&next).await.body["code"], "DAILY_LIMIT");
    // Another outlet has caps of its own: none.
    let vehicle = world.vehicle();
    let elsewhere = world.agents[1].looks_up(&vehicle).await;
    assert_eq!(world.agents[1].pays(&elsewhere).await.state(), "confirmed");
    world.verified().await;
}

#[tokio::test]
async fn what_is_open_counts_until_it_is_settled_and_what_was_refused_counts_for_nothing() {
    let world = World::new().await;
    let quotes = quotes(&world, 4).await;
    let most = quotes.iter().map(|quote| quote.total).max().unwrap();
    caps(&world, world.agent(), None, Some(most)).await;
    world.fault("BAPENDA", "payment", "reset_after_booking");
    assert_eq!(world.agent().pays(&quotes[0]).await.state(), "in_doubt");
    world.no_faults();
    caps(&world, world.agent(), None, Some(quotes[0].total)).await;
    let refused = world.agent().pays(&quotes[1]).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (422, &json!("EXPOSURE_LIMIT")),
        "{}",
        refused.text
    );
    assert_eq!(world.settle_doubts().await, 0);
    caps(&world, world.agent(), None, Some(most)).await;
    assert_eq!(world.agent().pays_with("later", &quotes[1]).await.state(), "confirmed", "it is settled");
    world.fault("BAPENDA", "payment", "refuse:BILL_EXPIRED");
    assert_eq!(world.agent().pays(&quotes[2]).await.state(), "refused");
    world.no_faults();
    let taken = quotes[0].total + quotes[1].total;
    caps(&world, world.agent(), Some(taken + quotes[3].total), None).await;
    assert_eq!(world.agent().pays(&quotes[3]).await.state(), "confirmed", "what was refused does not count");
    world.verified().await;
}

#[tokio::test]
async fn at_the_counter_a_cap_is_said_before_any_cash_is_taken_and_after_in_one_sentence() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    caps(&world, world.agent(), Some(1), None).await;
    let before = siti.opens(&bill.path).await;
    before.says("melewati batas penerimaan loket untuk hari ini");
    assert!(before.field("uang").is_none(), "no cash is asked for");
    let told = siti.confirms(&confirmation).await;
    let told = siti.follows(&told).await;
    told.says("DITOLAK: KEMBALIKAN UANG Batas harian loket tercapai.");
    siti.opens("/saldo").await.says("Diterima hari ini Rp0 dari paling banyak Rp1");
    caps(&world, world.agent(), None, Some(1)).await;
    siti.looks_up(&world.vehicle()).await.says("sedang dipastikan sudah mencapai batasnya");
    world.verified().await;
}
