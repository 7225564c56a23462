//! A gateway's use cases over a mock and a database of their own, and a day on which everything happens that can.

use std::str::FromStr;

use mock_bapenda::{Keys, Mock};
use samsat_gateway::agents::{self, Agent, Deposit, NewAgent, Person, Role};
use samsat_gateway::config::Config;
use samsat_gateway::db;
use samsat_gateway::domain::{CaseId, ChassisLast5, Clock, PaymentId, Plate, ProposalId, Rupiah};
use samsat_gateway::http::Gateway;
use samsat_gateway::lookup::Lookup;
use samsat_gateway::payment::{Decision, PayError, PayRequest, PaymentView, Scope};
use samsat_gateway::receipt::{SigningKey, count_copy};
use samsat_gateway::upstream::PublicKey;
use samsat_gateway::verify::{Report, VerifyKeys, verify};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row};
use tempfile::TempDir;
use uuid::Uuid;

/// A database that is dropped at the end.
pub(crate) struct Database {
    pub(crate) name: String,
}

fn admin() -> PgConnectOptions {
    let url = std::env::var("SAMSAT_TEST_ADMIN_URL").expect("cargo xtask test sets SAMSAT_TEST_ADMIN_URL");
    PgConnectOptions::from_str(&url).unwrap()
}

async fn on_server(sql: String) {
    let mut server = admin().connect().await.unwrap();
    server.execute(AssertSqlSafe(sql)).await.unwrap();
    server.close().await.unwrap();
}

impl Database {
    async fn new() -> Self {
        let name = format!("it_{}", Uuid::now_v7().simple());
        on_server(format!("CREATE DATABASE {name} OWNER samsat_owner")).await;
        Self { name }
    }

    /// A copy to break.
    pub(crate) async fn copy(&self) -> Self {
        let name = format!("it_{}", Uuid::now_v7().simple());
        on_server(format!("CREATE DATABASE {name} TEMPLATE {} OWNER samsat_owner", self.name)).await;
        Self { name }
    }

    fn url(&self, role: &str, password_variable: &str) -> String {
        let password = std::env::var(password_variable).expect("cargo xtask test sets the passwords");
        let admin = admin();
        format!("postgres://{role}:{password}@{}:{}/{}", admin.get_host(), admin.get_port(), self.name)
    }

    pub(crate) fn app_url(&self) -> String {
        self.url("samsat_app", "SAMSAT_TEST_APP_PASSWORD")
    }

    /// As the superuser, whom no grant stops.
    pub(crate) async fn superuser(&self) -> PgConnection {
        admin().database(&self.name).connect().await.unwrap()
    }

    /// As the gateway's own role, which must be able to check everything.
    pub(crate) async fn verified(&self, keys: &VerifyKeys) -> Report {
        let mut connection = PgConnectOptions::from_str(&self.app_url()).unwrap().connect().await.unwrap();
        let report = verify(&mut connection, keys).await.unwrap();
        connection.close().await.unwrap();
        report
    }

    pub(crate) async fn end(self) {
        on_server(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

/// The day under way.
pub(crate) struct Day {
    gateway: Gateway,
    mock: Mock,
    agent: Agent,
    people: [Person; 2],
    vehicles: Vec<(Plate, ChassisLast5)>,
    _folder: TempDir,
}

/// A database in which every outcome stands, nothing is under way, and nothing is wrong.
pub(crate) async fn full_day() -> (Database, VerifyKeys) {
    let database = Database::new().await;
    db::migrate(&database.url("samsat_owner", "SAMSAT_TEST_OWNER_PASSWORD")).await.unwrap();
    let (mut day, keys) = Day::new(&database).await;
    day.everything_happens().await;
    drop(day);
    // A template may have no connections.
    on_server(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name))
        .await;
    (database, keys)
}

async fn start_mock(folder: &TempDir, keys: &Keys) -> Mock {
    let any = "127.0.0.1:0".parse().unwrap();
    mock_bapenda::start(mock_bapenda::Options {
        seed: 7,
        data_dir: folder.path().join("mock"),
        partner_id: "OPOP-GATEWAY".to_owned(),
        secret: "partner secret".to_owned(),
        bapenda_key_pem: keys.bapenda_private_pem.clone(),
        jasa_raharja_key_pem: keys.jasa_raharja_private_pem.clone(),
        allow_faults: true,
        bapenda_listen: any,
        jasa_raharja_listen: any,
    })
    .await
    .unwrap()
}

impl Day {
    async fn new(database: &Database) -> (Self, VerifyKeys) {
        let folder = TempDir::new().unwrap();
        let keys = mock_bapenda::generate_keys();
        let mock = start_mock(&folder, &keys).await;
        let (key, pem) = SigningKey::generate().unwrap();
        let key_file = folder.path().join("receipt.pem");
        std::fs::write(&key_file, pem).unwrap();
        let mut config = Config::load(None).unwrap();
        config.database.url = database.app_url().into();
        config.database.require_durable = false;
        config.upstream.secret = "partner secret".to_owned().into();
        (config.upstream.not_after_s, config.upstream.tolerance_s) = (3, 1);
        config.upstream.bapenda.url = mock.bapenda_url();
        config.upstream.bapenda.public_key_pem.clone_from(&keys.bapenda_public_pem);
        config.upstream.jasa_raharja.url = mock.jasa_raharja_url();
        config.upstream.jasa_raharja.public_key_pem.clone_from(&keys.jasa_raharja_public_pem);
        config.receipt.signing_key_file = key_file.to_str().unwrap().to_owned();
        let gateway = Gateway::open(config, Clock::system()).await.unwrap();
        let (agent, people) = agent_with_float(&gateway).await;
        let payable = mock.vehicles(60).into_iter().filter(|vehicle| vehicle.case == "PAYABLE");
        let asked = |plate: &str, chassis: &str| (Plate::parse(plate).unwrap(), ChassisLast5::parse(chassis).unwrap());
        let vehicles = payable.map(|vehicle| asked(&vehicle.plate, &vehicle.chassis_last5)).collect();
        let keys = VerifyKeys {
            receipts: key.public(),
            bapenda: PublicKey::from_pem(&keys.bapenda_public_pem).unwrap(),
            jasa_raharja: PublicKey::from_pem(&keys.jasa_raharja_public_pem).unwrap(),
        };
        (Self { gateway, mock, agent, people, vehicles, _folder: folder }, keys)
    }

    async fn looks_up(&mut self) -> Lookup {
        let (plate, chassis) = self.vehicles.pop().expect("more vehicles than a day needs");
        self.gateway.app.lookups.look_up(&self.agent, &plate, &chassis).await.unwrap()
    }

    async fn pays(&self, lookup: &Lookup, amount: Rupiah) -> Result<PaymentView, PayError> {
        let key = Uuid::now_v7().to_string();
        let request = PayRequest { agent: self.agent.clone(), key, lookup_id: lookup.lookup_id, amount };
        self.gateway.app.payments.pay(&request).await.map(|answer| answer.payment)
    }

    /// Takes the next vehicle's tax under a fault, which is over when the answer is there.
    async fn pays_under(&mut self, faults: &Value, state: &str) -> PaymentId {
        let lookup = self.looks_up().await;
        self.mock.set_faults(json!({"seed": 1, "rules": faults})).unwrap();
        let payment = self.pays(&lookup, lookup.total).await.unwrap();
        self.mock.set_faults(json!({"seed": 1, "rules": []})).unwrap();
        assert_eq!(payment.state.as_str(), state, "{faults}");
        PaymentId(payment.payment_id)
    }

    async fn becomes(&self, id: PaymentId, state: &str) {
        let payment = self.gateway.app.payments.view(Scope::All, id).await.unwrap().unwrap();
        assert_eq!(payment.state.as_str(), state, "{payment:?}");
    }

    async fn approved(&self, id: ProposalId) {
        let [_, checker] = &self.people;
        self.gateway.app.payments.approve(id, checker).await.unwrap();
    }

    async fn decide(&self, subject: Uuid, decision: Decision) {
        let [maker, _] = &self.people;
        let payments = &self.gateway.app.payments;
        self.approved(payments.propose_resolution(subject, decision, "as agreed", maker).await.unwrap()).await;
    }

    async fn reverse(&self, id: PaymentId) {
        let [maker, _] = &self.people;
        let payments = &self.gateway.app.payments;
        self.approved(payments.propose_reversal(id, "WRONG_VEHICLE", maker).await.unwrap()).await;
    }

    async fn everything_happens(&mut self) {
        self.bookings_and_refusals().await;
        self.doubts().await;
        self.half_paid().await;
        self.reversals().await;
        self.night().await;
    }

    async fn bookings_and_refusals(&mut self) {
        for _ in 0..3 {
            self.pays_under(&json!([]), "confirmed").await;
        }
        let twice = self.pays_under(&json!([{"operation": "payment", "fault": "duplicate_delivery"}]), "confirmed").await;
        let receipt_no = self.gateway.app.payments.view(Scope::All, twice).await.unwrap().unwrap().receipt_no.unwrap();
        let mut connection = self.gateway.app.db.requests.acquire().await.unwrap();
        for _ in 0..2 {
            count_copy(&mut connection, &receipt_no, self.gateway.app.clock.now()).await.unwrap();
        }
        drop(connection);
        let refuse = json!([{"host": "BAPENDA", "operation": "payment", "fault": "refuse:BILL_NOT_FOUND"}]);
        self.pays_under(&refuse, "refused").await;
        let lookup = self.looks_up().await;
        let less = Rupiah::new(lookup.total.get() - 1).unwrap();
        assert!(matches!(self.pays(&lookup, less).await, Err(PayError::Refused { .. })));
    }

    async fn doubts(&mut self) {
        let payments = self.gateway.app.payments.clone();
        let mute = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_before"}]);
        let lost = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"}]);
        let late = json!([{"host": "JASA_RAHARJA", "operation": "payment", "fault": "reset_after_booking"}]);
        for faults in [&lost, &late] {
            let id = self.pays_under(faults, "in_doubt").await;
            payments.resolve_now(id).await.unwrap();
            self.becomes(id, "confirmed").await;
        }
        // The hosts' clock passes every not_after: what is not there then is proven absent, and the cash goes back.
        let ended = self.pays_under(&mute, "in_doubt").await;
        self.mock.set_clock_offset_ms(6_000);
        payments.cancel(&self.agent, ended).await.unwrap();
        self.becomes(ended, "refused").await;
        let kept = self.pays_under(&mute, "in_doubt").await;
        self.mock.set_clock_offset_ms(12_000);
        payments.cancel(&self.agent, kept).await.unwrap();
        payments.give_back(&self.agent, ended, "the owner", true).await.unwrap().unwrap();
        self.pays_under(&mute, "in_doubt").await;
        let wrong = json!([{"host": "BAPENDA", "operation": "payment", "fault": "wrong_amount"}]);
        let reopened = self.pays_under(&wrong, "integrity_hold").await;
        self.mock.set_clock_offset_ms(18_000);
        self.decide(reopened.0, Decision::Ask).await;
        self.becomes(reopened, "confirmed").await;
        self.pays_under(&wrong, "integrity_hold").await;
    }

    async fn half_paid(&mut self) {
        let refuse = json!([{"host": "JASA_RAHARJA", "operation": "payment", "fault": "refuse:ALREADY_PAID"}]);
        self.pays_under(&refuse, "in_doubt").await;
        let elsewhere = self.pays_under(&refuse, "in_doubt").await;
        self.decide(elsewhere.0, Decision::PaidElsewhere).await;
        self.becomes(elsewhere, "confirmed").await;
        self.close_case_of(elsewhere).await;
        let back = self.pays_under(&refuse, "in_doubt").await;
        self.decide(back.0, Decision::Reverse).await;
        self.becomes(back, "reversed").await;
    }

    async fn close_case_of(&self, id: PaymentId) {
        let mut connection = self.gateway.app.db.requests.acquire().await.unwrap();
        let case = sqlx::query("SELECT case_id FROM case_file WHERE payment_id = $1").bind(id.0);
        let case: Uuid = case.fetch_one(&mut *connection).await.unwrap().get(0);
        drop(connection);
        self.decide(CaseId(case).0, Decision::Close).await;
    }

    async fn reversals(&mut self) {
        let whole = self.pays_under(&json!([]), "confirmed").await;
        self.reverse(whole).await;
        self.becomes(whole, "reversed").await;
        let refusing = |host: &str| json!({"seed": 1, "rules": [{"host": host, "operation": "reversal", "fault": "refuse:NOT_REVERSIBLE"}]});
        let half = self.pays_under(&json!([]), "confirmed").await;
        self.mock.set_faults(refusing("JASA_RAHARJA")).unwrap();
        self.reverse(half).await;
        self.becomes(half, "reversed").await;
        let stays = self.pays_under(&json!([]), "confirmed").await;
        self.mock.set_faults(refusing("BAPENDA")).unwrap();
        self.reverse(stays).await;
        self.becomes(stays, "confirmed").await;
        let under_way = self.pays_under(&json!([]), "confirmed").await;
        self.mock.set_faults(json!({"seed": 1, "rules": [{"operation": "reversal", "fault": "http_500"}]})).unwrap();
        self.reverse(under_way).await;
        self.becomes(under_way, "reversing").await;
        self.mock.set_faults(json!({"seed": 1, "rules": []})).unwrap();
    }

    async fn night(&mut self) {
        let lost = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"}]);
        let settled = self.pays_under(&lost, "in_doubt").await;
        let today = self.gateway.app.clock.today();
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            self.mock.close_day(&today.to_string(), host).unwrap();
        }
        let planted = json!([
            {"host": "BAPENDA", "operation": "settlement", "fault": "missing_row"},
            {"host": "JASA_RAHARJA", "operation": "settlement", "fault": "extra_row"},
        ]);
        self.mock.set_faults(json!({"seed": 1, "rules": planted})).unwrap();
        self.gateway.night.run(today).await.unwrap();
        self.gateway.night.run(today).await.unwrap();
        self.mock.set_faults(json!({"seed": 1, "rules": []})).unwrap();
        self.gateway.app.payments.resolve_now(settled).await.unwrap();
        self.becomes(settled, "confirmed").await;
    }
}

async fn agent_with_float(gateway: &Gateway) -> (Agent, [Person; 2]) {
    let app = &gateway.app;
    let mut tx = app.db.requests.begin().await.unwrap();
    let now = app.clock.now();
    let new = NewAgent { agent_code: "PSN-0001".into(), name: "Kopontren".into(), nspp: None, region: None };
    let agent = agents::add_agent(&mut tx, &new, now).await.unwrap();
    let maker = agents::add_person(&mut tx, "siti", "x", Role::Bapenda, now).await.unwrap();
    let checker = agents::add_person(&mut tx, "budi", "x", Role::Admin, now).await.unwrap();
    let amount = Rupiah::new(2_000_000_000).unwrap();
    let deposit = Deposit { amount, bank: "JATIM".into(), deposited_on: app.clock.today(), bank_reference: "1".into() };
    let id = agents::propose_topup(&mut tx, &agent, &deposit, &maker, now).await.unwrap();
    tx.commit().await.unwrap();
    app.payments.approve(id, &checker).await.unwrap();
    (agent, [maker, checker])
}
