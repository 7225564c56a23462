//! Logs carry no personal data: the real program, with canaries, and everything that it writes.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use samsat_gateway::config::Config;
use secrecy::ExposeSecret;

use crate::support::{Client, PASSWORD, World};

/// A gateway as a site runs it.
struct Program {
    child: Child,
    folder: std::path::PathBuf,
}

impl Program {
    /// Starts it on that world's database and hosts, at every level of its own logs.
    fn start(config: &Config) -> Self {
        let folder = std::env::temp_dir().join(format!("samsat-logs-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("gateway.toml");
        std::fs::write(&file, toml_of(config)).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_samsat-gateway"))
            .arg("serve")
            .env_clear()
            .env("SAMSAT_CONFIG", &file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Where it listens, as its own log says.
    async fn address(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("\"listening\""));
            if let Some(line) = line {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                return line["fields"]["address"].as_str().unwrap().to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {log}");
            assert!(Instant::now() < deadline, "it never listened: {log}");
            tokio::task::yield_now().await;
        }
    }

    /// As systemd ends it; tells everything it has logged.
    fn end(mut self) -> String {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "drained and done: {status}");
        self.log()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// That world's configuration as a site's file.
pub fn toml_of(config: &Config) -> String {
    let host = |host: &samsat_gateway::config::Host| {
        format!("url = \"{}\"\npublic_key_pem = \"\"\"\n{}\"\"\"\n", host.url, host.public_key_pem)
    };
    let (upstream, secret) = (&config.upstream, config.upstream.secret.expose_secret());
    format!(
        "[http]\nlisten = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\ninstance = \"logs\"\ndrain_s = 5\n\
         [database]\nurl = \"{}\"\n\
         [upstream]\npartner_id = \"{}\"\nsecret = \"{secret}\"\nconnect_timeout_ms = 500\ntotal_timeout_ms = 1500\nnot_after_s = 3\ntolerance_s = 1\n\
         [upstream.bapenda]\n{}[upstream.jasa_raharja]\n{}\
         [receipt]\nsigning_key_file = \"{}\"\n[night]\nenabled = false\n[log]\nfilter = \"info,samsat_gateway=trace\"\n",
        config.database.url.expose_secret(),
        upstream.partner_id,
        host(&upstream.bapenda),
        host(&upstream.jasa_raharja),
        config.receipt.signing_key_file,
    )
}

#[tokio::test]
async fn no_plate_chassis_name_or_secret_ever_stands_in_a_log() {
    let world = World::new().await;
    let mut program = Program::start(&world.config);
    let base = format!("http://{}", program.address().await);
    let agent = Client { base, ..world.agent().clone() };
    let mut canaries =
        vec![agent.credential.clone(), world.config.upstream.secret.expose_secret().to_owned()];
    let returned_to = "SITI KENARI".to_owned();
    live_a_day(&world, &agent, &returned_to, &mut canaries).await;
    stand_at_the_counter(&world, &agent, &returned_to, &mut canaries).await;
    canaries.push(returned_to);
    for person in [&world.officer, &world.auditor] {
        let person = Client { base: agent.base.clone(), ..person.clone() };
        person.get("/v1/receipts?plate=L%207777%20KN").await;
        canaries.push(person.credential.clone());
    }
    canaries.extend(["L7777KN".to_owned(), "L 7777 KN".to_owned(), "L%207777%20KN".to_owned()]);
    let log = program.end();
    assert!(log.lines().count() > 20, "it logs: {log}");
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "JSON lines");
    for canary in canaries {
        assert!(!log.contains(&canary), "{canary} stands in the log");
    }
}

/// A cashier's day at the same program: password, cookies, plates, names.
async fn stand_at_the_counter(world: &World, agent: &Client, returned_to: &str, canaries: &mut Vec<String>) {
    let siti = world.cashier(0, "siti.kenari").await.at(&agent.base);
    siti.tries("siti.kenari", "sandi-salah-kenari").await;
    siti.signs_in().await;
    let (refused, vehicle) = (world.of_case("BLOCKED_ETLE", 0), world.vehicle());
    siti.looks_up(&refused).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = siti.sells(&vehicle).await;
    world.no_faults();
    let path = open.path.split('?').next().unwrap().to_owned();
    siti.sends(&open, &format!("{path}/kembali"), &[("kepada", returned_to)]).await;
    for name in ["__Host-sesi", "__Host-perangkat"] {
        canaries.push(siti.cookie(name).unwrap());
    }
    canaries.extend([PASSWORD.to_owned(), "sandi-salah-kenari".to_owned(), open.field("csrf").unwrap()]);
    canaries.extend(["siti.kenari".to_owned(), vehicle.plate, refused.plate]);
}

/// Lookups, refusals, payments, doubts, receipts: with everything that may not be logged noted as canary.
async fn live_a_day(world: &World, agent: &Client, returned_to: &str, canaries: &mut Vec<String>) {
    for case in world.cases().iter().filter(|case| *case != "PAYABLE") {
        let vehicle = world.of_case(case, 0);
        agent.asks(&vehicle).await;
        canaries.push(vehicle.plate);
    }
    for (n, fault) in ["", "reset_before", "wrong_amount", "garbage"].into_iter().enumerate() {
        let vehicle = world.vehicle();
        let quote = agent.looks_up(&vehicle).await;
        if !fault.is_empty() {
            world.fault("BAPENDA", "payment", fault);
        }
        let key = format!("kunci-kenari-{n}");
        let paid = agent.pays_with(&key, &quote).await;
        world.no_faults();
        agent.cancels(&paid.id()).await;
        let body = serde_json::json!({"returned_to": returned_to, "paper_surrendered": true});
        let path = format!("/v1/payments/{}/return", paid.id());
        agent.send(reqwest::Method::POST, &path, &[], Some(&body)).await;
        if let Some(number) = paid.body["receipt_no"].as_str() {
            let receipt = agent.get(&format!("/v1/receipts/{number}")).await;
            let payload = receipt.body["payload"].as_str().unwrap().to_owned();
            let body = serde_json::json!({"payload": payload});
            agent.send(reqwest::Method::POST, "/v1/receipts/verify", &[], Some(&body)).await;
            agent.get(&format!("/verify/{number}")).await;
            canaries.push(payload);
        }
        let shown = quote.body["vehicle"]["plate"].as_str().unwrap().to_owned();
        canaries.extend([vehicle.plate, shown, key]);
    }
}
