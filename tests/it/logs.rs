//! Neither logs nor addresses carry personal data or secrets: the real program, a day with canaries, everything that it
//! writes, and every link, form and redirect that it shows.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use samsat_gateway::agents::Role;
use samsat_gateway::config::Config;
use secrecy::ExposeSecret;

use crate::support::{Client, Coded, PASSWORD, World};

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
async fn no_plate_chassis_name_or_secret_ever_stands_in_a_log_or_an_address() {
    let world = World::new().await;
    let mut program = Program::start(&world.config);
    let base = format!("http://{}", program.address().await);
    let agent = Client { base, ..world.agent().clone() };
    let mut canaries =
        vec![agent.credential.clone(), world.config.upstream.secret.expose_secret().to_owned()];
    let returned_to = "SITI KENARI".to_owned();
    live_a_day(&world, &agent, &returned_to, &mut canaries).await;
    let mut addresses = stand_at_the_counter(&world, &agent, &returned_to, &mut canaries).await;
    addresses.extend(sit_in_the_office(&world, &agent, &mut canaries).await);
    canaries.push(returned_to);
    for person in [&world.officer, &world.auditor] {
        let person = Client { base: agent.base.clone(), ..person.clone() };
        person.get("/v1/receipts?plate=L%207777%20KN").await;
        canaries.push(person.credential.clone());
    }
    canaries.extend(["L7777KN".to_owned(), "L 7777 KN".to_owned(), "L%207777%20KN".to_owned()]);
    canaries.extend(owners(&world).await);
    let log = program.end();
    assert!(log.lines().count() > 20, "it logs: {log}");
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "JSON lines");
    assert!(addresses.len() > 100, "{}", addresses.len());
    // A name of three letters is anywhere.
    canaries.retain(|canary| canary.len() >= 5);
    assert!(canaries.len() > 40, "{canaries:?}");
    for canary in canaries {
        assert!(!has(&log, &canary), "{canary} stands in the log");
        // A person's own page shows the secret to scan; an app takes it from there, no server sees it.
        let shown =
            addresses.iter().find(|address| has(address, &canary) && !address.starts_with("otpauth:"));
        assert_eq!(shown, None, "{canary} stands in an address");
    }
}

/// Whether a text says it; a few digits of a chassis only where they stand alone, for any number may have them in it.
fn has(text: &str, canary: &str) -> bool {
    if canary.len() > 5 {
        return text.contains(canary);
    }
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == canary)
}

/// The full names that Bapenda has told.
async fn owners(world: &World) -> Vec<String> {
    let told: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bapenda_evidence FROM lookup")
        .fetch_all(&mut world.admin_connection().await)
        .await
        .unwrap();
    let name = |answer: &Vec<u8>| {
        let answer = String::from_utf8_lossy(answer).into_owned();
        let (_, rest) = answer.split_once("\"owner_name\":").expect("a name");
        rest.split('"').nth(1).expect("text").to_owned()
    };
    told.iter().map(name).collect()
}

/// A cashier's day at the same program: password, PIN, cookies, plates, names. Tells every address seen.
async fn stand_at_the_counter(
    world: &World,
    agent: &Client,
    returned_to: &str,
    canaries: &mut Vec<String>,
) -> Vec<String> {
    let siti = world.cashier(0, "siti.kenari").await.at(&agent.base);
    siti.tries("siti.kenari", "sandi-salah-kenari").await;
    siti.signs_in().await;
    let account = siti.opens("/akun").await;
    let pin = [("sandi", PASSWORD), ("pin", "258036"), ("pin_lagi", "258036")];
    assert_eq!(siti.sends(&account, "/akun/pin", &pin).await.location(), "/akun");
    siti.sends(&account, "/keluar", &[]).await;
    let form = siti.opens("/masuk").await;
    siti.sends(&form, "/masuk/pin", &[("nama", "siti.kenari"), ("pin", "258036")]).await;
    let (refused, vehicle, sold) = (world.of_case("BLOCKED_ETLE", 0), world.vehicle(), world.vehicle());
    siti.looks_up(&refused).await;
    let lunas = siti.sells(&sold).await;
    lunas.says("LUNAS");
    let (_, paper) = lunas.html.split_once("action=\"/bukti/").expect("a paper");
    siti.sends(&lunas, &format!("/bukti/{}", paper.split('"').next().unwrap()), &[])
        .await
        .says("BUKTI LUNAS");
    world.fault("BAPENDA", "payment", "reset_before");
    let open = siti.sells(&vehicle).await;
    world.no_faults();
    let path = open.path.split('?').next().unwrap().to_owned();
    siti.opens(&format!("{path}/keadaan")).await;
    siti.sends(&open, &format!("{path}/kembali"), &[("kepada", returned_to)]).await;
    siti.opens("/hari-ini").await;
    for name in ["__Host-sesi", "__Host-perangkat"] {
        canaries.push(siti.cookie(name).unwrap());
    }
    canaries.extend(["258036", PASSWORD, "sandi-salah-kenari", "siti.kenari"].map(str::to_owned));
    canaries.push(open.field("csrf").unwrap());
    for vehicle in [vehicle, refused, sold] {
        canaries.extend([vehicle.plate, vehicle.chassis]);
    }
    siti.addresses()
}

/// Everybody with a second factor: secrets, codes, a plate that is looked for, a password that is made. Tells every address
/// seen.
async fn sit_in_the_office(world: &World, agent: &Client, canaries: &mut Vec<String>) -> Vec<String> {
    let mut addresses = vec![];
    for role in [Role::Penyelia, Role::Bapenda, Role::Auditor, Role::Admin] {
        let name = format!("{}.kenari", role.as_str());
        let Coded { browser, secret } = world.coded(role, &name, 0).await;
        let browser = browser.at(&agent.base);
        let asked = browser.follows(&browser.tries(&name, PASSWORD).await).await;
        browser.sends(&asked, "/kode", &[("kode", "000000")]).await;
        let code = world.code_again(&secret);
        let home = browser.follows(&browser.sends(&asked, "/kode", &[("kode", &code)]).await).await;
        assert_eq!(home.status, 200, "{}", home.text());
        for path in ["/perangkat", "/kantor/usul", "/kantor/perkara", "/kantor/orang", "/kantor/gerai"] {
            browser.opens(path).await;
        }
        let plate = world.of_case("BLOCKED_SOLD", 0).plate;
        browser.sends(&home, "/kantor/pembayaran", &[("nopol", &plate)]).await;
        canaries.extend([secret, code, plate, name, browser.cookie("__Host-sesi").unwrap()]);
        addresses.extend(browser.addresses());
    }
    let baru = world.uncoded(Role::Auditor, "baru.kenari", 0).await.at(&agent.base);
    let shown = baru.follows(&baru.tries("baru.kenari", PASSWORD).await).await;
    assert_eq!(shown.path, "/kode/pasang");
    let (_, secret) = shown.html.split_once("secret=").expect("a secret");
    canaries.push(secret.split('&').next().unwrap().to_owned());
    addresses.extend(baru.addresses());
    addresses
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
        let masked = quote.body["vehicle"]["owner_name"].as_str().unwrap().to_owned();
        canaries.extend([vehicle.plate, shown, key, masked, vehicle.chassis]);
    }
}
