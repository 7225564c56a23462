//! The night among several gateways, and a night that is killed: published once, and the same from whatever remains.

use futures_util::future::join_all;
use samsat_gateway::domain::{BusinessDate, Clock};
use samsat_gateway::http::Gateway;
use samsat_gateway::reconciliation::{Schedule, Turn};
use serde_json::{Value, json};

use crate::judge;
use crate::outlet::Vehicle;
use crate::process::until;
use crate::stack::{Plan, Stack};

async fn pay_all(stack: &Stack, vehicles: &[Vehicle]) {
    join_all(vehicles.iter().enumerate().map(async |(i, vehicle)| {
        let outlet = &stack.outlets[i % stack.outlets.len()];
        let attempts = outlet.serves(&stack.gateway_url(i), vehicle).await;
        assert!(attempts.last().expect("an attempt").said.status.is_success(), "{attempts:?}");
    }))
    .await;
}

/// Bapenda's accounting day of what was paid.
async fn business_date(stack: &Stack) -> BusinessDate {
    let date: chrono::NaiveDate = sqlx::query_scalar("SELECT max(business_date) FROM payment_leg")
        .fetch_one(&mut stack.admin().await)
        .await
        .expect("a booked leg");
    BusinessDate::from(date)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_four_gateways_that_look_at_once_exactly_one_runs_the_night() {
    let stack = Stack::up(Plan { gateways: 2, vehicles: 20, seed: 51, ..Plan::default() }).await;
    pay_all(&stack, &stack.vehicles).await;
    let date = business_date(&stack).await;
    stack.close_day(&date.to_string()).await;
    // Four gateways that look at the same moment, tomorrow.
    let tomorrow = Clock::system().now() + chrono::TimeDelta::days(1);
    let mut schedules = vec![];
    for i in 0..4 {
        let mut config = stack.config();
        config.http.instance = format!("night-{i}");
        let gateway = Gateway::open(config, Clock::system()).await.expect("a gateway opens");
        schedules.push(Schedule::new(gateway.night, "00:00").expect("an hour"));
    }
    let turns = join_all(schedules.iter().map(async |s| s.run_once(tomorrow).await.expect("a turn"))).await;
    let ran =
        turns.iter().filter(|turn| matches!(turn, Turn::Ran(reports, None) if reports.len() == 1)).count();
    let elsewhere = turns.iter().filter(|turn| matches!(turn, Turn::Elsewhere)).count();
    assert_eq!((ran, elsewhere), (1, 3), "{turns:?}");
    assert_eq!(stack.count("SELECT count(*) FROM night_run").await, 1);
    judge::verified(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_that_start_after_midnight_publish_the_night_once_between_them() {
    const PUBLISHED: &str = "SELECT count(*) FROM night_run";
    let stack = Stack::up(Plan { gateways: 2, vehicles: 12, seed: 52, ..Plan::default() }).await;
    stack.hosts_clock(chrono::TimeDelta::days(-1)).await;
    pay_all(&stack, &stack.vehicles).await;
    let yesterday = business_date(&stack).await;
    assert_eq!(yesterday, Clock::system().today().previous());
    stack.hosts_clock(chrono::TimeDelta::zero()).await;
    for i in 0..2 {
        stack.terminate_gateway(i);
        assert!(stack.gateway_ends(i).await);
        stack.reconfigure(i, "[night]\nenabled = true\nat = \"00:00\"\n");
    }
    tokio::join!(stack.start_gateway(0), stack.start_gateway(1));
    until("the night is published", async || (stack.count(PUBLISHED).await > 0).then_some(())).await;
    for i in 0..2 {
        stack.terminate_gateway(i);
        assert!(stack.gateway_ends(i).await);
    }
    assert_eq!(stack.count(PUBLISHED).await, 1);
    assert_eq!(stack.count("SELECT max(fence) FROM job_lease WHERE name = 'night'").await, 1);
    judge::verified(&stack).await;
}

/// What `reconcile --json` printed.
async fn reconciled(stack: &Stack, date: &str) -> Value {
    let done = stack.command(&["reconcile", "--date", date, "--json"]).await;
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).expect("a report")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_killed_in_its_middle_is_published_whole_by_the_next_run_with_one_hash() {
    const IN_DOUBT: &str = "SELECT count(*) FROM payment_leg WHERE authority = 'BAPENDA' AND number IS NULL";
    let stack = Stack::up(Plan { vehicles: 120, seed: 61, ..Plan::default() }).await;
    // Bapenda books all, answers none, and gives no status: the file alone can end these doubts.
    let rule =
        |operation: &str, fault: &str| json!({"host": "BAPENDA", "operation": operation, "fault": fault});
    let rules = [rule("payment", "reset_after_booking"), rule("status", "http_500")];
    stack.faults(&json!({"seed": 1, "rules": rules})).await;
    pay_all(&stack, &stack.vehicles[..80]).await;
    stack.faults(&json!({"seed": 1, "rules": [rule("status", "http_500")]})).await;
    pay_all(&stack, &stack.vehicles[80..]).await;
    stack.terminate_gateway(0);
    assert!(stack.gateway_ends(0).await);
    let doubts = stack.count(IN_DOUBT).await;
    assert!(doubts >= 80, "only {doubts} doubts");
    let today = Clock::system().today().to_string();
    stack.close_day(&today).await;
    // Each run is killed when it has ended some doubts and published nothing.
    for left in [doubts * 3 / 4, doubts / 2, doubts / 4] {
        let mut run = stack.start(&["reconcile", "--date", &today]);
        until("a run ends some doubts", async || {
            let moved = stack.count(IN_DOUBT).await <= left;
            assert!(
                moved || run.ended().is_none(),
                "it ended before it could be killed; see {}",
                run.log.display()
            );
            moved.then_some(())
        })
        .await;
        run.kill();
        assert_eq!(stack.count("SELECT count(*) FROM night_run").await, 0, "killed too late");
    }
    let ended_by_killed = doubts - stack.count(IN_DOUBT).await;
    assert!(ended_by_killed > 0, "no killed run had begun");
    let whole = reconciled(&stack, &today).await;
    let again = reconciled(&stack, &today).await;
    assert_eq!(whole["result_sha256"], again["result_sha256"], "{whole} {again}");
    assert_eq!((&whole["counts"], &whole["balanced"]), (&again["counts"], &json!(true)));
    assert!(whole["counts"]["DOUBT_RESOLVED"].as_i64() > Some(0), "{whole}");
    stack.faults(&crate::faults::none()).await;
    stack.start_gateway(0).await;
    judge::all_end(&stack).await;
    let later = reconciled(&stack, &today).await;
    assert_eq!(
        whole["result_sha256"], later["result_sha256"],
        "what was confirmed since is told the same way"
    );
    judge::verified(&stack).await;
}
