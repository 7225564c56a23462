//! The world itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_bapenda::{Mock, generate_keys};
use samsat_gateway::agents::Person;
use samsat_gateway::config::Config;
use samsat_gateway::domain::{Clock, PaymentId};
use samsat_gateway::http::{App, Gateway, Running};
use samsat_gateway::reconciliation::Night;
use serde_json::Value;
use sqlx::PgConnection;

use super::agent::{Client, Vehicle};
use super::between::Between;
use super::database::Database;
use super::line::Lines;
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
        Box::pin(Self::made(shape)).await
    }

    async fn made(shape: Shape) -> Self {
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
    #[expect(clippy::needless_pass_by_value, reason = "tests write the rules in place with json!")]
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
