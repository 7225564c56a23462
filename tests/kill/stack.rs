//! Gateways, both authorities and a database, each a process of its own.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use samsat_gateway::config::Config;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::database::Database;
use crate::dice::Dice;
use crate::outlet::{Outlet, Vehicle};
use crate::process::{Process, finish, gateway_program, mock_program, until};

const PARTNER: &str = "OPOP-GATEWAY";
const SECRET: &str = "a secret of this test";
/// What every outlet begins with.
pub const FLOAT: i64 = 2_000_000_000;
/// Both people who may decide.
pub const PEOPLE: [&str; 2] = ["bapenda.demo", "admin.demo"];

/// The end of every gateway's configuration.
const NO_NIGHT: &str = "[night]\nenabled = false\n";

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub gateways: usize,
    pub outlets: usize,
    pub float: i64,
    pub vehicles: usize,
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { gateways: 1, outlets: 8, float: FLOAT, vehicles: 100, seed: 1 }
    }
}

/// Everything that runs. Dropped in this order; its folder stays when its test fails.
pub struct Stack {
    gateways: Vec<Mutex<Process>>,
    mock: Mutex<Process>,
    mock_address: [u16; 2],
    addresses: Vec<[u16; 2]>,
    pub outlets: Vec<Outlet>,
    pub vehicles: Vec<Vehicle>,
    seed: u64,
    control: reqwest::Client,
    database: Database,
    folder: PathBuf,
}

impl Stack {
    pub async fn up(plan: Plan) -> Self {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let database = Database::create().await;
        let mut command = Command::new(mock_program());
        command.arg("keys").arg("--out").arg(folder.join("keys"));
        assert!(finish(command).await.status.success(), "mock-bapenda keys");
        std::fs::write(folder.join("secret"), SECRET).expect("a secret file");
        let ports = free_ports(2 + 2 * plan.gateways);
        let pairs: Vec<[u16; 2]> = ports.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
        let (mock_address, addresses) = (pairs[0], pairs[1..].to_vec());
        for (i, address) in addresses.iter().enumerate() {
            let text = configuration(&folder, &database, mock_address, *address);
            std::fs::write(config_file(&folder, i), format!("{text}{NO_NIGHT}")).expect("a config");
        }
        let folder_text = folder.to_str().expect("UTF-8").to_owned();
        let done = finish(gateway_command(&folder, 0, &["receipt", "keygen", "--out", &folder_text])).await;
        assert!(done.status.success(), "{done:?}");
        let control = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client");
        let mock = Mutex::new(spawn_mock(&folder, mock_address, plan.seed));
        let mut stack = Self {
            gateways: vec![],
            mock,
            mock_address,
            addresses,
            outlets: vec![],
            vehicles: vehicles(plan.seed, plan.vehicles).await,
            seed: plan.seed,
            control,
            database,
            folder,
        };
        stack.seed_people(plan).await;
        stack.gateways = (0..plan.gateways).map(|i| Mutex::new(stack.spawn_gateway(i))).collect();
        stack.mock_is_up().await;
        for i in 0..plan.gateways {
            stack.gateway_is_ready(i).await;
        }
        stack
    }

    async fn seed_people(&mut self, plan: Plan) {
        let (outlets, float) = (plan.outlets.to_string(), plan.float.to_string());
        let done = self.command(&["seed", "--agents", &outlets, "--float", &float, "--json"]).await;
        assert!(done.status.success(), "{done:?}");
        let seeded: Value = serde_json::from_slice(&done.stdout).expect("seed prints JSON");
        for agent in seeded["agents"].as_array().expect("agents") {
            let text = |name: &str| agent[name].as_str().expect("a text").to_owned();
            self.outlets.push(Outlet::new(text("agent_code"), text("api_key")));
        }
    }

    /// Runs one of the gateway's own commands to its end.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        finish(gateway_command(&self.folder, 0, arguments)).await
    }

    /// Starts one of the gateway's own commands.
    pub fn start(&self, arguments: &[&str]) -> Process {
        Process::spawn(gateway_command(&self.folder, 0, arguments), &self.folder.join("commands.log"))
    }

    fn spawn_gateway(&self, i: usize) -> Process {
        Process::spawn(
            gateway_command(&self.folder, i, &["serve"]),
            &self.folder.join(format!("gateway-{i}.log")),
        )
    }

    /// The configuration of the first gateway, for a gateway inside the test.
    pub fn config(&self) -> Config {
        Config::load(config_file(&self.folder, 0).to_str()).expect("a configuration")
    }

    /// Another night for a gateway that does not run.
    pub fn reconfigure(&self, i: usize, night: &str) {
        let file = config_file(&self.folder, i);
        let text = std::fs::read_to_string(&file).expect("a config");
        std::fs::write(file, text.replace(NO_NIGHT, night)).expect("a config");
    }

    pub fn gateway_url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.addresses[i % self.addresses.len()][0])
    }

    /// What `/readyz` says; none when nothing listens.
    pub async fn readyz(&self, i: usize) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}/readyz", self.addresses[i][1]);
        Some(self.control.get(url).send().await.ok()?.status().as_u16())
    }

    pub async fn gateway_is_ready(&self, i: usize) {
        until("a gateway is ready", async || {
            let ended = lock(&self.gateways[i]).ended();
            assert!(ended.is_none(), "gateway {i} ended with {ended:?}; see {}", self.folder.display());
            self.readyz(i).await.filter(|status| *status == 200)
        })
        .await;
    }

    /// `kill -9`, and started again on the same port.
    pub async fn kill_gateway(&self, i: usize) {
        {
            let mut gateway = lock(&self.gateways[i]);
            gateway.kill();
            *gateway = self.spawn_gateway(i);
        }
        self.gateway_is_ready(i).await;
    }

    pub fn terminate_gateway(&self, i: usize) {
        lock(&self.gateways[i]).terminate();
    }

    /// Its exit status once it has ended.
    pub async fn gateway_ends(&self, i: usize) -> bool {
        until("a gateway ends", async || lock(&self.gateways[i]).ended()).await.success()
    }

    pub async fn start_gateway(&self, i: usize) {
        *lock(&self.gateways[i]) = self.spawn_gateway(i);
        self.gateway_is_ready(i).await;
    }

    /// `kill -9`, and started again on the same ports and the same folder; plays these faults when it is back.
    pub async fn kill_mock(&self, faults: &Value) {
        {
            let mut mock = lock(&self.mock);
            mock.kill();
            std::fs::remove_file(self.folder.join("mock.ready")).expect("it was ready");
            *mock = spawn_mock(&self.folder, self.mock_address, self.seed);
        }
        self.mock_is_up().await;
        self.faults(faults).await;
    }

    async fn mock_is_up(&self) {
        let ready = self.folder.join("mock.ready");
        until("the mock listens", async || {
            let ended = lock(&self.mock).ended();
            assert!(ended.is_none(), "the mock ended with {ended:?}; see {}", self.folder.display());
            ready.is_file().then_some(())
        })
        .await;
    }

    pub async fn faults(&self, rules: &Value) {
        self.mock_control(reqwest::Method::PUT, "/mock/faults", rules).await;
    }

    /// Sets both authorities' clock against the real one.
    pub async fn hosts_clock(&self, offset: chrono::TimeDelta) {
        let offset = json!({"offset_ms": offset.num_milliseconds()});
        self.mock_control(reqwest::Method::PUT, "/mock/clock", &offset).await;
    }

    /// Closes a day at both authorities.
    pub async fn close_day(&self, date: &str) {
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            let path = format!("/mock/days/{date}/close");
            self.mock_control(reqwest::Method::POST, &path, &json!({"host": host})).await;
        }
    }

    /// Both authorities' books.
    pub async fn book(&self) -> Value {
        self.mock_control(reqwest::Method::GET, "/mock/book", &Value::Null).await
    }

    async fn mock_control(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.mock_address[0]);
        let response = self
            .control
            .request(method, url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .expect("the mock answers");
        let (status, text) = (response.status(), response.text().await.expect("a whole answer"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The superuser's connection.
    pub async fn admin(&self) -> PgConnection {
        self.database.admin().await
    }

    /// A number that the database tells its superuser.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.admin().await).await.expect("a number")
    }

    /// Ends every session that a gateway has, as a server that goes down does; tells how many.
    pub async fn end_sessions(&self) -> i64 {
        self.count(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'samsat-gateway'",
        )
        .await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for process in self.gateways.iter().chain([&self.mock]) {
            lock(process).kill();
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn lock(process: &Mutex<Process>) -> MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config_file(folder: &Path, i: usize) -> PathBuf {
    folder.join(format!("gateway-{i}.toml"))
}

fn gateway_command(folder: &Path, i: usize, arguments: &[&str]) -> Command {
    let mut command = Command::new(gateway_program());
    command.args(arguments).env("SAMSAT_CONFIG", config_file(folder, i)).env_remove("SAMSAT_TOKEN");
    command
}

fn spawn_mock(folder: &Path, [bapenda, jasa_raharja]: [u16; 2], seed: u64) -> Process {
    let mut command = Command::new(mock_program());
    command
        .args(["serve", "--allow-faults", "--partner-id", PARTNER, "--seed", &seed.to_string()])
        .args(["--bapenda-listen", &format!("127.0.0.1:{bapenda}")])
        .args(["--jasa-raharja-listen", &format!("127.0.0.1:{jasa_raharja}")]);
    for (option, file) in [
        ("--data", "mock-data"),
        ("--keys", "keys"),
        ("--secret-file", "secret"),
        ("--ready-file", "mock.ready"),
    ] {
        command.arg(option).arg(folder.join(file));
    }
    Process::spawn(command, &folder.join("mock.log"))
}

/// Short deadlines, so that doubts settle within seconds; the lease just above what the configuration allows.
fn configuration(folder: &Path, database: &Database, mock: [u16; 2], [api, ops]: [u16; 2]) -> String {
    let key = |name: &str| std::fs::read_to_string(folder.join("keys").join(name)).expect("a public key");
    let receipt_key = folder.join("receipt.key.pem").display().to_string();
    let url = database.app_url();
    format!(
        "[http]\nlisten = \"127.0.0.1:{api}\"\nops_listen = \"127.0.0.1:{ops}\"\ndrain_s = 10\n\
         [database]\nurl = {url:?}\npool_max = 8\ncommit_deadline_ms = 2000\n\
         [upstream]\nsecret = {SECRET:?}\nconnect_timeout_ms = 500\ntotal_timeout_ms = 1500\nnot_after_s = 3\ntolerance_s = 1\n\
         [upstream.bapenda]\nurl = \"http://127.0.0.1:{}\"\npublic_key_pem = {:?}\n\
         [upstream.jasa_raharja]\nurl = \"http://127.0.0.1:{}\"\npublic_key_pem = {:?}\n\
         [payment]\nlease_s = 6\n[receipt]\nsigning_key_file = {receipt_key:?}\n\
         [log]\nfilter = \"warn\"\n",
        mock[0],
        key("bapenda.pub.pem"),
        mock[1],
        key("jasa-raharja.pub.pem"),
    )
}

async fn vehicles(seed: u64, count: usize) -> Vec<Vehicle> {
    let listed = tokio::task::spawn_blocking(move || mock_bapenda::vehicles_today(seed, count, 0));
    let listed = listed.await.expect("a list of vehicles");
    let payable = listed.into_iter().filter(|vehicle| vehicle.case == "PAYABLE");
    payable.map(|v| Vehicle { plate: v.plate, chassis: v.chassis_last5 }).collect()
}

/// Ports below those that the kernel gives to outgoing connections: a killed process finds its own free again.
fn free_ports(count: usize) -> Vec<u16> {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut dice = Dice::new(u64::from(std::process::id()) ^ uuid::Uuid::now_v7().as_u64_pair().1);
    let mut found = vec![];
    while found.len() < count {
        let port = 12_000 + u16::try_from(dice.below(20_000)).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && taken.insert(port) {
            found.push(port);
        }
    }
    found
}
