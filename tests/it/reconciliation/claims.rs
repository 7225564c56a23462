//! Which night found a line, over all dates, where a plain match holds it without a row of its own.

use samsat_gateway::domain::BusinessDate;
use serde_json::json;
use sqlx::Row;

use super::{breaks, close, count, pay, reconciles, today};
use crate::support::World;

/// The taken file of a host, as text, with its SHA-256.
async fn taken(world: &World, host: &str) -> (String, String) {
    let mut admin = world.admin_connection().await;
    let parts = sqlx::query("SELECT bytes FROM settlement_part WHERE authority = $1 AND revision = 1 ORDER BY business_date, part_no")
        .bind(host)
        .fetch_all(&mut admin)
        .await
        .unwrap();
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| zstd::stream::decode_all(part.get::<&[u8], _>(0)).unwrap()).collect();
    let sha256 =
        sqlx::query("SELECT encode(sha256($1), 'hex')").bind(&bytes).fetch_one(&mut admin).await.unwrap();
    (String::from_utf8(bytes).unwrap(), sha256.get(0))
}

/// Has the host show the rows of its file of one date in that of the next once more.
async fn repeats(world: &World, host: &str, next: BusinessDate) {
    let (text, sha256) = taken(world, host).await;
    let (header, rows) = text.split_once('\n').unwrap();
    let mut header: Vec<String> = header.split(',').map(str::to_owned).collect();
    header[4] = next.to_string();
    header[5] = (header[5].parse::<u64>().unwrap() + 1).to_string();
    header[7] = sha256;
    let path = std::env::temp_dir().join(format!("{host}-{}", uuid::Uuid::now_v7()));
    std::fs::write(&path, format!("{}\n{rows}", header.join(","))).unwrap();
    world.mock.prepare_file(&next.to_string(), &json!({"host": host, "path": path})).unwrap();
}

#[tokio::test]
async fn a_line_that_one_night_matched_is_a_duplicate_in_any_other_dates_file() {
    let world = World::new().await;
    pay(&world, 3).await;
    let today = today(&world);
    close(&world, today);
    let first = reconciles(&world.night, today).await.unwrap();
    assert_eq!(breaks(&first), []);
    assert_eq!(world.count("SELECT count(*) FROM settlement_claim").await, 0, "a plain match needs no row");
    close(&world, today.next());
    repeats(&world, "BAPENDA", today.next()).await;
    let second = reconciles(&world.night, today.next()).await.unwrap();
    assert_eq!(breaks(&second), [("DUPLICATE".to_owned(), first.inputs[0].rows)]);
    let noted = "SELECT count(*) FROM night_line WHERE class = 'DUPLICATE' AND note LIKE 'CLAIMED_ON %'";
    assert_eq!(u64::try_from(world.count(noted).await).unwrap(), first.inputs[0].rows);
    let again = reconciles(&world.night, today).await.unwrap();
    assert_eq!(again.result_sha256, first.result_sha256, "what a later file holds changes no re-run");
    assert_eq!(count(&again, "MATCHED"), count(&first, "MATCHED"));
    world.verified().await;
}

#[tokio::test]
async fn a_line_that_two_nights_hold_is_found_by_verify() {
    let world = World::new().await;
    pay(&world, 1).await;
    let today = today(&world);
    close(&world, today);
    close(&world, today.next());
    reconciles(&world.night, today).await.unwrap();
    let other = reconciles(&world.night, today.next()).await.unwrap();
    let sql = format!(
        "INSERT INTO settlement_claim
         SELECT reference, (periods->0->>'due_on')::date, periods->0->'lines'->0->>'code', periods->0->'lines'->0->>'beneficiary', 'PAID', '{}', '{}'
         FROM payment_leg WHERE authority = 'BAPENDA'",
        today.next(),
        other.run_id
    );
    super::plants(&world, sql).await;
    let report = world.app.verify().await.unwrap();
    let mut offenders = report.checks.iter().filter_map(|check| check.offender.as_deref());
    assert!(offenders.any(|offender| offender.contains("holds as matched")), "{report:?}");
}
