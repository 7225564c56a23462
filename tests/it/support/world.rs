//! The world itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_bapenda::{Mock, generate_keys};
use samsat_gateway::agents::Person;
use samsat_gateway::config::Config;
use samsat_gateway::domain::{Clock, PaymentId};
use samsat_gateway::http::{App, Gateway, Running};
use samsat_gateway::reconciliation::Night;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::PgConnection;

use super::agent::{Client, Vehicle};
use super::between::Between;
use super::database::{self, Database};
use super::line::Line;
use super::setting::{client, config, new_agent, people, start_mock};

/// What every agent begins with.
pub const FLOAT: i64 = 2_000_000_000;

/// How a world differs from the usual one.
pub struct Shape {
    pub agents: usize,
    pub seed: u64,
    /// Puts a line that can be cut between the gateway and its database and hosts.
    pub lines: bool,
    /// Changes the configuration before the gateway starts.
    pub config: fn(&mut Config),
    /// Puts stand-ins before both hosts, that can change what they say: `World::hosts_say`.
    pub between: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { agents: 2, seed: 7, lines: false, config: |_| {}, between: false }
    }
}

/// What can be cut.
pub struct Lines {
    pub database: Line,
    pub bapenda: Line,
    pub jasa_raharja: Line,
}

impl Lines {
    async fn laid(config: &mut Config) -> Self {
        let database = Line::to(database::address_of(config.database.url.expose_secret())).await;
        let bapenda = Line::to(database::address_of(&config.upstream.bapenda.url)).await;
        let jasa_raharja = Line::to(database::address_of(&config.upstream.jasa_raharja.url)).await;
        let url = config.database.url.expose_secret();
        let (before, after) = (url.split_once('@'), url.rsplit_once('/'));
        let (user, name) = (before.expect("a user").0, after.expect("a name").1);
        config.database.url =
            SecretString::from(format!("{user}@{}/{name}?sslmode=disable", database.address));
        config.upstream.bapenda.url = format!("http://{}", bapenda.address);
        config.upstream.jasa_raharja.url = format!("http://{}", jasa_raharja.address);
        Self { database, bapenda, jasa_raharja }
    }
}

/// A database, both authorities, a gateway, and people.
pub struct World {
    pub app: App,
    pub night: Night,
    pub mock: Mock,
    pub clock: Clock,
    pub config: Config,
    pub agents: Vec<Client>,
    pub officer: Client,
    pub auditor: Client,
    pub admin: Client,
    /// Bapenda's officer and the operator: two people who may decide.
    pub people: (Person, Person),
    pub(super) running: Option<Running>,
    pub(super) between: Option<Between>,
    vehicles: Vec<mock_bapenda::VehicleCase>,
    next: AtomicUsize,
    lines: Option<Lines>,
    pub(super) database: Database,
    folder: PathBuf,
}

impl World {
    pub async fn new() -> Self {
        Self::shaped(Shape::default()).await
    }

    pub async fn shaped(shape: Shape) -> Self {
        let database = Database::create().await;
        let folder = std::env::temp_dir().join(format!("samsat-it-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let keys = generate_keys();
        let mock = start_mock(&keys, &folder, shape.seed).await;
        let mut config = config(&database, &mock, &keys, &folder, shape.config);
        let between = if shape.between { Some(Between::start(&mock, &keys).await) } else { None };
        if let Some(between) = &between {
            config.upstream.bapenda.url.clone_from(&between.bapenda_url);
            config.upstream.jasa_raharja.url.clone_from(&between.jasa_raharja_url);
        }
        let lines = if shape.lines { Some(Lines::laid(&mut config).await) } else { None };
        let clock = Clock::system();
        let gateway = Gateway::open(config.clone(), clock.clone()).await.expect("a gateway opens");
        let (app, night) = (gateway.app.clone(), gateway.night.clone());
        let running = gateway.start(None).await.expect("a gateway starts");
        let base = format!("http://{}", running.address);
        let people = people(&app).await;
        let mut clients = vec![];
        for i in 0..shape.agents {
            clients.push(new_agent(&app, &base, i, FLOAT, &people.decide).await);
        }
        let vehicles = mock.vehicles(60);
        let person = |role: usize| client(&base, &people.tokens[role], "");
        Self {
            officer: person(0),
            auditor: person(1),
            admin: person(2),
            people: people.decide,
            app,
            night,
            mock,
            clock,
            config,
            agents: clients,
            running: Some(running),
            between,
            vehicles,
            next: AtomicUsize::new(0),
            lines,
            database,
            folder,
        }
    }

    /// The lines of a world that has them.
    pub fn lines(&self) -> &Lines {
        self.lines.as_ref().expect("a world of the shape `lines`")
    }

    /// The first agent.
    pub fn agent(&self) -> &Client {
        &self.agents[0]
    }

    /// A vehicle that can be paid and that this test has not used.
    pub fn vehicle(&self) -> Vehicle {
        let wanted = self.next.fetch_add(1, Ordering::SeqCst);
        self.of_case("PAYABLE", wanted)
    }

    /// The nth vehicle of a case.
    pub fn of_case(&self, case: &str, nth: usize) -> Vehicle {
        let vehicle = self.vehicles.iter().filter(|v| v.case == case).nth(nth);
        let vehicle = vehicle.unwrap_or_else(|| panic!("no vehicle {nth} of case {case}"));
        Vehicle { plate: vehicle.plate.clone(), chassis: vehicle.chassis_last5.clone() }
    }

    /// Every case that the mock lists.
    pub fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = self.vehicles.iter().map(|v| v.case.clone()).collect();
        cases.sort();
        cases.dedup();
        cases
    }

    /// A further agent with that float.
    pub async fn agent_with(&self, float: i64) -> Client {
        let base = self.agents.first().map(|a| a.base.clone()).expect("an agent");
        let n = 900 + self.next.fetch_add(1, Ordering::SeqCst);
        new_agent(&self.app, &base, n, float, &self.people).await
    }

    /// A second gateway on the same database and the same hosts.
    pub async fn sister(&self) -> (App, Running, String) {
        self.sister_with(|_| {}).await
    }

    /// A second gateway that is told something else.
    pub async fn sister_with(&self, change: fn(&mut Config)) -> (App, Running, String) {
        let mut config = self.config.clone();
        change(&mut config);
        config.http.instance = format!("sister-{}", uuid::Uuid::now_v7());
        let gateway = Gateway::open(config, self.clock.clone()).await.expect("a sister opens");
        let app = gateway.app.clone();
        let running = gateway.start(None).await.expect("a sister starts");
        let base = format!("http://{}", running.address);
        (app, running, base)
    }

    /// Faults from now on: a list of rules as the protocol page has them.
    pub fn faults(&self, rules: Value) {
        self.mock
            .set_faults(serde_json::json!({"seed": 11, "rules": rules}))
            .expect("rules that the mock knows");
    }

    /// One fault for every call of an operation at a host.
    pub fn fault(&self, host: &str, operation: &str, fault: &str) {
        self.faults(
            serde_json::json!([{"host": host, "operation": operation, "probability": 1.0, "fault": fault}]),
        );
    }

    pub fn no_faults(&self) {
        self.faults(serde_json::json!([]));
    }

    /// Moves both hosts' clock: what they were told not to book after is over.
    pub fn hosts_later(&self, seconds: i64) {
        self.mock.set_clock_offset_ms(seconds * 1000);
    }

    /// Asks about every open payment, due or not, a few times over; tells how many are still open.
    pub async fn settle_doubts(&self) -> i64 {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        for _ in 0..4 {
            while self.app.payments.resolve_due(true).await.expect("the queue is read") == 0
                && self.leased().await > 0
            {
                assert!(std::time::Instant::now() < deadline, "somebody works on a payment for ever");
                tokio::task::yield_now().await;
            }
        }
        self.count("SELECT count(*) FROM payment_work").await
    }

    async fn leased(&self) -> i64 {
        self.count("SELECT count(*) FROM payment_work WHERE lease_until > now()").await
    }

    /// A number that the database tells its superuser.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.admin_connection().await).await.expect("a number")
    }

    pub async fn admin_connection(&self) -> PgConnection {
        self.database.admin().await
    }

    /// A copy of this world's database, to break; the world itself is cut off from its own.
    pub async fn copied(&self) -> Database {
        self.database.copy().await
    }

    pub fn owner_url(&self) -> String {
        self.database.owner_url()
    }

    /// Bookings of a host that stand as PAID.
    pub fn booked(&self, host: &str) -> usize {
        let book = self.mock.book();
        book[host].as_object().map_or(0, |book| book.values().filter(|b| b["status"] == "PAID").count())
    }

    /// Both books agree: what is booked there is booked here, once, with the same number and amount, and the reverse.
    pub async fn books_agree(&self) {
        let book = self.mock.book();
        let rows: Vec<(uuid::Uuid, String, String, i64, String)> = sqlx::query_as(
            "SELECT l.reference, l.authority, l.number, l.amount, l.state FROM payment_leg l WHERE l.number IS NOT NULL",
        )
        .fetch_all(&mut self.admin_connection().await)
        .await
        .expect("legs");
        let mut here = std::collections::BTreeSet::new();
        for (reference, authority, number, amount, state) in rows {
            let there = &book[&authority][reference.to_string()];
            assert_eq!(
                there["number"],
                Value::from(number.clone()),
                "{authority} {reference}: another number there"
            );
            assert_eq!(there["amount"], Value::from(amount), "{authority} {reference}: another amount there");
            let status = if state == "reversed" { "REVERSED" } else { "PAID" };
            assert_eq!(there["status"], status, "{authority} {reference}");
            here.insert((authority, reference.to_string()));
        }
        // A booking after a refusal is known by its case.
        let late: Vec<String> = sqlx::query_scalar(
            "SELECT facts->>'reference' FROM case_file WHERE class = 'LATE_SUCCESS' AND facts->>'reference' IS NOT NULL",
        )
        .fetch_all(&mut self.admin_connection().await)
        .await
        .expect("cases");
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            for (reference, booking) in book[host].as_object().into_iter().flatten() {
                let known = here.contains(&(host.to_owned(), reference.clone())) || late.contains(reference);
                assert!(
                    known || booking["status"] != "PAID",
                    "{host} booked {reference}, and we do not know it"
                );
            }
        }
    }

    /// Every invariant over the whole database.
    pub async fn verified(&self) {
        let report = self.app.verify().await.expect("verify runs");
        assert!(report.holds, "{}", serde_json::to_string_pretty(&report).expect("a report"));
    }

    /// The payment as the resolver sees it, moved on by hand.
    pub async fn resolve(&self, payment_id: &str) {
        let id: PaymentId = payment_id.parse().expect("an id");
        self.app.payments.resolve_now(id).await.expect("the database answers");
    }

    /// Stops the gateway as SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
