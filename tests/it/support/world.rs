//! The world itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_bapenda::{Keys, Mock, Options, generate_keys};
use samsat_gateway::agents::{self, Agent, Deposit, NewAgent, Person, Role};
use samsat_gateway::config::Config;
use samsat_gateway::domain::{Clock, PaymentId, Rupiah};
use samsat_gateway::http::{App, Gateway, Running};
use samsat_gateway::receipt::SigningKey;
use samsat_gateway::reconciliation::Night;
use secrecy::SecretString;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::agent::{Client, Quote, Vehicle};
use super::between::{Between, Said};
use super::database::Database;
use super::line::Lines;

const PARTNER: &str = "OPOP-GATEWAY";
const SECRET: &str = "a secret of this test";
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
    running: Option<Running>,
    between: Option<Between>,
    vehicles: Vec<mock_bapenda::VehicleCase>,
    next: AtomicUsize,
    lines: Option<Lines>,
    database: Database,
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

    /// The first payable vehicle whose quote is like that, looked up by the first agent.
    pub async fn quote_where(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Quote {
        for vehicle in self.mock.vehicles(1_500).into_iter().filter(|v| v.case == "PAYABLE") {
            let vehicle = Vehicle { plate: vehicle.plate, chassis: vehicle.chassis_last5 };
            let quote = self.agent().looks_up(&vehicle).await;
            if wanted(&quote.body) {
                return quote;
            }
        }
        panic!("no vehicle with {what}");
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

    /// Suspends an agent, as the command does.
    pub async fn suspends(&self, agent: &Client) {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let agent =
            agents::agent_by_code(&mut connection, &agent.code).await.expect("a row").expect("an agent");
        agents::set_status(&mut connection, agent.agent_id, false).await.expect("a change");
    }

    /// Tops an agent's float up: proposed by one, approved by another.
    pub async fn tops_up(&self, agent: &Client, amount: i64) {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let agent =
            agents::agent_by_code(&mut connection, &agent.code).await.expect("a row").expect("an agent");
        drop(connection);
        top_up(&self.app, &agent, amount, &self.people).await;
    }

    /// Takes a confirmed payment back: proposed by one, approved by another.
    pub async fn reverses(&self, payment_id: &str) {
        let id: PaymentId = payment_id.parse().expect("an id");
        let (one, other) = &self.people;
        let proposal =
            self.app.payments.propose_reversal(id, "SALAH_KENDARAAN", one).await.expect("a proposal");
        self.app.payments.approve(proposal, other).await.expect("an approval");
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

    /// From now on the hosts' answers are changed like this; the world needs `between`.
    pub fn hosts_say(&self, change: impl Fn(&mut Said) + Send + Sync + 'static) {
        self.between.as_ref().expect("a world with `between`").set(change);
    }

    /// Where the API and the operations port listen.
    pub fn addresses(&self) -> (std::net::SocketAddr, std::net::SocketAddr) {
        self.running.as_ref().map(|r| (r.address, r.ops_address)).expect("a gateway that runs")
    }

    /// A connection of the role that owns nothing.
    pub async fn app_connection(&self) -> PgConnection {
        PgConnection::connect(&self.database.app_url()).await.expect("the test database answers")
    }

    /// Moves both hosts' clock: what they were told not to book after is over.
    pub fn hosts_later(&self, seconds: i64) {
        self.mock.set_clock_offset_ms(seconds * 1000);
    }

    /// It is tomorrow at both hosts, and the gateway has heard so: a clock that jumps is believed when it is said twice.
    pub async fn a_day_passes(&self) {
        self.hosts_later(86_400);
        for _ in 0..3 {
            self.agent().asks(&self.vehicle()).await;
        }
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

async fn start_mock(keys: &Keys, folder: &std::path::Path, seed: u64) -> Mock {
    let options = Options {
        seed,
        data_dir: folder.join("mock"),
        partner_id: PARTNER.to_owned(),
        secret: SECRET.to_owned(),
        bapenda_key_pem: keys.bapenda_private_pem.clone(),
        jasa_raharja_key_pem: keys.jasa_raharja_private_pem.clone(),
        allow_faults: true,
        bapenda_listen: "127.0.0.1:0".parse().expect("an address"),
        jasa_raharja_listen: "127.0.0.1:0".parse().expect("an address"),
    };
    mock_bapenda::start(options).await.expect("the mock starts")
}

fn config(
    database: &Database,
    mock: &Mock,
    keys: &Keys,
    folder: &std::path::Path,
    change: fn(&mut Config),
) -> Config {
    let key_file = folder.join("receipt.key.pem");
    let (_, pem) = SigningKey::generate().expect("a key");
    std::fs::write(&key_file, pem).expect("a key file");
    let mut config = Config::load(None).expect("the defaults load");
    config.http.listen = "127.0.0.1:0".to_owned();
    config.http.ops_listen = "127.0.0.1:0".to_owned();
    config.http.instance = format!("test-{}", uuid::Uuid::now_v7());
    config.http.drain_s = 5;
    config.database.url = SecretString::from(database.app_url());
    config.database.pool_max = 8;
    config.database.commit_deadline_ms = 4_000;
    config.upstream.partner_id = PARTNER.to_owned();
    config.upstream.secret = SecretString::from(SECRET);
    config.upstream.connect_timeout_ms = 500;
    config.upstream.total_timeout_ms = 1_500;
    config.upstream.not_after_s = 3;
    config.upstream.tolerance_s = 1;
    config.upstream.bapenda.url = mock.bapenda_url();
    config.upstream.bapenda.public_key_pem = keys.bapenda_public_pem.clone();
    config.upstream.jasa_raharja.url = mock.jasa_raharja_url();
    config.upstream.jasa_raharja.public_key_pem = keys.jasa_raharja_public_pem.clone();
    config.payment.lease_s = 10;
    config.receipt.signing_key_file = key_file.display().to_string();
    config.night.enabled = false;
    change(&mut config);
    config
}

struct People {
    decide: (Person, Person),
    tokens: Vec<String>,
}

async fn people(app: &App) -> People {
    let now = app.clock.now();
    let mut connection = app.db.workers.acquire().await.expect("a connection");
    let mut persons = vec![];
    let mut tokens = vec![];
    for role in [Role::Bapenda, Role::Auditor, Role::Admin] {
        let person =
            agents::add_person(&mut connection, &format!("{}.uji", role.as_str()), "no password", role, now)
                .await
                .expect("a person");
        let token = agents::new_secret("usr_").expect("randomness");
        let expires_at = now + chrono::TimeDelta::days(1);
        agents::issue_token(&mut connection, person.person_id, &token, now, expires_at)
            .await
            .expect("a token");
        persons.push(person);
        tokens.push(token);
    }
    let admin = persons.pop().expect("three people");
    let officer = persons.swap_remove(0);
    People { decide: (officer, admin), tokens }
}

async fn new_agent(app: &App, base: &str, i: usize, float: i64, people: &(Person, Person)) -> Client {
    let now = app.clock.now();
    let mut transaction = app.db.workers.begin().await.expect("a transaction");
    let new = NewAgent {
        agent_code: format!("PSN-{i:04}"),
        name: format!("Gerai uji {i}"),
        nspp: None,
        region: None,
    };
    let agent = agents::add_agent(&mut transaction, &new, now).await.expect("an agent");
    let key = agents::new_secret("agt_").expect("randomness");
    agents::issue_key(&mut transaction, agent.agent_id, &key, now).await.expect("a key");
    transaction.commit().await.expect("a commit");
    if float > 0 {
        top_up(app, &agent, float, people).await;
    }
    client(base, &key, &agent.agent_code)
}

async fn top_up(app: &App, agent: &Agent, float: i64, (one, other): &(Person, Person)) {
    let deposit = Deposit {
        amount: Rupiah::new(float).expect("an amount"),
        bank: "BANK JATIM".to_owned(),
        deposited_on: app.clock.today(),
        bank_reference: format!("UJI-{}", uuid::Uuid::now_v7()),
    };
    let mut transaction = app.db.workers.begin().await.expect("a transaction");
    let id = agents::propose_topup(&mut transaction, agent, &deposit, one, app.clock.now())
        .await
        .expect("a proposal");
    transaction.commit().await.expect("a commit");
    app.payments.approve(id, other).await.expect("an approval");
}

fn client(base: &str, credential: &str, code: &str) -> Client {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(25))
        .build()
        .expect("a client");
    Client { base: base.to_owned(), credential: credential.to_owned(), code: code.to_owned(), http }
}
