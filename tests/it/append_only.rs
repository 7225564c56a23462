//! The database itself refuses what the code must never do: history that changes, holds resolved twice, floats below
//! zero, a second lock, a number used again, one person for two.

use samsat_gateway::agents::Role;
use samsat_gateway::db;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::World;

/// Tables whose rows are history.
const HISTORY: [&str; 18] = [
    "transfer",
    "audit_event",
    "lookup",
    "idempotency_key",
    "evidence",
    "receipt",
    "bank_deposit",
    "booking",
    "settlement_file",
    "settlement_part",
    "night_run",
    "night_input",
    "night_line",
    "night_matched",
    "settlement_resolution",
    "cash_entry",
    "drawer_payment",
    "topup_proof",
];

/// A world with a row in every table that a day fills.
async fn a_day() -> World {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "hang_after_booking");
    assert_eq!(world.agent().pays(&quote).await.state(), "in_doubt");
    world.no_faults();
    let supervisor = world.staff(0, "penyelia.uji", Role::Penyelia).await;
    let drawer = world.opens_drawer(&supervisor, 100_000).await;
    world.sells_into(&supervisor, drawer).await;
    world.asks_topup(&supervisor, 1_000_000).await;
    let today = world.clock.today();
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&today.to_string(), host).unwrap();
    }
    world.night.run(today).await.expect("a night is published");
    world
}

/// Runs a statement that must be refused, and tells by what: the constraint's name, else the SQLSTATE.
pub(crate) async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    let mut transaction = connection.begin().await.unwrap();
    let error = match transaction.execute(AssertSqlSafe(sql.to_owned())).await {
        Ok(done) => panic!("taken ({} rows): {sql}", done.rows_affected()),
        Err(error) => error,
    };
    transaction.rollback().await.unwrap();
    if let Some(name) = db::constraint(&error) {
        // A month's index stands for the one of its table.
        let whole = "SELECT p.relname::text FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent WHERE c.relname = $1";
        let whole: Option<String> =
            sqlx::query_scalar(whole).bind(name).fetch_optional(connection).await.unwrap();
        return whole.unwrap_or_else(|| name.to_owned());
    }
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
}

#[tokio::test]
async fn no_role_changes_or_deletes_history() {
    let world = a_day().await;
    let (mut app, mut owner) = (world.app_connection().await, world.admin_connection().await);
    for table in HISTORY {
        let column: String = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position LIMIT 1",
        )
        .bind(table)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        for sql in [format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")] {
            // 42501: no such right.
            assert_eq!(refused(&mut app, &sql).await, "42501", "{sql}");
            // 23001: the trigger's restrict_violation; the superuser too, and only rows can be refused.
            if rows > 0 {
                assert_eq!(refused(&mut owner, &sql).await, "23001", "{sql}");
            }
        }
        assert_eq!(refused(&mut app, &format!("TRUNCATE {table} CASCADE")).await, "42501", "{table}");
        assert!(rows > 0 || table == "settlement_resolution", "{table} has no row to prove it with");
    }
    for table in ["transfer", "audit_event", "transfer_rest", "payment_rest", "evidence_rest"] {
        assert_eq!(refused(&mut owner, &format!("TRUNCATE {table}")).await, "23001", "{table}");
    }
    sqlx::query("SET session_replication_role = replica").execute(&mut owner).await.unwrap();
    let always = refused(&mut owner, "DELETE FROM transfer").await;
    assert_eq!(always, "23001", "a trigger that is ENABLE ALWAYS cannot be stepped around");
}

#[tokio::test]
async fn every_append_only_trigger_is_on_a_table_of_this_list() {
    let world = World::new().await;
    let guarded: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT c.relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE p.proname = 'append_only' AND t.tgenabled = 'A' AND NOT c.relispartition ORDER BY 1",
    )
    .fetch_all(&mut world.admin_connection().await)
    .await
    .unwrap();
    let mut ours: Vec<&str> = HISTORY.to_vec();
    ours.sort_unstable();
    assert_eq!(guarded, ours);
}

const HOLD_OF_FIRST_LEG: &str = "(SELECT hold_id FROM payment_leg WHERE state = 'booked' AND hold_id IS NOT NULL ORDER BY reference LIMIT 1)";
const OPEN_HOLD: &str = "(SELECT h.transfer_id FROM transfer h WHERE h.code = 'HOLD' AND NOT EXISTS (SELECT FROM transfer r WHERE r.resolves = h.transfer_id) ORDER BY transfer_id LIMIT 1)";

fn resolution(hold: &str, amount: &str, part: i16) -> String {
    format!(
        "INSERT INTO transfer (cause, transfer_id, debit_account, credit_account, amount, code, agent_id, resolves, resolves_part, at)
         SELECT cause, gen_random_uuid(), credit_account, debit_account, {amount}, 'VOID', agent_id, transfer_id, {part}, now()
         FROM transfer WHERE transfer_id = {hold}"
    )
}

#[tokio::test]
async fn a_hold_is_resolved_once_and_by_its_exact_amount() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    assert_eq!(world.agent().pays(&quote).await.state(), "in_doubt");
    let mut app = world.app_connection().await;
    let again = resolution(HOLD_OF_FIRST_LEG, "amount", 0);
    assert_eq!(refused(&mut app, &again).await, "transfer_resolved_once");
    for (amount, part) in [("amount - 1", 0), ("amount + 1", 0), ("amount", 1)] {
        let wrong = resolution(OPEN_HOLD, amount, part);
        assert_eq!(refused(&mut app, &wrong).await, "transfer_resolution_adds_up", "{amount}, part {part}");
    }
    let no_hold = resolution("(SELECT transfer_id FROM transfer WHERE code = 'TOPUP' LIMIT 1)", "amount", 0);
    assert_eq!(refused(&mut app, &no_hold).await, "transfer_resolution_adds_up");
    world.verified().await;
}

#[tokio::test]
async fn the_books_refuse_what_no_book_may_hold() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    let mut app = world.app_connection().await;
    let transfer = |debit: &str, amount: &str, code: &str, seq: &str, after: &str| {
        format!(
            "INSERT INTO transfer (cause, transfer_id, debit_account, credit_account, amount, code, agent_id, float_seq, available_after, at)
             SELECT gen_random_uuid(), gen_random_uuid(), {debit}, 1, {amount}, {code}, agent_id, {seq}, {after}, now() FROM agent WHERE agent_no = 1"
        )
    };
    for (sql, constraint) in [
        ("UPDATE agent_float SET available = -1".to_owned(), "float_available_not_negative"),
        ("UPDATE agent_float SET owed = -1".to_owned(), "float_owed_not_negative"),
        (transfer("2", "0", "'TOPUP'", "NULL", "NULL"), "transfer_amount_positive"),
        (transfer("2", "-5", "'TOPUP'", "NULL", "NULL"), "transfer_amount_positive"),
        (transfer("1", "5", "'TOPUP'", "NULL", "NULL"), "transfer_two_accounts"),
        (transfer("2", "5", "'GIFT'", "NULL", "NULL"), "transfer_code_known"),
        (transfer("2", "5", "'POST'", "NULL", "NULL"), "transfer_resolution_whole"),
        (transfer("2", "5", "'TOPUP'", "77", "NULL"), "transfer_float_whole"),
        (transfer("2", "5", "'TOPUP'", "77", "-1"), "transfer_available_not_negative"),
        ("UPDATE agent_float SET seq = seq - 1".to_owned(), "float_seq_grows"),
    ] {
        assert_eq!(refused(&mut app, &sql).await, constraint, "{sql}");
    }
}

#[tokio::test]
async fn numbers_references_locks_and_keys_are_used_once() {
    let world = World::new().await;
    for _ in 0..2 {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        assert_eq!(world.agent().pays_with(&quote.lookup_id, &quote).await.state(), "confirmed");
    }
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    assert_eq!(world.agent().pays(&quote).await.state(), "in_doubt");
    let mut app = world.app_connection().await;
    let copy_of_leg = |ordinal: i16, reference: &str| {
        format!(
            "INSERT INTO payment_leg (payment_id, ordinal, authority, reference, document_id, amount, periods, hold_id, state, not_after)
             SELECT payment_id, {ordinal}, authority, {reference}, document_id, amount, periods, hold_id, 'sent', not_after
             FROM payment_leg WHERE authority = 'BAPENDA' AND number IS NOT NULL LIMIT 1"
        )
    };
    for (sql, constraint) in [
        ("INSERT INTO booking SELECT authority, number, gen_random_uuid(), 0, business_date FROM booking LIMIT 1".to_owned(), "leg_number_key"),
        (copy_of_leg(9, "gen_random_uuid()"), "leg_reference_of_payment"),
        (copy_of_leg(9, "reference"), "leg_reference_of_payment"),
        (copy_of_leg(0, "reference"), "payment_leg_pkey"),
        ("UPDATE payment_leg SET number = 'ANOTHERNUMBER000' WHERE number IS NOT NULL".to_owned(), "leg_keeps_its_word"),
        ("UPDATE payment_leg SET not_after = not_after - interval '1 second'".to_owned(), "leg_keeps_its_word"),
        ("INSERT INTO vehicle_lock SELECT plate, due_on, gen_random_uuid(), true, false FROM vehicle_lock LIMIT 1".to_owned(), "vehicle_lock_period"),
        (
            "INSERT INTO vehicle_lock SELECT plate, due_on + 365, gen_random_uuid(), true, true FROM vehicle_lock WHERE is_open".to_owned(),
            "vehicle_lock_open",
        ),
        (
            "INSERT INTO idempotency_key SELECT agent_id, key, '{}', gen_random_uuid(), NULL, now() FROM idempotency_key LIMIT 1".to_owned(),
            "idempotency_key_pkey",
        ),
        (
            "INSERT INTO idempotency_key SELECT agent_id, 'neither', '{}', NULL, NULL, now() FROM agent LIMIT 1".to_owned(),
            "idempotency_key_answered",
        ),
        (
            "INSERT INTO receipt SELECT 'X-2', payment_id, agent_id, kind, year, n + 900, payload, issued_at FROM receipt WHERE kind = 'LUNAS' LIMIT 1".to_owned(),
            "receipt_payment_kind_key",
        ),
        (
            "INSERT INTO receipt SELECT 'X-3', payment_id, agent_id, 'LUNAS', year, 1, payload, issued_at FROM receipt WHERE kind = 'TITIP'".to_owned(),
            "receipt_series_key",
        ),
    ] {
        assert_eq!(refused(&mut app, &sql).await, constraint, "{sql}");
    }
}

#[tokio::test]
async fn the_same_person_approves_nothing_and_what_was_proposed_stays() {
    let world = World::new().await;
    let mut app = world.app_connection().await;
    sqlx::query(
        "INSERT INTO proposal (proposal_id, kind, subject, terms, proposed_by, proposed_at)
         SELECT gen_random_uuid(), 'topup', gen_random_uuid(), '{\"amount\": 1}', person_id, now() FROM person WHERE role = 'admin'",
    )
    .execute(&mut app)
    .await
    .unwrap();
    let open = "WHERE approved_at IS NULL";
    for (sql, constraint) in [
        (format!("UPDATE proposal SET approved_by = proposed_by, approved_at = now() {open}"), "proposal_two_people"),
        (
            format!("UPDATE proposal SET approved_at = now() {open}"),
            "proposal_approval_whole",
        ),
        (
            format!("UPDATE proposal SET approved_by = (SELECT person_id FROM person WHERE role = 'bapenda'), approved_at = proposed_at - interval '1 s' {open}"),
            "proposal_approved_after",
        ),
        ("UPDATE proposal SET approved_at = now() WHERE approved_at IS NOT NULL".to_owned(), "proposal_is_fixed"),
        (
            "INSERT INTO bank_deposit SELECT bank, deposited_on, bank_reference, (SELECT proposal_id FROM proposal WHERE approved_at IS NULL), agent_id, amount FROM bank_deposit LIMIT 1".to_owned(),
            "bank_deposit_key",
        ),
        // The terms: no such right at all.
        (format!("UPDATE proposal SET terms = '{{\"amount\": 2}}' {open}"), "42501"),
    ] {
        assert_eq!(refused(&mut app, &sql).await, constraint, "{sql}");
    }
    let mut owner = world.admin_connection().await;
    let terms = refused(&mut owner, "UPDATE proposal SET terms = '{}'").await;
    assert_eq!(terms, "proposal_is_fixed", "the owner neither");
}
