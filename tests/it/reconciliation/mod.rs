//! The night over a real database and a real mock: what each planted fault is called, and what never happens.

mod reading;
mod schedule;

use samsat_gateway::domain::BusinessDate;
use samsat_gateway::reconciliation::report::Report;
use samsat_gateway::reconciliation::{Night, NightError};
use serde_json::json;
use sqlx::{Executor, Row};

use crate::support::{Answer, World};

/// Takes the next vehicle's tax.
async fn pays(world: &World) -> Answer {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays(&quote).await
}

async fn pay(world: &World, times: usize) {
    for _ in 0..times {
        assert_eq!(pays(world).await.state(), "confirmed");
    }
}

fn today(world: &World) -> BusinessDate {
    world.clock.today()
}

fn close(world: &World, date: BusinessDate) {
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&date.to_string(), host).unwrap();
    }
}

async fn reconciles(night: &Night, date: BusinessDate) -> Result<Report, NightError> {
    night.run(date).await
}

async fn state_of(world: &World, payment: &Answer) -> String {
    world.agent().reads(&payment.id()).await.state().to_owned()
}

/// What only a superuser can do to a database.
async fn plants(world: &World, sql: String) {
    world.admin_connection().await.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

/// Every row of every table as text, to show that nothing changed.
async fn everything(world: &World) -> String {
    let mut admin = world.admin_connection().await;
    let tables = sqlx::query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    let mut all = String::new();
    for table in tables.fetch_all(&mut admin).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!(
            "SELECT '{table}' || coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM {table} t"
        );
        all.push_str(
            &sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut admin).await.unwrap().get::<String, _>(0),
        );
        all.push('\n');
    }
    all
}

fn count(report: &Report, class: &str) -> u64 {
    report.counts[class]
}

/// Classes that are not empty, apart from the matches.
fn breaks(report: &Report) -> Vec<(String, u64)> {
    let found = report.counts.iter().filter(|(class, lines)| **lines > 0 && *class != "MATCHED");
    found.map(|(class, lines)| (class.clone(), *lines)).collect()
}

#[tokio::test]
async fn an_undisturbed_day_is_matched_to_the_rupiah_and_says_the_same_twice() {
    let world = World::new().await;
    pay(&world, 5).await;
    let today = today(&world);
    close(&world, today);
    let first = reconciles(&world.night, today).await.unwrap();
    assert_eq!(breaks(&first), []);
    let rows: u64 = first.inputs.iter().map(|input| input.rows).sum();
    assert_eq!((count(&first, "MATCHED"), first.cases_opened, first.revision), (rows, 0, 1));
    let total: i64 = first.inputs.iter().map(|input| input.total.get()).sum();
    assert_eq!(first.amounts["MATCHED"].get(), total);
    let second = reconciles(&world.night, today).await.unwrap();
    assert_eq!((second.result_sha256.clone(), second.revision), (first.result_sha256.clone(), 2));
    assert_ne!(second.run_id, first.run_id);
    world.verified().await;
}

fn planted(host: &str, fault: &str) -> serde_json::Value {
    json!({"host": host, "operation": "settlement", "fault": fault})
}

#[tokio::test]
async fn each_planted_fault_is_told_apart_by_its_class() {
    let world = World::new().await;
    pay(&world, 8).await;
    let today = today(&world);
    close(&world, today);
    let faults = [
        "missing_row",
        "amount_off",
        "beneficiary_swapped",
        "duplicate_row",
        "plate_changed_after_payment",
        // Last: the mock plants each fault in a payment of its own, and an invented one would be as good as any.
        "extra_row",
    ];
    world.faults(faults.iter().map(|fault| planted("BAPENDA", fault)).collect());
    let report = reconciles(&world.night, today).await.unwrap();
    for class in ["MISSING_UPSTREAM", "MISSING_HERE", "AMOUNT", "BENEFICIARY", "DUPLICATE"] {
        assert_eq!(count(&report, class), 1, "{class}: {:?}", report.counts);
    }
    // One vehicle's rows, all of them, carry another plate.
    let changed = world
        .count("SELECT count(DISTINCT reference) FROM night_line WHERE class = 'CHANGED_AFTER_PAYMENT'")
        .await;
    assert_eq!(changed, 1);
    let planted: u64 = breaks(&report).iter().map(|(_, lines)| lines).sum();
    assert_eq!(planted, 5 + count(&report, "CHANGED_AFTER_PAYMENT"));
    assert_eq!(report.cases_opened, planted);
    let owned = world
        .count("SELECT count(*) FROM case_file WHERE origin = 'night' AND owner IN ('bapenda', 'admin')")
        .await;
    assert_eq!(u64::try_from(owned).unwrap(), planted);
    let again = reconciles(&world.night, today).await.unwrap();
    assert_eq!((again.cases_opened, again.cases_carried), (0, planted));
    assert_eq!(again.result_sha256, report.result_sha256);
    world.verified().await;
}

#[tokio::test]
async fn faults_of_jasa_raharja_are_told_apart_too() {
    let world = World::new().await;
    pay(&world, 4).await;
    let today = today(&world);
    close(&world, today);
    let faults = ["amount_off", "missing_row", "extra_row"];
    world.faults(faults.iter().map(|fault| planted("JASA_RAHARJA", fault)).collect());
    let report = reconciles(&world.night, today).await.unwrap();
    let found = breaks(&report);
    let expected = ["AMOUNT", "MISSING_HERE", "MISSING_UPSTREAM"].map(|class| (class.to_owned(), 1));
    assert_eq!(found, expected);
    world.verified().await;
}

#[tokio::test]
async fn a_file_that_is_broken_changes_nothing() {
    let world = World::new().await;
    pay(&world, 2).await;
    let today = today(&world);
    close(&world, today);
    let before = everything(&world).await;
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
            let refused = reconciles(&world.night, today).await.unwrap_err().to_string();
            assert!(refused.contains(says) && refused.contains(host), "{fault}: {refused}");
            assert_eq!(everything(&world).await, before, "{fault} of {host}");
        }
    }
    world.faults(json!([]));
    assert!(reconciles(&world.night, today).await.is_ok(), "a refused file takes nothing");
    world.verified().await;
}

#[tokio::test]
async fn a_corrected_revision_supersedes_and_closes_what_was_only_missing() {
    let world = World::new().await;
    pay(&world, 3).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "missing_row")]));
    let wrong = reconciles(&world.night, today).await.unwrap();
    assert_eq!(breaks(&wrong), [("MISSING_UPSTREAM".to_owned(), 1)]);
    world.faults(json!([planted("BAPENDA", "corrected_revision")]));
    let corrected = reconciles(&world.night, today).await.unwrap();
    assert_eq!((breaks(&corrected), corrected.revision), (vec![], 2));
    assert_ne!(corrected.inputs[0].sha256, wrong.inputs[0].sha256);
    assert_eq!(world.count("SELECT count(*) FROM case_file WHERE resolution = 'FOUND_IN_FILE'").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM settlement_file WHERE authority = 'BAPENDA'").await, 2);
    assert_eq!(
        world.count("SELECT count(DISTINCT run_id) FROM settlement_claim").await,
        1,
        "the old run holds no claim"
    );
    world.verified().await;
}

#[tokio::test]
async fn other_bytes_under_a_revision_already_taken_are_refused() {
    let world = World::new().await;
    pay(&world, 1).await;
    let today = today(&world);
    close(&world, today);
    reconciles(&world.night, today).await.unwrap();
    plants(&world, "ALTER TABLE settlement_file DISABLE TRIGGER settlement_file_append_only".to_owned())
        .await;
    plants(
        &world,
        "UPDATE settlement_file SET sha256 = sha256('other bytes') WHERE authority = 'JASA_RAHARJA'"
            .to_owned(),
    )
    .await;
    let before = everything(&world).await;
    let refused = reconciles(&world.night, today).await.unwrap_err();
    assert!(
        matches!(refused, NightError::Misfit(_))
            && refused.to_string().contains("other bytes under revision 1"),
        "{refused}"
    );
    assert_eq!(everything(&world).await, before);
}

/// One Bapenda booking whose answer is lost, while its status cannot be asked.
fn lost_and_mute() -> serde_json::Value {
    json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"},
        {"host": "BAPENDA", "operation": "status", "fault": "http_500"},
    ])
}

#[tokio::test]
async fn a_doubt_is_ended_by_the_file_and_every_run_says_so() {
    let world = World::new().await;
    pay(&world, 1).await;
    world.faults(lost_and_mute());
    let doubt = pays(&world).await;
    assert_eq!(doubt.state(), "in_doubt");
    let today = today(&world);
    close(&world, today);
    let first = reconciles(&world.night, today).await.unwrap();
    assert_eq!(first.doubts_resolved, 1);
    assert!(count(&first, "DOUBT_RESOLVED") > 1, "every line of the leg");
    assert_eq!(breaks(&first).len(), 1, "{:?}", first.counts);
    let number = world
        .count("SELECT count(*) FROM payment_leg WHERE state = 'booked' AND authority = 'BAPENDA'")
        .await;
    assert_eq!(number, 2);
    // The other leg was never sent: the resolver sends it, and the payment is whole.
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(state_of(&world, &doubt).await, "confirmed");
    world.books_agree().await;
    let second = reconciles(&world.night, today).await.unwrap();
    assert_eq!((&second.result_sha256, second.doubts_resolved), (&first.result_sha256, 1));
    world.verified().await;
}

#[tokio::test]
async fn a_doubt_is_not_ended_by_less_than_its_whole_quote() {
    let world = World::new().await;
    world.faults(lost_and_mute());
    let doubt = pays(&world).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "amount_off"), {"host": "BAPENDA", "operation": "status", "fault": "http_500"}]));
    let report = reconciles(&world.night, today).await.unwrap();
    assert_eq!((report.doubts_resolved, count(&report, "AMOUNT")), (0, 1));
    assert_eq!(state_of(&world, &doubt).await, "in_doubt");
    world.verified().await;
}

#[tokio::test]
async fn a_doubt_that_no_file_of_its_day_holds_is_expected() {
    let world = World::new().await;
    pay(&world, 1).await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "fault": "reset_before"},
        {"host": "BAPENDA", "operation": "status", "fault": "http_500"},
    ]));
    let doubt = pays(&world).await;
    assert_eq!(doubt.state(), "in_doubt");
    let today = today(&world);
    close(&world, today);
    let report = reconciles(&world.night, today).await.unwrap();
    assert_eq!(breaks(&report).first().map(|(class, _)| class.as_str()), Some("EXPECTED"));
    assert_eq!(report.cases_opened, 0);
    // Its window ends tomorrow, and then every file has been without it.
    let tomorrow = today.next();
    close(&world, tomorrow);
    let report = reconciles(&world.night, tomorrow).await.unwrap();
    assert_eq!(breaks(&report).first().map(|(class, _)| class.as_str()), Some("MISSING_UPSTREAM"));
    assert_eq!(state_of(&world, &doubt).await, "in_doubt", "no file refuses a payment");
    world.verified().await;
}

#[tokio::test]
async fn a_booking_of_a_refused_payment_is_a_late_success() {
    let world = World::new().await;
    world.faults(lost_and_mute());
    let payment = pays(&world).await;
    let id = payment.id();
    // Refused here although booked there: what must never happen is planted by hand.
    plants(&world, format!("UPDATE payment SET state = 'refused', refused_at = now(), reason = 'PLANTED' WHERE payment_id = '{id}'")).await;
    plants(&world, format!("DELETE FROM payment_work WHERE payment_id = '{id}'")).await;
    plants(&world, format!("DELETE FROM vehicle_lock WHERE payment_id = '{id}'")).await;
    let today = today(&world);
    close(&world, today);
    let report = reconciles(&world.night, today).await.unwrap();
    assert!(count(&report, "LATE_SUCCESS") > 0);
    assert_eq!(breaks(&report).len(), 1);
    let cases = world.count("SELECT count(*) FROM case_file WHERE class = 'LATE_SUCCESS' AND payment_id IS NOT NULL AND line_key = payment_id::text").await;
    assert_eq!(cases, 1, "one decision for the payment, whatever its lines");
    assert_eq!(state_of(&world, &payment).await, "refused");
}

#[tokio::test]
async fn a_leg_found_on_the_next_date_is_matched_with_its_shift_and_closes_its_case() {
    let world = World::new().await;
    let today = today(&world);
    close(&world, today);
    let payment = pays(&world).await;
    assert_eq!(
        payment.body["business_date"],
        today.next().to_string(),
        "after the closing the next day's book is open"
    );
    let id = payment.id();
    // As if the host had told another day than the one it settles on.
    plants(&world, "ALTER TABLE booking DISABLE TRIGGER booking_append_only".to_owned()).await;
    for table in ["payment_leg", "booking"] {
        plants(&world, format!("UPDATE {table} SET business_date = '{today}' WHERE payment_id = '{id}'"))
            .await;
    }
    let first = reconciles(&world.night, today).await.unwrap();
    let missing = count(&first, "MISSING_UPSTREAM");
    assert!(missing > 1 && first.cases_opened == missing);
    close(&world, today.next());
    let second = reconciles(&world.night, today.next()).await.unwrap();
    assert_eq!((breaks(&second), count(&second, "MATCHED")), (vec![], missing));
    assert_eq!(
        world.count("SELECT count(*) FROM night_line WHERE note LIKE 'DAY_SHIFT%'").await,
        i64::try_from(missing).unwrap()
    );
    assert_eq!(world.count("SELECT count(*) FROM case_file WHERE closed_at IS NULL").await, 0);
    // What a later file holds does not change what the earlier date's re-run says.
    let again = reconciles(&world.night, today).await.unwrap();
    assert_eq!((again.result_sha256, again.cases_opened), (first.result_sha256, 0));
}
