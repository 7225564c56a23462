//! What a world is made of: the mock, a configuration, people and agents.

use mock_bapenda::{Keys, Mock, Options};
use samsat_gateway::agents::{self, Agent, Deposit, NewAgent, NewPerson, Person, Role};
use samsat_gateway::config::Config;
use samsat_gateway::domain::Rupiah;
use samsat_gateway::http::App;
use samsat_gateway::receipt::SigningKey;
use secrecy::SecretString;

use super::agent::Client;
use super::database::Database;

const PARTNER: &str = "OPOP-GATEWAY";
const SECRET: &str = "a secret of this test";

pub(super) async fn start_mock(keys: &Keys, folder: &std::path::Path, seed: u64) -> Mock {
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

pub(super) fn config(
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

/// Who may decide, and everybody's tokens.
pub(super) struct People {
    pub(super) decide: (Person, Person),
    pub(super) tokens: Vec<String>,
}

pub(super) async fn people(app: &App) -> People {
    let now = app.clock.now();
    let mut connection = app.db.workers.acquire().await.expect("a connection");
    let mut persons = vec![];
    let mut tokens = vec![];
    for role in [Role::Bapenda, Role::Auditor, Role::Admin] {
        let username = format!("{}.uji", role.as_str());
        let new = NewPerson::named(&username, "no password", role);
        let person = agents::add_person(&mut connection, &new, now).await.expect("a person");
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

pub(super) async fn new_agent(
    app: &App,
    base: &str,
    i: usize,
    float: i64,
    people: &(Person, Person),
) -> Client {
    let now = app.clock.now();
    let mut transaction = app.db.workers.begin().await.expect("a transaction");
    let new = NewAgent {
        agent_code: format!("PSN-{i:04}"),
        name: format!("Gerai uji {i}"),
        pesantren: Some((format!("51003578{i:04}"), format!("Pesantren uji {i}"))),
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

pub(super) async fn top_up(app: &App, agent: &Agent, float: i64, (one, other): &(Person, Person)) {
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

pub(super) fn client(base: &str, credential: &str, code: &str) -> Client {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(25))
        .build()
        .expect("a client");
    Client { base: base.to_owned(), credential: credential.to_owned(), code: code.to_owned(), http }
}
