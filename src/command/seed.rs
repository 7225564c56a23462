//! `seed`: agents with float, one person a role, for demonstrations and tests. Refuses a database that has agents.

use std::process::ExitCode;

use chrono::TimeDelta;
use clap::Args;
use samsat_gateway::agents::{self, Agent, Deposit, NewAgent, NewPerson, Person, Role};
use samsat_gateway::domain::{BusinessDate, REGIONS, RegionCode, Rupiah, Timestamp};
use samsat_gateway::http::App;
use serde_json::{Value, json};
use sqlx::PgConnection;

#[derive(Debug, Args)]
pub(crate) struct Seed {
    #[arg(long, default_value_t = 24)]
    agents: u32,
    /// Rupiah each.
    #[arg(long, default_value_t = 2_000_000_000)]
    float: i64,
    #[arg(long)]
    json: bool,
}

const OUTLETS: [&str; 8] = [
    "Kopontren Al Hikmah",
    "Kopontren Nurul Iman",
    "Kopontren Darussalam",
    "Kopontren Al Falah",
    "Kopontren Miftahul Ulum",
    "Kopontren Sunan Drajat",
    "Kopontren Mambaul Maarif",
    "Kopontren Bahrul Ulum",
];

pub(super) async fn seed(command: Seed) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let app = &gateway.app;
    let mut connection = app.db.workers.acquire().await?;
    anyhow::ensure!(
        agents::agents_total(&mut connection).await? == 0,
        "REFUSED: this database has agents already"
    );
    drop(connection);
    let now = app.clock.now();
    let mut transaction = app.db.workers.begin().await?;
    let mut working = vec![];
    let mut special = vec![];
    for i in 0..command.agents {
        working.push(agent(&mut transaction, i, now).await?);
    }
    for i in command.agents..command.agents + 2 {
        special.push(agent(&mut transaction, i, now).await?);
    }
    let (people, users) = people(app, &mut transaction, working.first().map(|(agent, _)| agent), now).await?;
    transaction.commit().await?;
    let float = Rupiah::new(command.float)?;
    for (agent, _) in working.iter().chain(special.first()) {
        top_up(app, agent, float, &people).await?;
    }
    if let Some((suspended, _)) = special.first() {
        let mut connection = app.db.workers.acquire().await?;
        agents::set_status(&mut connection, suspended.agent_id, false).await?;
    }
    let shown = |float: i64| move |(agent, key): &(Agent, String)| json!({"agent_code": agent.agent_code, "api_key": key, "float": float});
    let mut specials: Vec<Value> = vec![];
    for ((agent, key), (case, float)) in
        special.iter().zip([("SUSPENDED", command.float), ("EMPTY_FLOAT", 0)])
    {
        specials.push(json!({"agent_code": agent.agent_code, "api_key": key, "float": float, "case": case}));
    }
    let result = json!({
        "agents": working.iter().map(shown(command.float)).collect::<Vec<_>>(),
        "special_agents": specials,
        "users": users,
        "partners": [],
        "public_key": app.public_key.to_pem(),
    });
    super::print(command.json, &result)?;
    Ok(ExitCode::SUCCESS)
}

/// One person a role; cashier and supervisor at the first outlet. Everybody but the cashier has a second factor already.
async fn people(
    app: &App,
    connection: &mut PgConnection,
    outlet: Option<&Agent>,
    now: Timestamp,
) -> anyhow::Result<(Vec<Person>, Vec<Value>)> {
    let mut people = vec![];
    let mut users = vec![];
    for role in Role::ALL.into_iter().filter(|role| outlet.is_some() || !role.is_at_outlet()) {
        let outlet = outlet.filter(|_| role.is_at_outlet());
        let username = format!("{}.demo", role.as_str());
        let password = agents::new_secret("")?;
        let hash = agents::hash_password(&password).map_err(|e| anyhow::anyhow!("cannot hash: {e}"))?;
        let outlet_id = outlet.map(|agent| agent.agent_id);
        let new = NewPerson { outlet: outlet_id, ..NewPerson::named(&username, &hash, role) };
        let person = agents::add_person(connection, &new, now).await?;
        let token = agents::new_secret("usr_")?;
        let expires_at = now + TimeDelta::days(super::users::TOKEN_DAYS);
        agents::issue_token(connection, person.person_id, &token, now, expires_at).await?;
        let mut user =
            json!({"username": username, "password": password, "role": role.as_str(), "token": token});
        if role.needs_second_factor() {
            user["totp_secret"] = json!(app.sign_ins.enrol(connection, person.person_id, now).await?);
        }
        if let Some(agent) = outlet {
            user["agent_code"] = json!(agent.agent_code);
        }
        users.push(user);
        people.push(person);
    }
    Ok((people, users))
}

async fn agent(connection: &mut PgConnection, i: u32, now: Timestamp) -> anyhow::Result<(Agent, String)> {
    let place = usize::try_from(i)?;
    let (region, region_name) = REGIONS.get(place % REGIONS.len()).copied().unwrap_or(REGIONS[0]);
    let outlet = OUTLETS.get(place % OUTLETS.len()).copied().unwrap_or_default();
    let new = NewAgent {
        agent_code: format!("PSN-{:04}", i + 1),
        name: format!("{outlet}, {region_name}"),
        pesantren: Some((
            format!("5100{region}{:04}", i + 1),
            outlet.replace("Kopontren", "Pondok Pesantren"),
        )),
        region: RegionCode::parse(&region.to_string()).ok(),
    };
    let agent = agents::add_agent(connection, &new, now).await?;
    let key = agents::new_secret("agt_")?;
    agents::issue_key(connection, agent.agent_id, &key, now).await?;
    Ok((agent, key))
}

/// By two people, like every top-up.
async fn top_up(app: &App, agent: &Agent, amount: Rupiah, people: &[Person]) -> anyhow::Result<()> {
    let with = |role| people.iter().find(move |person| person.role == role);
    let (Some(one), Some(other)) = (with(Role::Bapenda), with(Role::Admin)) else {
        anyhow::bail!("two people are needed");
    };
    let now = app.clock.now();
    let deposit = Deposit {
        amount,
        bank: "BANK JATIM".to_owned(),
        deposited_on: BusinessDate::of(now),
        bank_reference: format!("SEED-{}", agent.agent_code),
    };
    let mut transaction = app.db.workers.begin().await?;
    let proposal = agents::propose_topup(&mut transaction, agent, &deposit, one, now).await?;
    transaction.commit().await?;
    app.payments.approve(proposal, other).await?;
    Ok(())
}
