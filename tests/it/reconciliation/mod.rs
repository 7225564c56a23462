//! The night over a real database and a real mock: what each planted fault is called, and what never happens.

mod reading;
mod schedule;
mod world;

use samsat_gateway::reconciliation::NightError;
use samsat_gateway::reconciliation::report::Report;
use serde_json::json;
use world::World;

fn count(report: &Report, class: &str) -> u64 {
    report.counts[class]
}

/// Classes that are not empty, apart from the matches.
fn breaks(report: &Report) -> Vec<(String, u64)> {
    let found = report.counts.iter().filter(|(class, lines)| **lines > 0 && *class != "MATCHED");
    found.map(|(class, lines)| (class.clone(), *lines)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undisturbed_day_is_matched_to_the_rupiah_and_says_the_same_twice() {
    let mut world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.pays().await.state.as_str(), "confirmed");
    }
    let today = world.today();
    world.closes(today);
    let first = world.reconciles(today).await.unwrap();
    assert_eq!(breaks(&first), []);
    let rows: u64 = first.inputs.iter().map(|input| input.rows).sum();
    assert_eq!((count(&first, "MATCHED"), first.cases_opened, first.revision), (rows, 0, 1));
    let total: i64 = first.inputs.iter().map(|input| input.total.get()).sum();
    assert_eq!(first.amounts["MATCHED"].get(), total);
    let second = world.reconciles(today).await.unwrap();
    assert_eq!((second.result_sha256.clone(), second.revision), (first.result_sha256.clone(), 2));
    assert_ne!(second.run_id, first.run_id);
    world.end().await;
}

fn planted(host: &str, fault: &str) -> serde_json::Value {
    json!({"host": host, "operation": "settlement", "fault": fault})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_fault_is_told_apart_by_its_class() {
    let mut world = World::new().await;
    for _ in 0..8 {
        world.pays().await;
    }
    let today = world.today();
    world.closes(today);
    let faults = [
        "missing_row",
        "extra_row",
        "amount_off",
        "beneficiary_swapped",
        "duplicate_row",
        "plate_changed_after_payment",
    ];
    world.faults(faults.iter().map(|fault| planted("BAPENDA", fault)).collect());
    let report = world.reconciles(today).await.unwrap();
    for class in ["MISSING_UPSTREAM", "MISSING_HERE", "AMOUNT", "BENEFICIARY", "DUPLICATE"] {
        assert_eq!(count(&report, class), 1, "{class}: {:?}", report.counts);
    }
    // One vehicle's rows, all of them, carry another plate.
    let changed = world
        .number("SELECT count(DISTINCT reference) FROM night_line WHERE class = 'CHANGED_AFTER_PAYMENT'")
        .await;
    assert_eq!(changed, 1);
    let planted: u64 = breaks(&report).iter().map(|(_, lines)| lines).sum();
    assert_eq!(planted, 5 + count(&report, "CHANGED_AFTER_PAYMENT"));
    assert_eq!(report.cases_opened, planted);
    let owned = world
        .number("SELECT count(*) FROM case_file WHERE origin = 'night' AND owner IN ('bapenda', 'admin')")
        .await;
    assert_eq!(u64::try_from(owned).unwrap(), planted);
    let again = world.reconciles(today).await.unwrap();
    assert_eq!((again.cases_opened, again.cases_carried), (0, planted));
    assert_eq!(again.result_sha256, report.result_sha256);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_jasa_raharja_are_told_apart_too() {
    let mut world = World::new().await;
    for _ in 0..4 {
        world.pays().await;
    }
    let today = world.today();
    world.closes(today);
    let faults = ["amount_off", "missing_row", "extra_row"];
    world.faults(faults.iter().map(|fault| planted("JASA_RAHARJA", fault)).collect());
    let report = world.reconciles(today).await.unwrap();
    let found = breaks(&report);
    let expected = ["AMOUNT", "MISSING_HERE", "MISSING_UPSTREAM"].map(|class| (class.to_owned(), 1));
    assert_eq!(found, expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_changes_nothing() {
    let mut world = World::new().await;
    for _ in 0..2 {
        world.pays().await;
    }
    let today = world.today();
    world.closes(today);
    let before = world.everything().await;
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        for (fault, says) in [
            ("bad_trailer", "total is"),
            ("bad_chain", "the chain is broken"),
            ("truncated_file", "line"),
            ("late_file", "no settlement file"),
            ("unsigned", "gave no settlement file"),
            ("wrong_signature", "gave no settlement file"),
            ("garbage", "line 1"),
        ] {
            world.faults(json!([planted(host, fault)]));
            let refused = world.reconciles(today).await.unwrap_err().to_string();
            assert!(refused.contains(says) && refused.contains(host), "{fault}: {refused}");
            assert_eq!(world.everything().await, before, "{fault} of {host}");
        }
    }
    world.faults(json!([]));
    assert!(world.reconciles(today).await.is_ok(), "a refused file takes nothing");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_revision_supersedes_and_closes_what_was_only_missing() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.pays().await;
    }
    let today = world.today();
    world.closes(today);
    world.faults(json!([planted("BAPENDA", "missing_row")]));
    let wrong = world.reconciles(today).await.unwrap();
    assert_eq!(breaks(&wrong), [("MISSING_UPSTREAM".to_owned(), 1)]);
    world.faults(json!([planted("BAPENDA", "corrected_revision")]));
    let corrected = world.reconciles(today).await.unwrap();
    assert_eq!((breaks(&corrected), corrected.revision), (vec![], 2));
    assert_ne!(corrected.inputs[0].sha256, wrong.inputs[0].sha256);
    assert_eq!(world.number("SELECT count(*) FROM case_file WHERE resolution = 'FOUND_IN_FILE'").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM settlement_file WHERE authority = 'BAPENDA'").await, 2);
    assert_eq!(
        world.number("SELECT count(DISTINCT run_id) FROM settlement_claim").await,
        1,
        "the old run holds no claim"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_under_a_revision_already_taken_are_refused() {
    let mut world = World::new().await;
    world.pays().await;
    let today = world.today();
    world.closes(today);
    world.reconciles(today).await.unwrap();
    world.does("ALTER TABLE settlement_file DISABLE TRIGGER settlement_file_append_only".to_owned()).await;
    world
        .does(
            "UPDATE settlement_file SET sha256 = sha256('other bytes') WHERE authority = 'JASA_RAHARJA'"
                .to_owned(),
        )
        .await;
    let before = world.everything().await;
    let refused = world.reconciles(today).await.unwrap_err();
    assert!(
        matches!(refused, NightError::Misfit(_))
            && refused.to_string().contains("other bytes under revision 1"),
        "{refused}"
    );
    assert_eq!(world.everything().await, before);
    world.end().await;
}

/// One Bapenda booking whose answer is lost, while its status cannot be asked.
fn lost_and_mute() -> serde_json::Value {
    json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"},
        {"host": "BAPENDA", "operation": "status", "fault": "http_500"},
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_ended_by_the_file_and_every_run_says_so() {
    let mut world = World::new().await;
    world.pays().await;
    world.faults(lost_and_mute());
    let doubt = world.pays().await;
    assert_eq!(doubt.state.as_str(), "in_doubt");
    let today = world.today();
    world.closes(today);
    let first = world.reconciles(today).await.unwrap();
    assert_eq!(first.doubts_resolved, 1);
    assert!(count(&first, "DOUBT_RESOLVED") > 1, "every line of the leg");
    assert_eq!(breaks(&first).len(), 1, "{:?}", first.counts);
    let number = world
        .number("SELECT count(*) FROM payment_leg WHERE state = 'booked' AND authority = 'BAPENDA'")
        .await;
    assert_eq!(number, 2);
    // The other leg was never sent: the resolver sends it, and the payment is whole.
    world.payments.resolve_due(true).await.unwrap();
    assert_eq!(world.state_of(&doubt).await, "confirmed");
    let second = world.reconciles(today).await.unwrap();
    assert_eq!((&second.result_sha256, second.doubts_resolved), (&first.result_sha256, 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_not_ended_by_less_than_its_whole_quote() {
    let mut world = World::new().await;
    world.faults(lost_and_mute());
    let doubt = world.pays().await;
    let today = world.today();
    world.closes(today);
    world.faults(json!([planted("BAPENDA", "amount_off"), {"host": "BAPENDA", "operation": "status", "fault": "http_500"}]));
    let report = world.reconciles(today).await.unwrap();
    assert_eq!((report.doubts_resolved, count(&report, "AMOUNT")), (0, 1));
    assert_eq!(world.state_of(&doubt).await, "in_doubt");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_no_file_of_its_day_holds_is_expected() {
    let mut world = World::new().await;
    world.pays().await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "reset_before"},
        {"host": "BAPENDA", "operation": "status", "fault": "http_500"},
    ]));
    let doubt = world.pays().await;
    assert_eq!(doubt.state.as_str(), "in_doubt");
    let today = world.today();
    world.closes(today);
    let report = world.reconciles(today).await.unwrap();
    assert_eq!(breaks(&report).first().map(|(class, _)| class.as_str()), Some("EXPECTED"));
    assert_eq!(report.cases_opened, 0);
    // Its window ends tomorrow, and then every file has been without it.
    let tomorrow = today.next();
    world.closes(tomorrow);
    let report = world.reconciles(tomorrow).await.unwrap();
    assert_eq!(breaks(&report).first().map(|(class, _)| class.as_str()), Some("MISSING_UPSTREAM"));
    assert_eq!(world.state_of(&doubt).await, "in_doubt", "no file refuses a payment");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_of_a_refused_payment_is_a_late_success() {
    let mut world = World::new().await;
    world.faults(lost_and_mute());
    let payment = world.pays().await;
    let id = payment.payment_id;
    // Refused here although booked there: what must never happen is planted by hand.
    world.does(format!("UPDATE payment SET state = 'refused', refused_at = now(), reason = 'PLANTED' WHERE payment_id = '{id}'")).await;
    world.does(format!("DELETE FROM payment_work WHERE payment_id = '{id}'")).await;
    world.does(format!("DELETE FROM vehicle_lock WHERE payment_id = '{id}'")).await;
    let today = world.today();
    world.closes(today);
    let report = world.reconciles(today).await.unwrap();
    assert!(count(&report, "LATE_SUCCESS") > 0);
    assert_eq!(breaks(&report).len(), 1);
    let cases = world.number("SELECT count(*) FROM case_file WHERE class = 'LATE_SUCCESS' AND payment_id IS NOT NULL AND line_key = payment_id::text").await;
    assert_eq!(cases, 1, "one decision for the payment, whatever its lines");
    assert_eq!(world.state_of(&payment).await, "refused");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_found_on_the_next_date_is_matched_with_its_shift_and_closes_its_case() {
    let mut world = World::new().await;
    let today = world.today();
    world.closes(today);
    let payment = world.pays().await;
    assert_eq!(payment.business_date, Some(today.next()), "after the closing the next day's book is open");
    let id = payment.payment_id;
    // As if the host had told another day than the one it settles on.
    world.does(format!("UPDATE payment_leg SET business_date = '{today}' WHERE payment_id = '{id}'")).await;
    let first = world.reconciles(today).await.unwrap();
    let missing = count(&first, "MISSING_UPSTREAM");
    assert!(missing > 1 && first.cases_opened == missing);
    world.closes(today.next());
    let second = world.reconciles(today.next()).await.unwrap();
    assert_eq!((breaks(&second), count(&second, "MATCHED")), (vec![], missing));
    assert_eq!(
        world.number("SELECT count(*) FROM night_line WHERE note LIKE 'DAY_SHIFT%'").await,
        i64::try_from(missing).unwrap()
    );
    assert_eq!(world.number("SELECT count(*) FROM case_file WHERE closed_at IS NULL").await, 0);
    // What a later file holds does not change what the earlier date's re-run says.
    let again = world.reconciles(today).await.unwrap();
    assert_eq!((again.result_sha256, again.cases_opened), (first.result_sha256, 0));
    world.end().await;
}
