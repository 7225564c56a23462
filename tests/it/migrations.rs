//! Migrations: each runs on tables that have rows, gives the application's role what its code does and no more, and a
//! gateway serves only on exactly its own and only where an acknowledged commit stays.

use std::collections::BTreeSet;
use std::path::Path;

use samsat_gateway::agents::Role;
use samsat_gateway::db::DbError;
use samsat_gateway::http::{Gateway, StartError};
use samsat_gateway::{MIGRATOR, db};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::support::{Database, World};

/// A day with payments that ended in every way, and its night.
async fn a_day() -> World {
    let world = World::new().await;
    for fault in ["", "reset_before", "reset_after_booking", "refuse:BILL_EXPIRED", "wrong_amount"] {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        if fault.is_empty() {
            world.no_faults();
        } else {
            world.fault("BAPENDA", "payment", fault);
        }
        world.agent().pays(&quote).await;
    }
    world.no_faults();
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = format!("/v1/receipts/{}", paid.body["receipt_no"].as_str().unwrap());
    world.agent().send(reqwest::Method::GET, &receipt, &[("accept", "text/html")], None).await;
    world.agent().asks(&world.of_case("NOT_FOUND", 0)).await;
    world.cashier(0, "siti").await.signs_in().await;
    let supervisor = world.staff(0, "penyelia.uji", Role::Penyelia).await;
    let drawer = world.opens_drawer(&supervisor, 100_000).await;
    world.sells_into(&supervisor, drawer).await;
    world.closes_drawer(&supervisor, drawer, -10_000).await;
    world.asks_topup(&supervisor, 1_000_000).await;
    world.take_back(&paid.id()).await;
    let today = world.clock.today();
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&today.to_string(), host).unwrap();
    }
    world.night.run(today).await.expect("a night is published");
    world
}

async fn tables(connection: &mut PgConnection) -> BTreeSet<String> {
    // Months are parts of their table, and `monthly` is filled by the migrations themselves.
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
               AND NOT relispartition AND relname <> 'monthly' AND relname NOT LIKE '\\_sqlx%'";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap().into_iter().collect()
}

async fn rows(connection: &mut PgConnection, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Twin rows: everything that a lived day has for a table, as far as the table has those columns by now.
async fn copy_rows(from: &mut PgConnection, to: &mut PgConnection, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT coalesce(json_agg(t), '[]')::text FROM {table} t"));
    let all: String = sqlx::query_scalar(sql).fetch_one(from).await.unwrap();
    // Superuser and replica: foreign keys ask for an order that does not matter here. The ALWAYS triggers still judge.
    let sql = format!(
        "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1::json) ON CONFLICT DO NOTHING"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(all)
        .execute(&mut *to)
        .await
        .unwrap_or_else(|e| panic!("{table}: {e}"));
    rows(to, table).await
}

#[tokio::test]
async fn each_migration_runs_on_tables_that_have_rows_and_loses_none() {
    let mut world = a_day().await;
    // Nobody goes on with open payments while they are copied.
    world.stop().await;
    let copy = Database::empty().await;
    let (mut lived, mut grown) = (world.admin_connection().await, copy.admin().await);
    grown.execute("SET session_replication_role = replica").await.unwrap();
    let mut filled: Vec<(String, i64)> = vec![];
    for migration in MIGRATOR.iter() {
        sqlx::raw_sql(migration.sql.clone())
            .execute(&mut grown)
            .await
            .unwrap_or_else(|e| panic!("migration {} on a database with rows: {e}", migration.version));
        for (table, count) in &filled {
            assert_eq!(
                rows(&mut grown, table).await,
                *count,
                "migration {} lost rows of {table}",
                migration.version
            );
        }
        let known: BTreeSet<String> = filled.iter().map(|(table, _)| table.clone()).collect();
        for table in tables(&mut grown).await.difference(&known) {
            let count = copy_rows(&mut lived, &mut grown, table).await;
            filled.push((table.clone(), count));
        }
    }
    assert_eq!(tables(&mut grown).await, tables(&mut lived).await);
    for (table, count) in &filled {
        assert_eq!(rows(&mut lived, table).await, *count, "{table}");
    }
    let empty: BTreeSet<&str> =
        filled.iter().filter(|(_, n)| *n == 0).map(|(table, _)| table.as_str()).collect();
    let allowed = BTreeSet::from(["night_attempt", "settlement_resolution"]);
    assert!(empty.is_subset(&allowed), "the day left {empty:?} without a row");
    drop((lived, grown));
    let mut config = world.config.clone();
    config.database.url = secrecy::SecretString::from(copy.app_url());
    let gateway = Gateway::open(config, world.clock.clone()).await.expect("a gateway opens on the copy");
    let report = gateway.app.verify().await.expect("verify runs");
    assert!(report.holds, "{}", serde_json::to_string_pretty(&report).unwrap());
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let world = World::new().await;
    db::migrate(&world.owner_url()).await.expect("nothing is left to do");
    let applied = world.count("SELECT count(*) FROM _sqlx_migrations WHERE success").await;
    assert_eq!(applied, i64::try_from(MIGRATOR.iter().count()).unwrap());
    world.app.db.ready().await.expect("ready");
}

#[test]
fn migrations_are_numbered_without_gap_and_begin_by_saying_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for (migration, number) in MIGRATOR.iter().zip(1_i64..) {
        assert_eq!(migration.version, number);
        let text = migration.sql.as_str();
        assert!(text.starts_with("-- "), "{number} says nothing of itself");
        for line in text.lines().filter(|line| line.contains("ADD COLUMN")) {
            assert!(!line.contains("NOT NULL") || line.contains("DEFAULT"), "{number}: {line}");
        }
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), MIGRATOR.iter().count());
}

/// Tables from which rows may go: none of them is history.
const WORKING_TABLES: [&str; 5] =
    ["lookup_miss", "night_attempt", "payment_work", "settlement_claim", "vehicle_lock"];

#[tokio::test]
async fn the_role_of_the_application_owns_nothing_and_has_no_right_that_history_could_fear() {
    let world = World::new().await;
    let mut admin = world.admin_connection().await;
    let rights: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, privilege_type::text FROM information_schema.role_table_grants
         WHERE grantee = 'samsat_app' AND table_schema = 'public'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(rights.len() > 40, "{}", rights.len());
    for (table, right) in &rights {
        match right.as_str() {
            "SELECT" => {}
            "INSERT" => assert!(!table.starts_with("_sqlx"), "{table}"),
            "DELETE" => assert!(WORKING_TABLES.contains(&table.as_str()), "DELETE on {table}"),
            // Columns are granted one by one.
            other => panic!("{other} on the whole of {table}"),
        }
    }
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT table_name::text FROM information_schema.column_privileges
         WHERE grantee = 'samsat_app' AND privilege_type = 'UPDATE' AND table_name IN
           ('transfer', 'audit_event', 'lookup', 'idempotency_key', 'evidence', 'receipt', 'receipt_copy', 'bank_deposit', 'account',
            'settlement_file', 'settlement_part', 'night_run', 'night_input', 'night_line', 'night_matched', 'settlement_resolution', '_sqlx_migrations')",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(columns.is_empty(), "UPDATE on {columns:?}");
    let (owns, special): (i64, bool) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM pg_class WHERE relowner = 'samsat_app'::regrole),
                rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = 'samsat_app'",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert_eq!((owns, special), (0, false));
    let mut app = world.app_connection().await;
    for sql in [
        "CREATE TABLE mine (x int)",
        "ALTER TABLE transfer DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TABLE transfer",
        "UPDATE _sqlx_migrations SET success = false",
        "UPDATE payment SET amount = amount + 1",
        "UPDATE payment_leg SET reference = gen_random_uuid()",
    ] {
        let error = app.execute(sql).await.expect_err(sql);
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default()
            .into_owned();
        assert_eq!(code, "42501", "{sql}");
    }
}

async fn ready(world: &World) -> (u16, String) {
    let answer = reqwest::get(format!("http://{}/readyz", world.addresses().1)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_gateway_is_ready_only_on_exactly_its_own_migrations() {
    let world = World::new().await;
    assert_eq!(ready(&world).await.0, 200);
    let mut admin = world.admin_connection().await;
    for (spoil, mend) in [
        (
            "UPDATE _sqlx_migrations SET success = false WHERE version = 8",
            "UPDATE _sqlx_migrations SET success = true WHERE version = 8",
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = checksum || '\\x00' WHERE version = 3",
            "UPDATE _sqlx_migrations SET checksum = substr(checksum, 1, length(checksum) - 1) WHERE version = 3",
        ),
        (
            "INSERT INTO _sqlx_migrations SELECT 9999, 'of a newer program', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1",
            "DELETE FROM _sqlx_migrations WHERE version = 9999",
        ),
    ] {
        admin.execute(spoil).await.unwrap();
        let (status, why) = ready(&world).await;
        assert_eq!(status, 503, "{spoil}");
        assert!(why.contains("migrations differ"), "{why}");
        let gateway = Gateway::open(world.config.clone(), world.clock.clone()).await.unwrap();
        let refused = gateway.start(None).await.err();
        assert!(matches!(refused, Some(StartError::Db(DbError::MigrationsDiffer))), "{spoil}: it started");
        let live = reqwest::get(format!("http://{}/healthz", world.addresses().1)).await.unwrap();
        assert_eq!(live.status(), 200, "it lives all the same");
        admin.execute(mend).await.unwrap();
        assert_eq!(ready(&world).await.0, 200, "{mend}");
    }
}

#[tokio::test]
async fn a_gateway_does_not_start_where_a_commit_could_be_forgotten() {
    let world = World::new().await;
    let mut admin = world.admin_connection().await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
    for (value, refused) in [("off", true), ("local", true), ("remote_apply", false), ("on", false)] {
        let sql = format!("ALTER DATABASE {name} SET synchronous_commit = '{value}'");
        admin.execute(AssertSqlSafe(sql)).await.unwrap();
        match Gateway::open(world.config.clone(), world.clock.clone()).await {
            Err(StartError::Db(DbError::NotDurable { setting, .. })) => {
                assert!(refused && setting == "synchronous_commit", "{value}: {setting}");
            }
            Err(error) => panic!("{value}: {error}"),
            Ok(_) => assert!(!refused, "{value}: it opened"),
        }
    }
}
