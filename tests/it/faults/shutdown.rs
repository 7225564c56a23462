//! Rows 54–56: a gateway that ends, changes or dies in the middle.

use reqwest::StatusCode;
use samsat_gateway::config::Config;
use samsat_gateway::db::{self, Db, DbError};
use secrecy::SecretString;
use sqlx::{Connection, Executor};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::{LATE_S, float, patient, sound, unsettled};
use crate::support::{Client, Database};

#[tokio::test]
async fn fault_54_a_gateway_told_to_stop_ends_what_it_has_begun_and_takes_nothing_new() {
    let mut world = patient().await;
    let agent = world.agent().clone();
    let quote = agent.looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "delay_ms:300");
    let (payer, asked) = (agent.clone(), quote.clone());
    let paying = tokio::spawn(async move { payer.pays_with("54", &asked).await });
    world.until_ordered("BAPENDA", 1).await;
    world.stop().await;
    let paid = paying.await.unwrap();
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    let address = agent.base.trim_start_matches("http://");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
    let (_, next, base) = world.sister().await;
    world.agents[0].base = base;
    let again = world.agent().pays_with("54", &quote).await;
    assert_eq!((again.body, again.status), (paid.body, StatusCode::CREATED));
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    next.stop().await;
    sound(&world).await;
}

#[tokio::test]
async fn fault_54_a_state_of_a_newer_version_is_left_alone_and_stops_nobody_else() {
    let world = patient().await;
    let agent = world.agent();
    let (first, second) = (agent.looks_up(&world.vehicle()).await, agent.looks_up(&world.vehicle()).await);
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let (strange, open) = (agent.pays(&first).await, agent.pays(&second).await);
    assert_eq!((strange.state(), open.state()), ("in_doubt", "in_doubt"));
    let id = strange.id();
    world
        .does(format!(
            "ALTER TABLE payment DROP CONSTRAINT payment_state_known; UPDATE payment SET state = 'awaiting_ditlantas' WHERE payment_id = '{id}'"
        ))
        .await;
    world.no_faults();
    world.resolve(&open.id()).await;
    world.until("SELECT count(*) FROM payment WHERE state = 'confirmed'", 1).await;
    assert_eq!(agent.reads(&open.id()).await.state(), "confirmed");
    assert_eq!(
        agent.reads(&id).await.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "it says so, it does not guess"
    );
    assert_eq!(float(&world).await, (first.total + second.total, first.total));
    world
        .does(format!(
            "UPDATE payment SET state = 'in_doubt' WHERE payment_id = '{id}';
             ALTER TABLE payment ADD CONSTRAINT payment_state_known CHECK (state IN
               ('held', 'in_doubt', 'integrity_hold', 'confirmed', 'refused', 'reversing', 'reversed'))"
        ))
        .await;
    world.leases_run_out().await;
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(agent.reads(&id).await.state(), "confirmed");
    sound(&world).await;
}

async fn opened(database: &Database) -> Result<(), DbError> {
    let mut config = Config::load(None).unwrap();
    config.database.url = SecretString::from(database.app_url());
    Db::open(&config.database).await?.ready().await
}

#[tokio::test]
async fn fault_55_a_migration_that_fails_or_is_blocked_leaves_nothing_of_itself_and_no_gateway_starts_on_half()
 {
    let database = Database::empty().await;
    let mut admin = database.admin().await;
    admin.execute("CREATE TABLE payment_leg ()").await.unwrap();
    assert!(db::migrate(&database.owner_url()).await.is_err());
    let there = "SELECT to_regclass('lookup') IS NOT NULL AND to_regclass('payment') IS NULL AND to_regclass('idempotency_key') IS NULL";
    assert!(
        sqlx::query_scalar::<_, bool>(there).fetch_one(&mut admin).await.unwrap(),
        "those before it stay"
    );
    assert!(matches!(opened(&database).await, Err(DbError::MigrationsDiffer)));
    admin.execute("DROP TABLE payment_leg").await.unwrap();
    // Somebody reads a table that the next migrations refer to.
    let mut reader = database.admin().await;
    reader.execute("BEGIN; LOCK TABLE agent IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = std::time::Instant::now();
    assert!(db::migrate(&database.owner_url()).await.is_err(), "it waits for nobody for long");
    assert!(began.elapsed().as_secs() < 20);
    reader.close().await.unwrap();
    assert!(matches!(opened(&database).await, Err(DbError::MigrationsDiffer)));
    db::migrate(&database.owner_url()).await.unwrap();
    opened(&database).await.unwrap();
}

/// Panics where a call to a host is told to have failed: in the middle of whatever made it.
struct Panics;

impl<S: tracing::Subscriber> Layer<S> for Panics {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let calls = event.metadata().target().starts_with("samsat_gateway::upstream");
        assert!(!calls, "planted: the task that called dies here");
    }
}

#[tokio::test]
async fn fault_56_a_task_that_panics_in_the_middle_keeps_its_key_and_another_goes_on() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    unsettled(&world, "BAPENDA", "reset_after_booking");
    let guard = tracing::subscriber::set_default(Registry::default().with(Panics));
    let broken = world.agent().pays_with("56", &quote).await;
    drop(guard);
    assert_eq!(
        (broken.status, broken.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        "{}",
        broken.text
    );
    assert_eq!(broken.body["retry"], "same_key");
    let at_work = world.agent().pays_with("56", &quote).await;
    assert_eq!((at_work.status, at_work.code()), (StatusCode::CONFLICT, "IN_PROGRESS"), "{}", at_work.text);
    assert_eq!(float(&world).await, (quote.total, quote.total));
    world.no_faults();
    world.leases_run_out().await;
    world.settle_doubts().await;
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    let paid = world.agent().pays_with("56", &quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, 0)));
    sound(&world).await;
}

#[tokio::test]
async fn fault_56_a_gateway_that_the_kernel_kills_for_its_memory_leaves_its_neighbour_at_work() {
    let world = patient().await;
    let (quote, other) =
        (world.agents[0].looks_up(&world.vehicle()).await, world.agents[1].looks_up(&world.vehicle()).await);
    let doomed = world.doomed().await;
    world.faults(serde_json::json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "hang_after_booking"}]));
    let stream = doomed.client.says(&doomed.client.wire("56", &quote)).await;
    world.until_ordered("BAPENDA", 1).await;
    doomed.kill().await;
    drop(stream);
    let neighbour: &Client = &world.agents[1];
    assert_eq!(neighbour.pays(&other).await.state(), "confirmed");
    world.leases_run_out().await;
    world.settle_doubts().await;
    world.hosts_later(LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().pays_with("56", &quote).await.state(), "confirmed");
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}
