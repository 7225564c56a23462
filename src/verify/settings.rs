//! Invariant 18: the database still refuses what it must refuse: triggers in place, keys unique, the gateway's role small.

use sqlx::PgConnection;

use super::Check;
use crate::db::MIGRATOR;

/// Tables whose rows are history.
const APPEND_ONLY: [&str; 18] = [
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
    "settlement_resolution",
    "night_run",
    "night_input",
    "night_line",
    "night_matched",
    "cash_entry",
    "drawer_payment",
    "topup_proof",
];

/// Triggers without which a row could be changed or a hold resolved in part.
const TRIGGERS: [(&str, &str); 27] = [
    ("transfer", "transfer_append_only"),
    ("transfer", "transfer_no_truncate"),
    ("transfer", "transfer_resolution_adds_up"),
    ("audit_event", "audit_event_append_only"),
    ("audit_event", "audit_event_no_truncate"),
    ("lookup", "lookup_append_only"),
    ("idempotency_key", "idempotency_key_append_only"),
    ("evidence", "evidence_append_only"),
    ("receipt", "receipt_append_only"),
    ("bank_deposit", "bank_deposit_append_only"),
    ("settlement_file", "settlement_file_append_only"),
    ("settlement_part", "settlement_part_append_only"),
    ("settlement_resolution", "settlement_resolution_append_only"),
    ("night_run", "night_run_append_only"),
    ("night_input", "night_input_append_only"),
    ("night_line", "night_line_append_only"),
    ("night_matched", "night_matched_append_only"),
    ("payment_leg", "leg_keeps_its_word"),
    ("booking", "booking_append_only"),
    ("agent_float", "float_seq_grows"),
    ("proposal", "proposal_is_fixed"),
    ("cash_entry", "cash_entry_append_only"),
    ("cash_entry", "cash_entry_into_open_drawer"),
    ("drawer", "drawer_closes_once"),
    ("drawer_payment", "drawer_payment_append_only"),
    ("topup_proof", "topup_proof_append_only"),
    ("topup_request", "topup_request_answered_once"),
];

/// Unique indexes by which exactly once is exact.
const UNIQUE: [&str; 22] = [
    "transfer_pkey",
    "transfer_resolved_once",
    "idempotency_key_pkey",
    "payment_pkey",
    "payment_leg_pkey",
    "leg_number_key",
    "vehicle_lock_period",
    "vehicle_lock_open",
    "payment_work_pkey",
    "receipt_series_key",
    "receipt_payment_kind_key",
    "bank_deposit_key",
    "case_once",
    "night_run_revision_key",
    "night_matched_pkey",
    "settlement_file_pkey",
    "settlement_claim_line",
    "drawer_one_open",
    "drawer_payment_pkey",
    "cash_entry_taken_once",
    "topup_request_proof_once",
    "topup_request_deposit_once",
];

/// Constraints that keep a balance or a decision honest.
const CONSTRAINTS: [&str; 13] = [
    "transfer_amount_positive",
    "transfer_two_accounts",
    "transfer_available_not_negative",
    "float_available_not_negative",
    "float_owed_not_negative",
    "proposal_two_people",
    "payment_id_ends_in_zero",
    "leg_reference_of_payment",
    "cash_entry_amount_positive",
    "cash_entry_accounts_of_code",
    "drawer_count_adds_up",
    "drawer_variance_has_reason",
    "topup_proof_is_its_hash",
];

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let triggers = match sleeping_trigger(connection).await? {
        None => changed_function(connection).await?,
        found => found,
    };
    let keys = match missing_key(connection).await? {
        None => missing_constraint(connection).await?,
        found => found,
    };
    let role = match too_mighty(connection).await? {
        None => may_rewrite_history(connection).await?,
        found => found,
    };
    let n = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
    Ok(vec![
        Check::new(
            18,
            "every trigger that guards history is awake and unchanged",
            n(TRIGGERS.len()),
            triggers,
        ),
        Check::new(
            18,
            "every unique key and constraint that money rests on is there",
            n(UNIQUE.len() + CONSTRAINTS.len()),
            keys,
        ),
        Check::new(
            18,
            "the gateway's role owns nothing and cannot rewrite history",
            n(APPEND_ONLY.len()),
            role,
        ),
    ])
}

async fn sleeping_trigger(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let (tables, triggers): (Vec<String>, Vec<String>) =
        TRIGGERS.iter().map(|(table, trigger)| ((*table).to_owned(), (*trigger).to_owned())).unzip();
    sqlx::query_scalar!(
        r#"SELECT format('trigger %s on %s: it is %s', coalesce(t.tgname, due.trigger_name), coalesce(t.tgrelid::regclass::text, due.table_name),
                         CASE WHEN t.tgname IS NULL THEN 'missing' ELSE 'not enabled always' END) AS "offender!"
           FROM unnest($1::text[], $2::text[]) due (table_name, trigger_name)
           FULL JOIN (SELECT * FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)) t
             ON t.tgname = due.trigger_name AND t.tgrelid = to_regclass('public.' || due.table_name)
           WHERE t.tgenabled IS DISTINCT FROM 'A'
           ORDER BY coalesce(t.tgparentid, 0)
           LIMIT 1"#,
        &tables, &triggers
    )
    .fetch_optional(connection)
    .await
}

/// A guard's body must stand in a migration word for word.
async fn changed_function(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let functions = sqlx::query!(
        r#"SELECT DISTINCT f.oid::regprocedure::text AS "name!", f.prosrc AS body FROM pg_proc f JOIN pg_trigger t ON t.tgfoid = f.oid
           WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"#
    )
    .fetch_all(connection)
    .await?;
    let written = |body: &str| MIGRATOR.iter().any(|migration| migration.sql.as_str().contains(body));
    let changed = functions.into_iter().find(|function| !written(&function.body));
    Ok(changed.map(|function| format!("function {}: its body is that of no migration", function.name)))
}

async fn missing_key(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let names: Vec<String> = UNIQUE.iter().map(|&name| name.to_owned()).collect();
    sqlx::query_scalar!(
        r#"SELECT format('index %s: it is missing, not unique or not valid', name) AS "offender!"
           FROM unnest($1::text[]) name
           LEFT JOIN pg_index i ON i.indexrelid = to_regclass('public.' || name)
           WHERE (i.indisunique AND i.indisvalid AND i.indislive) IS NOT TRUE
           LIMIT 1"#,
        &names
    )
    .fetch_optional(connection)
    .await
}

async fn missing_constraint(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let names: Vec<String> = CONSTRAINTS.iter().map(|&name| name.to_owned()).collect();
    sqlx::query_scalar!(
        r#"SELECT format('constraint %s: it is missing or not validated', coalesce(c.conname, due.name)) AS "offender!"
           FROM unnest($1::text[]) due (name)
           FULL JOIN (SELECT conname, convalidated FROM pg_constraint WHERE connamespace = 'public'::regnamespace) c ON c.conname = due.name
           WHERE c.convalidated IS NOT TRUE
           LIMIT 1"#,
        &names
    )
    .fetch_optional(connection)
    .await
}

async fn too_mighty(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH app AS (SELECT * FROM pg_roles WHERE rolname = 'samsat_app')
           SELECT what AS "offender!" FROM (
             SELECT 'role samsat_app: it is missing' AS what WHERE NOT EXISTS (SELECT FROM app)
             UNION ALL SELECT 'role samsat_app: it may more than log in' FROM app WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication
             UNION ALL SELECT format('role samsat_app: it is a member of %s', m.roleid::regrole) FROM app JOIN pg_auth_members m ON m.member = app.oid
             UNION ALL SELECT format('relation %s: samsat_app owns it', c.oid::regclass) FROM app JOIN pg_class c ON c.relowner = app.oid
             UNION ALL SELECT format('function %s: samsat_app owns it', f.oid::regprocedure) FROM app JOIN pg_proc f ON f.proowner = app.oid
             UNION ALL SELECT format('schema %s: samsat_app owns it', n.nspname) FROM app JOIN pg_namespace n ON n.nspowner = app.oid
             UNION ALL SELECT format('database %s: samsat_app owns it', d.datname) FROM app JOIN pg_database d ON d.datdba = app.oid
             UNION ALL SELECT 'schema public: samsat_app may create in it' FROM app WHERE has_schema_privilege(app.oid, 'public', 'CREATE')) w
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn may_rewrite_history(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let tables: Vec<String> = APPEND_ONLY.iter().map(|&name| name.to_owned()).collect();
    sqlx::query_scalar!(
        r#"SELECT format('table %s: samsat_app may %s', c.relname, privilege) AS "offender!"
           FROM pg_class c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) privilege
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'samsat_app')
             AND (privilege IN ('TRUNCATE', 'TRIGGER') OR c.relname = ANY($1))
             AND CASE privilege WHEN 'UPDATE' THEN has_any_column_privilege('samsat_app', c.oid, 'UPDATE') ELSE has_table_privilege('samsat_app', c.oid, privilege) END
           LIMIT 1"#,
        &tables
    )
    .fetch_optional(connection)
    .await
}
