//! What grows: tables are cut by month without anybody noticing, and no statement on the way of a payment or a lookup
//! reads a whole table.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::support::World;

/// Tables that grow with every payment or lookup.
const GROWING: [&str; 12] = [
    "audit_event",
    "booking",
    "drawer_payment",
    "evidence",
    "idempotency_key",
    "lookup",
    "payment",
    "payment_leg",
    "receipt",
    "receipt_copy",
    "transfer",
    "vehicle_lock",
];

/// Files whose statements stand on the way of a request or of the resolver.
const HOT: [&str; 13] = [
    "src/agents/store.rs",
    "src/audit/mod.rs",
    "src/drawer/store.rs",
    "src/ledger/store.rs",
    "src/lookup/store.rs",
    "src/payment/begin_store.rs",
    "src/payment/case_store.rs",
    "src/payment/day_store.rs",
    "src/payment/outlet_store.rs",
    "src/payment/settle_store.rs",
    "src/payment/store.rs",
    "src/payment/view.rs",
    "src/receipt/store.rs",
];

/// Lists that people page through: read in the order of an index until the page is full.
const LISTS: [&str; 2] = ["ORDER BY p.payment_id DESC LIMIT", "ORDER BY r.receipt_no LIMIT"];

async fn number(world: &World, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut world.admin_connection().await).await.unwrap()
}

fn plain(text: &str) -> String {
    text.replace("\\\"", "\"").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every checked statement of the hot files.
fn hot_statements() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: Vec<String> =
        HOT.iter().map(|file| plain(&fs::read_to_string(root.join(file)).unwrap())).collect();
    let mut found = vec![];
    for entry in fs::read_dir(root.join(".sqlx")).unwrap().flatten() {
        let kept: Value = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
        let query = kept["query"].as_str().unwrap();
        if sources.iter().any(|source| source.contains(&plain(query))) {
            found.push(format!("AS {query}"));
        }
    }
    found
}

/// Parts of a plan that read a growing table otherwise than by a condition on an index.
fn whole_readings(plan: &Value, found: &mut Vec<String>) {
    let relation = plan["Relation Name"].as_str().unwrap_or_default();
    let table = GROWING.iter().find(|table| {
        let part = relation.strip_prefix(**table);
        part.is_some_and(|rest| rest.is_empty() || rest == "_rest" || rest.starts_with("_20"))
    });
    let kind = plan["Node Type"].as_str().unwrap_or_default();
    let by_key = plan.get("Index Cond").is_some() || kind == "Bitmap Heap Scan";
    if table.is_some() && kind.contains("Scan") && !by_key {
        found.push(format!("{kind} on {relation}"));
    }
    for below in plan["Plans"].as_array().into_iter().flatten() {
        whole_readings(below, found);
    }
}

async fn plan_of(connection: &mut PgConnection, query: &str) -> Value {
    let prepared = connection.execute(AssertSqlSafe(format!("PREPARE hot {query}"))).await;
    prepared.unwrap_or_else(|e| panic!("{e}: {query}"));
    let parameters: i32 = sqlx::query_scalar(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'hot'",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let nulls = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
    let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE hot{arguments}"));
    let plan: Value = sqlx::query_scalar(explain).fetch_one(&mut *connection).await.unwrap();
    connection.execute("DEALLOCATE hot").await.unwrap();
    plan[0]["Plan"].clone()
}

/// What the journal writes stands in functions of the database: their one statement, with parameters for arguments.
async fn journal_statements(connection: &mut PgConnection) -> Vec<String> {
    let functions: Vec<(String, Vec<String>, String)> = sqlx::query_as(
        "SELECT regexp_replace(prosrc, '^\\s*BEGIN\\s*|;\\s*END\\s*$', '', 'g'), proargnames, pg_get_function_identity_arguments(oid) FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
           AND prorettype = 'void'::regtype AND prosrc !~ 'EXECUTE' ORDER BY proname",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut statements = vec![];
    for (mut body, arguments, declared) in functions {
        let types: Vec<&str> =
            declared.split(", ").map(|argument| argument.split_once(' ').unwrap().1).collect();
        for (name, n) in arguments.iter().zip(1..) {
            body = sqlx::query_scalar("SELECT regexp_replace($1, '\\m' || $2 || '\\M', '$' || $3, 'g')")
                .bind(body)
                .bind(name)
                .bind(n.to_string())
                .fetch_one(&mut *connection)
                .await
                .unwrap();
        }
        statements.push(format!("({}) AS {body}", types.join(", ")));
    }
    statements
}

#[tokio::test]
async fn no_statement_on_the_way_of_a_payment_or_a_lookup_reads_a_whole_table() {
    let world = World::new().await;
    let mut connection = world.app_connection().await;
    let mut statements = hot_statements();
    let written = journal_statements(&mut world.admin_connection().await).await;
    assert!(statements.len() > 25 && written.len() > 12, "{} and {} found", statements.len(), written.len());
    statements.extend(written);
    // The tables are small here: a reading of a whole one is taken only where no key would do.
    connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off").await.unwrap();
    let mut wrong = vec![];
    for query in &statements {
        let mut found = vec![];
        whole_readings(&plan_of(&mut connection, query).await, &mut found);
        let is_list = LISTS.iter().any(|end| query.contains(end));
        let pages_through = is_list && found.iter().all(|f| f.starts_with("Index"));
        if !found.is_empty() && !pages_through {
            wrong.push(format!("{found:?} in {}", plain(query)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_payment_stands_in_the_part_of_its_month_and_nobody_names_it() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    assert_eq!(paid.state(), "confirmed");
    for (table, key) in [
        ("payment", "payment_id"),
        ("payment_leg", "payment_id"),
        ("transfer", "cause"),
        ("evidence", "evidence_id"),
        ("lookup", "lookup_id"),
        ("audit_event", "event_id"),
    ] {
        let astray = format!(
            "SELECT count(*) FROM {table} WHERE tableoid::regclass::text <> '{table}' || to_char(
               to_timestamp(('x' || lpad(left(replace({key}::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0) AT TIME ZONE 'Asia/Jakarta', '_YYYY_MM')"
        );
        assert_eq!(number(&world, astray).await, 0, "{table}");
        assert!(number(&world, format!("SELECT count(*) FROM {table}")).await > 0, "{table}");
    }
}

#[tokio::test]
async fn months_are_made_once_and_by_the_gateway_itself_and_what_has_none_goes_into_the_rest() {
    let world = World::new().await;
    let tables = world.count("SELECT count(*) FROM monthly").await;
    let far = "2041-05-15".parse().unwrap();
    assert_eq!(world.app.db.make_months(far).await.unwrap(), tables * 2);
    assert_eq!(world.app.db.make_months(far).await.unwrap(), 0, "they are there");
    // A month that nobody made: its rows are kept all the same, and it has no part of its own afterwards either.
    let mut admin = world.admin_connection().await;
    let sql = "INSERT INTO audit_event SELECT uuid_at('2051-03-01 12:00+07'), at, actor, action, subject, body, leaf FROM audit_event LIMIT 1";
    admin.execute(sql).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM audit_event_rest").await, 1);
    let made = world.count("SELECT make_month('2051-03-01')::bigint").await;
    assert_eq!(made, tables - 1, "all but the one whose rows are in the rest");
    assert_eq!(
        world.count("SELECT count(*) FROM audit_event WHERE event_id = uuid_at('2051-03-01 12:00+07')").await,
        1
    );
    let fill: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT DISTINCT array_to_string(reloptions, ',') FROM pg_class WHERE relname IN ('payment_2041_05', 'payment_leg_2041_06', 'payment_rest')",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(fill, [Some("fillfactor=50".to_owned())], "half of each page is free for the second writing");
}

#[tokio::test]
async fn a_payments_second_writing_touches_no_index() {
    let world = World::new().await;
    for _ in 0..3 {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    }
    let mut admin = world.admin_connection().await;
    for table in ["payment", "payment_leg"] {
        // In one page: the first writing and the second, and nothing moved to another.
        let moved = format!("SELECT count(*) FROM {table} WHERE (ctid::text::point)[0] <> 0");
        assert_eq!(number(&world, moved).await, 0, "{table}");
        let indexed = format!(
            "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
             WHERE i.indrelid = '{table}'::regclass AND has_column_privilege('samsat_app', a.attrelid, a.attnum, 'UPDATE')"
        );
        let indexed: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(indexed)).fetch_all(&mut admin).await.unwrap();
        assert!(
            indexed.iter().all(|column| column == "reversal_business_date"),
            "{table}: {indexed:?} change and are indexed"
        );
    }
}
