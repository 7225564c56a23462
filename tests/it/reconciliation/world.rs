//! A gateway's use cases over a database and a mock of their own.

use std::str::FromStr;
use std::sync::Arc;

use mock_bapenda::{Keys, Mock, VehicleCase};
use samsat_gateway::agents::{self, Agent, Deposit, NewAgent, ProposalKind, Role};
use samsat_gateway::config::Config;
use samsat_gateway::db::{self, Db};
use samsat_gateway::domain::{BusinessDate, ChassisLast5, Clock, PaymentId, Plate, Rupiah};
use samsat_gateway::lookup::Lookups;
use samsat_gateway::payment::{PayRequest, PaymentView, Payments, Scope};
use samsat_gateway::receipt::SigningKey;
use samsat_gateway::reconciliation::report::Report;
use samsat_gateway::reconciliation::{Night, NightError};
use samsat_gateway::tariff::Rules;
use samsat_gateway::upstream::Upstream;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) mock: Mock,
    pub(crate) night: Night,
    pub(crate) payments: Payments,
    pub(crate) db: Db,
    pub(crate) owner: PgConnection,
    lookups: Lookups,
    agent: Agent,
    vehicles: Vec<VehicleCase>,
    name: String,
    _folder: TempDir,
}

fn admin() -> PgConnectOptions {
    let url = std::env::var("SAMSAT_TEST_ADMIN_URL").expect("cargo xtask test sets SAMSAT_TEST_ADMIN_URL");
    PgConnectOptions::from_str(&url).unwrap()
}

fn url(role: &str, password_variable: &str, database: &str) -> String {
    let password = std::env::var(password_variable).expect("cargo xtask test sets the passwords");
    let admin = admin();
    format!("postgres://{role}:{password}@{}:{}/{database}", admin.get_host(), admin.get_port())
}

async fn start_mock(folder: &TempDir, keys: &Keys, secret: &str) -> Mock {
    let any = "127.0.0.1:0".parse().unwrap();
    mock_bapenda::start(mock_bapenda::Options {
        seed: 7,
        data_dir: folder.path().join("mock"),
        partner_id: "OPOP-GATEWAY".to_owned(),
        secret: secret.to_owned(),
        bapenda_key_pem: keys.bapenda_private_pem.clone(),
        jasa_raharja_key_pem: keys.jasa_raharja_private_pem.clone(),
        allow_faults: true,
        bapenda_listen: any,
        jasa_raharja_listen: any,
    })
    .await
    .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let name = format!("it_{}", Uuid::now_v7().simple());
        let mut server = admin().connect().await.unwrap();
        server
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} OWNER samsat_owner")))
            .await
            .unwrap();
        let owner_url = url("samsat_owner", "SAMSAT_TEST_OWNER_PASSWORD", &name);
        db::migrate(&owner_url).await.unwrap();
        let folder = TempDir::new().unwrap();
        let keys = mock_bapenda::generate_keys();
        let mock = start_mock(&folder, &keys, "partner secret").await;
        let mut config = Config::load(None).unwrap();
        config.database.url = url("samsat_app", "SAMSAT_TEST_APP_PASSWORD", &name).into();
        config.upstream.secret = "partner secret".to_owned().into();
        (config.upstream.not_after_s, config.upstream.tolerance_s) = (3, 1);
        config.upstream.bapenda.url = mock.bapenda_url();
        config.upstream.bapenda.public_key_pem = keys.bapenda_public_pem;
        config.upstream.jasa_raharja.url = mock.jasa_raharja_url();
        config.upstream.jasa_raharja.public_key_pem = keys.jasa_raharja_public_pem;
        let clock = Clock::system();
        let db = Db::open(&config.database).await.unwrap();
        let upstream = Upstream::new(&config.upstream, &clock).unwrap();
        let key = Arc::new(SigningKey::generate().unwrap().0);
        let payments = Payments::start(&db, &upstream, &clock, key.clone(), &config);
        let rules = Arc::new(Rules::built_in().unwrap());
        let lookups = Lookups::new(db.clone(), upstream.clone(), rules, clock.clone(), &config);
        let pool = db.workers.clone();
        let night = Night { pool, upstream, clock: clock.clone(), key, payments: payments.clone() };
        let agent = agent_with_float(&db, &clock).await;
        let vehicles = mock.vehicles(60).into_iter().filter(|vehicle| vehicle.case == "PAYABLE").collect();
        let owner = PgConnectOptions::from_str(&owner_url).unwrap().connect().await.unwrap();
        Self { mock, night, payments, db, owner, lookups, agent, vehicles, name, _folder: folder }
    }

    pub(crate) async fn end(self) {
        self.owner.close().await.unwrap();
        let mut server = admin().connect().await.unwrap();
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        server.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }

    pub(crate) fn today(&self) -> BusinessDate {
        self.night.clock.today()
    }

    /// Takes the next vehicle's tax.
    pub(crate) async fn pays(&mut self) -> PaymentView {
        let vehicle = self.vehicles.pop().expect("more vehicles than a test needs");
        let plate = Plate::parse(&vehicle.plate).unwrap();
        let chassis = ChassisLast5::parse(&vehicle.chassis_last5).unwrap();
        let lookup = self.lookups.look_up(&self.agent, &plate, &chassis).await.unwrap();
        let amount = lookup.total;
        let key = Uuid::now_v7().to_string();
        let request = PayRequest { agent: self.agent.clone(), key, lookup_id: lookup.lookup_id, amount };
        self.payments.pay(&request).await.unwrap().payment
    }

    pub(crate) async fn state_of(&self, payment: &PaymentView) -> String {
        let id = PaymentId(payment.payment_id);
        self.payments.view(Scope::All, id).await.unwrap().unwrap().state.as_str().to_owned()
    }

    pub(crate) fn faults(&self, rules: serde_json::Value) {
        self.mock.set_faults(json!({"seed": 1, "rules": rules})).unwrap();
    }

    pub(crate) fn closes(&self, date: BusinessDate) {
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            self.mock.close_day(&date.to_string(), host).unwrap();
        }
    }

    pub(crate) async fn reconciles(&self, date: BusinessDate) -> Result<Report, NightError> {
        self.night.run(date).await
    }

    /// Every row of every table as text, to show that nothing changed.
    pub(crate) async fn everything(&mut self) -> String {
        let tables =
            sqlx::query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
                .fetch_all(&mut self.owner)
                .await
                .unwrap();
        let mut all = String::new();
        for table in tables {
            let table: String = table.get(0);
            let sql = format!(
                "SELECT '{table}' || coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM {table} t"
            );
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut self.owner).await.unwrap();
            all.push_str(&row.get::<String, _>(0));
            all.push('\n');
        }
        all
    }

    pub(crate) async fn number(&mut self, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(&mut self.owner).await.unwrap().get(0)
    }

    pub(crate) async fn does(&mut self, sql: String) {
        self.owner.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
}

async fn agent_with_float(db: &Db, clock: &Clock) -> Agent {
    let mut tx = db.requests.begin().await.unwrap();
    let now = clock.now();
    let new = NewAgent { agent_code: "PSN-0001".into(), name: "Kopontren".into(), nspp: None, region: None };
    let agent = agents::add_agent(&mut tx, &new, now).await.unwrap();
    let maker = agents::add_person(&mut tx, "siti", "x", Role::Admin, now).await.unwrap();
    let checker = agents::add_person(&mut tx, "budi", "x", Role::Admin, now).await.unwrap();
    let deposit = Deposit {
        amount: Rupiah::new(2_000_000_000).unwrap(),
        bank: "JATIM".into(),
        deposited_on: clock.today(),
        bank_reference: "1".into(),
    };
    let id = agents::propose_topup(&mut tx, &agent, &deposit, &maker, now).await.unwrap();
    let proposal = agents::load_for_approval(&mut tx, id, &checker).await.unwrap();
    assert_eq!(proposal.kind, ProposalKind::Topup);
    agents::approve_topup(&mut tx, &proposal, &checker, now).await.unwrap();
    tx.commit().await.unwrap();
    agent
}
