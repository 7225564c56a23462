//! Rows 31 and 57–59, and what the night does for the others: files that are late, broken, wrong, or read twice.

use samsat_gateway::domain::BusinessDate;
use serde_json::json;

use super::{float, patient, sound, unsettled};
use crate::support::{Answer, World};

async fn pays(world: &World) -> Answer {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays(&quote).await
}

/// Closes today at both hosts.
fn closed_day(world: &World) -> BusinessDate {
    let today = world.clock.today();
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&today.to_string(), host).unwrap();
    }
    today
}

fn in_the_file(world: &World, fault: &str) {
    world.faults(json!([{"host": "BAPENDA", "operation": "settlement", "fault": fault}]));
}

const TRACES: &str = "SELECT (SELECT count(*) FROM settlement_file) + (SELECT count(*) FROM night_run) +
    (SELECT count(*) FROM settlement_claim) + (SELECT count(*) FROM case_file)";

#[tokio::test]
async fn fault_57_a_file_that_is_late_or_broken_has_no_effect_and_the_day_is_published_once_it_is_whole() {
    let world = patient().await;
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let open = pays(&world).await;
    let spent = float(&world).await;
    let today = closed_day(&world);
    for fault in ["late_file", "truncated_file", "bad_trailer", "bad_chain"] {
        world.faults(json!([
            {"host": "BAPENDA", "operation": "settlement", "fault": fault},
            {"host": "*", "operation": "status", "fault": "http_500"},
        ]));
        assert!(world.night.run(today).await.is_err(), "{fault}");
        assert_eq!(world.count(TRACES).await, 0, "{fault}");
        assert_eq!(
            world.agent().reads(&open.id()).await.state(),
            "in_doubt",
            "nothing is voided or booked by it"
        );
    }
    assert_eq!(float(&world).await, spent);
    world.no_faults();
    let first = world.night.run(today).await.unwrap();
    assert!(first.balanced, "{first:?}");
    let again = world.night.run(today).await.unwrap();
    assert_eq!(again.result_sha256, first.result_sha256, "the same file twice is once");
    world.settle_doubts().await;
    sound(&world).await;
}

#[tokio::test]
async fn fault_57_a_corrected_file_replaces_the_former_and_takes_back_nothing_that_is_confirmed() {
    let world = patient().await;
    let paid = pays(&world).await;
    let today = closed_day(&world);
    in_the_file(&world, "missing_row");
    let wrong = world.night.run(today).await.unwrap();
    assert_eq!(wrong.counts["MISSING_UPSTREAM"], 1, "{wrong:?}");
    in_the_file(&world, "corrected_revision");
    let right = world.night.run(today).await.unwrap();
    assert_eq!((right.counts["MISSING_UPSTREAM"], right.revision), (0, 2), "{right:?}");
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "confirmed");
    assert_eq!(float(&world).await.1, 0);
    sound(&world).await;
}

#[tokio::test]
async fn fault_58_what_one_side_lacks_or_has_otherwise_is_a_case_and_moves_no_money() {
    let world = patient().await;
    for _ in 0..4 {
        assert_eq!(pays(&world).await.state(), "confirmed");
    }
    let spent = float(&world).await;
    let today = closed_day(&world);
    let planted = ["missing_row", "amount_off", "extra_row"];
    let rule = |fault: &&str| json!({"host": "BAPENDA", "operation": "settlement", "fault": fault});
    world.faults(planted.iter().map(rule).collect());
    let report = world.night.run(today).await.unwrap();
    for class in ["MISSING_UPSTREAM", "AMOUNT", "MISSING_HERE"] {
        assert_eq!(report.counts[class], 1, "{class}: {report:?}");
    }
    assert_eq!((report.cases_opened, report.balanced), (3, true));
    assert_eq!(world.count("SELECT count(*) FROM case_file WHERE owner IN ('bapenda', 'admin')").await, 3);
    assert_eq!(float(&world).await, spent);
    sound(&world).await;
}

#[tokio::test]
async fn fault_58_a_doubt_that_the_file_holds_is_confirmed_by_it() {
    let world = patient().await;
    unsettled(&world, "JASA_RAHARJA", "reset_after_booking");
    let open = pays(&world).await;
    assert_eq!(open.state(), "in_doubt", "{}", open.text);
    let today = closed_day(&world);
    let report = world.night.run(today).await.unwrap();
    assert_eq!((report.doubts_resolved, report.cases_opened), (1, 0), "{report:?}");
    assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed");
    assert_eq!(float(&world).await.1, 0);
    sound(&world).await;
}

#[tokio::test]
async fn fault_31_a_second_booking_that_only_the_file_shows_is_a_case_and_one_receipt_stands() {
    let world = patient().await;
    let paid = pays(&world).await;
    let today = closed_day(&world);
    in_the_file(&world, "extra_row");
    let report = world.night.run(today).await.unwrap();
    assert_eq!((report.counts["MISSING_HERE"], report.cases_opened), (1, 1), "{report:?}");
    assert_eq!(world.count("SELECT count(*) FROM receipt").await, 1);
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn fault_34_a_booking_after_a_refusal_is_found_by_the_night_and_never_dropped() {
    let world = patient().await;
    world.fault("BAPENDA", "payment", "refuse_after_booking:BILL_NOT_FOUND");
    let refused = pays(&world).await;
    assert_eq!((refused.state(), float(&world).await), ("refused", (0, 0)), "{}", refused.text);
    world.no_faults();
    let today = closed_day(&world);
    let report = world.night.run(today).await.unwrap();
    assert!(report.counts["LATE_SUCCESS"] > 0, "{report:?}");
    assert!(world.open_cases("LATE_SUCCESS").await > 0);
    assert_eq!(world.agent().reads(&refused.id()).await.state(), "refused", "two people decide");
    assert_eq!(float(&world).await, (0, 0));
    world.verified().await;
}

#[tokio::test]
async fn fault_59_a_night_killed_midway_leaves_nothing_and_the_next_says_what_it_would_have_said() {
    let world = patient().await;
    for _ in 0..2 {
        assert_eq!(pays(&world).await.state(), "confirmed");
    }
    let today = closed_day(&world);
    let in_the_way = world.stands_in_the_way("LOCK TABLE night_run IN EXCLUSIVE MODE").await;
    let (doomed, night) = world.doomed_night().await;
    doomed.spawn(async move { night.run(today).await.map(drop) });
    world.until_blocked().await;
    doomed.kill().await;
    in_the_way.goes().await;
    world.until_quiet().await;
    assert_eq!(world.count(TRACES).await, 0);
    let report = world.night.run(today).await.unwrap();
    let again = world.night.run(today).await.unwrap();
    assert_eq!((report.revision, again.result_sha256), (1, report.result_sha256));
    assert_eq!((report.cases_opened, float(&world).await.1), (0, 0));
    sound(&world).await;
}
