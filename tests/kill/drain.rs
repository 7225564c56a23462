//! SIGTERM during payments: the operations port says so at once, and what is under way ends or goes on after a restart.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::json;

use crate::outlet::{Attempt, Seen};
use crate::process::until;
use crate::stack::{Plan, Stack};
use crate::{faults, judge};

const PAYMENTS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_turns_readyz_red_and_lets_open_payments_end_or_go_on_later() {
    let stack = Stack::up(Plan { vehicles: PAYMENTS, seed: 31, ..Plan::default() }).await;
    let gateway = stack.gateway_url(0);
    let quotes =
        join_all(stack.vehicles.iter().enumerate().map(async |(i, vehicle)| {
            stack.outlets[i % stack.outlets.len()].looks_up(&gateway, vehicle).await
        }))
        .await;
    // Bapenda takes its time with all, and never answers some that it books.
    let rule = |nth: Option<Vec<usize>>, fault: &str| json!({"host": "BAPENDA", "operation": "payment", "nth": nth, "fault": fault});
    let rules =
        [rule(Some((1..=PAYMENTS).step_by(4).collect()), "hang_after_booking"), rule(None, "delay_ms:1200")];
    stack.faults(&json!({"seed": 1, "rules": rules})).await;
    let paying = join_all(quotes.iter().enumerate().map(async |(i, quote)| {
        let outlet = &stack.outlets[i % stack.outlets.len()];
        let key = uuid::Uuid::now_v7().to_string();
        let said = outlet.pays(&gateway, &key, quote).await.expect("a drained gateway still answers");
        let attempt = Attempt {
            agent_code: outlet.code.clone(),
            key,
            plate: stack.vehicles[i].plate.clone(),
            total: quote.total,
            said,
            seen: Seen::default(),
        };
        (attempt, Instant::now())
    }));
    let draining = async {
        until("all payments are under way", async || {
            let held = stack.count("SELECT count(*) FROM payment WHERE state = 'held'").await;
            (held == 24).then_some(())
        })
        .await;
        stack.terminate_gateway(0);
        until("readyz is red", async || stack.readyz(0).await.filter(|status| *status == 503)).await;
        Instant::now()
    };
    let (answered, red_at) = tokio::join!(paying, draining);
    let after_red = answered.iter().filter(|(_, at)| *at > red_at).count();
    assert!(after_red > 0, "readyz was red only after the last answer");
    let attempts: Vec<Attempt> = answered.into_iter().map(|(attempt, _)| attempt).collect();
    let ended = attempts.iter().filter(|attempt| attempt.said.state() == "confirmed").count();
    assert!(ended > 0, "no open payment came to its end");
    assert!(ended < PAYMENTS, "no payment was left open");
    assert!(stack.gateway_ends(0).await, "a drained gateway exits with success");
    assert!(stack.readyz(0).await.is_none(), "nothing listens any more");
    stack.faults(&faults::none()).await;
    stack.start_gateway(0).await;
    judge::all_end(&stack).await;
    assert_eq!(stack.count("SELECT count(*) FROM payment WHERE state = 'confirmed'").await, 24);
    judge::judge(&stack, &attempts).await;
}
