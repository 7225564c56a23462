//! Rows of agents, people and their credentials.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::secret::sha256;
use super::{Agent, Person, Role};
use crate::db::Question;
use crate::domain::{AgentId, PersonId, RegionCode, Timestamp};
use crate::ledger::Caps;

/// What is known of a new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its code at the authorities.
    pub agent_code: String,
    /// The outlet's name.
    pub name: String,
    /// Number of the pesantren at the ministry.
    pub nspp: Option<String>,
    /// Where the outlet is.
    pub region: Option<RegionCode>,
}

/// Asks whose unrevoked API key this is.
#[derive(Debug)]
pub struct KeyHolder {
    key_sha256: Vec<u8>,
}

impl KeyHolder {
    /// Of this key; only its hash is kept.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self { key_sha256: sha256(key) }
    }
}

impl Question for KeyHolder {
    type Answer = Option<Agent>;

    async fn ask(connection: &mut PgConnection, keys: &[&Self]) -> Result<Vec<Option<Agent>>, sqlx::Error> {
        let hashes: Vec<Vec<u8>> = keys.iter().map(|key| key.key_sha256.clone()).collect();
        let rows = sqlx::query!(
            "SELECT k.key_sha256, a.agent_id, a.agent_no, a.agent_code, a.name, a.status = 'active' AS \"active!\"
             FROM agent_key k JOIN agent a USING (agent_id)
             WHERE k.key_sha256 = ANY($1) AND k.revoked_at IS NULL",
            &hashes
        )
        .fetch_all(connection)
        .await?;
        let holders: HashMap<Vec<u8>, Agent> = rows
            .into_iter()
            .map(|r| {
                let (agent_id, agent_no, active) = (AgentId(r.agent_id), r.agent_no, r.active);
                let agent = Agent { agent_id, agent_no, agent_code: r.agent_code, name: r.name, active };
                (r.key_sha256, agent)
            })
            .collect();
        Ok(hashes.iter().map(|hash| holders.get(hash).cloned()).collect())
    }
}

/// The agent of that code.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn agent_by_code(connection: &mut PgConnection, code: &str) -> Result<Option<Agent>, sqlx::Error> {
    sqlx::query_as!(
        Agent,
        "SELECT agent_id, agent_no, agent_code, name, status = 'active' AS \"active!\"
         FROM agent WHERE agent_code = $1",
        code
    )
    .fetch_optional(connection)
    .await
}

/// The agent of that id.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn agent_by_id(connection: &mut PgConnection, id: AgentId) -> Result<Option<Agent>, sqlx::Error> {
    sqlx::query_as!(
        Agent,
        "SELECT agent_id, agent_no, agent_code, name, status = 'active' AS \"active!\"
         FROM agent WHERE agent_id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await
}

/// How many agents there are.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn agents_total(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("SELECT count(*) AS \"n!\" FROM agent").fetch_one(connection).await
}

/// Adds an agent with its ledger accounts; the next free number is its own.
///
/// # Errors
/// [`sqlx::Error`]; `agent_code_key` when the code is taken.
pub async fn add_agent(
    connection: &mut PgConnection,
    new: &NewAgent,
    at: Timestamp,
) -> Result<Agent, sqlx::Error> {
    let agent_id = AgentId::new();
    let region = new.region.map(|r| i16::try_from(r.get()).unwrap_or_default());
    let agent_no = sqlx::query_scalar!(
        "INSERT INTO agent (agent_id, agent_no, agent_code, name, nspp, region_code, status, created_at)
         SELECT $1, coalesce(max(agent_no), 0) + 1, $2, $3, $4, $5, 'active', $6 FROM agent RETURNING agent_no",
        agent_id.0, new.agent_code, new.name, new.nspp, region, at
    )
    .fetch_one(&mut *connection)
    .await?;
    crate::ledger::open_account(connection, agent_id, agent_no).await?;
    Ok(Agent { agent_id, agent_no, agent_code: new.agent_code.clone(), name: new.name.clone(), active: true })
}

/// Suspends an agent or lets it work again.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn set_status(
    connection: &mut PgConnection,
    agent_id: AgentId,
    active: bool,
) -> Result<(), sqlx::Error> {
    let status = if active { "active" } else { "suspended" };
    sqlx::query!("UPDATE agent SET status = $2 WHERE agent_id = $1", agent_id.0, status)
        .execute(connection)
        .await?;
    Ok(())
}

/// Says what an agent may take at most; a payment that begins afterwards knows it.
///
/// # Errors
/// [`sqlx::Error`]; `agent_daily_cap_positive`, `agent_open_cap_positive` for a cap of nothing.
pub async fn set_caps(
    connection: &mut PgConnection,
    agent_id: AgentId,
    caps: Caps,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE agent SET daily_cap = $2, open_cap = $3 WHERE agent_id = $1",
        agent_id.0,
        caps.daily,
        caps.open
    )
    .execute(&mut *connection)
    .await?;
    let facts = serde_json::json!({"daily": caps.daily, "open": caps.open});
    let event = crate::audit::Event::new(at, super::SHELL, "set caps", agent_id.0, facts);
    crate::audit::append(connection, &[event]).await
}

/// Gives an agent a key.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn issue_key(
    connection: &mut PgConnection,
    agent_id: AgentId,
    key: &str,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO agent_key (key_sha256, agent_id, created_at) VALUES ($1, $2, $3)",
        sha256(key),
        agent_id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is known of a new person.
#[derive(Debug, Clone, Copy)]
pub struct NewPerson<'a> {
    /// Login name.
    pub username: &'a str,
    /// As colleagues call the person.
    pub full_name: Option<&'a str>,
    /// argon2id, PHC string.
    pub password_hash: &'a str,
    /// Somebody else chose the password: it must be changed before anything else.
    pub must_change_password: bool,
    /// What the person may do.
    pub role: Role,
    /// The outlet of a `kasir` or `penyelia`; nobody else has one.
    pub outlet: Option<AgentId>,
}

impl<'a> NewPerson<'a> {
    /// A person without an outlet whose password is the person's own.
    #[must_use]
    pub const fn named(username: &'a str, password_hash: &'a str, role: Role) -> Self {
        Self { username, full_name: None, password_hash, must_change_password: false, role, outlet: None }
    }
}

/// Adds a person.
///
/// # Errors
/// [`sqlx::Error`]; `person_username_key` when the name is taken, `person_operator_has_outlet` and
/// `person_outlet_by_role` when the outlet does not go with the role.
pub async fn add_person(
    connection: &mut PgConnection,
    new: &NewPerson<'_>,
    at: Timestamp,
) -> Result<Person, sqlx::Error> {
    let person_id = PersonId::new();
    sqlx::query!(
        "INSERT INTO person (person_id, username, password_hash, role, created_at, agent_id, full_name, must_change_password)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        person_id.0, new.username, new.password_hash, new.role.as_str(), at, new.outlet.map(|outlet| outlet.0),
        new.full_name, new.must_change_password
    )
    .execute(connection)
    .await?;
    Ok(Person { person_id, username: new.username.to_owned(), role: new.role })
}

/// Gives a person a bearer token.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn issue_token(
    connection: &mut PgConnection,
    person_id: PersonId,
    token: &str,
    at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO person_token (token_sha256, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        sha256(token),
        person_id.0,
        at,
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn person(person_id: uuid::Uuid, username: String, role: &str) -> Result<Person, sqlx::Error> {
    let role = Role::named(role).ok_or_else(|| sqlx::Error::Decode(format!("unknown role {role}").into()))?;
    Ok(Person { person_id: PersonId(person_id), username, role })
}

/// The person whose living token this is.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn person_by_token(
    connection: &mut PgConnection,
    token: &str,
    now: Timestamp,
) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query!(
        "SELECT p.person_id, p.username, p.role FROM person_token t JOIN person p USING (person_id)
         WHERE t.token_sha256 = $1 AND t.revoked_at IS NULL AND t.expires_at > $2 AND p.disabled_at IS NULL",
        sha256(token),
        now
    )
    .fetch_optional(connection)
    .await?
    .map(|r| person(r.person_id, r.username, &r.role))
    .transpose()
}

/// The enabled person of that name.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn person_by_name(
    connection: &mut PgConnection,
    username: &str,
) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query!(
        "SELECT person_id, username, role FROM person WHERE username = $1 AND disabled_at IS NULL",
        username
    )
    .fetch_optional(connection)
    .await?
    .map(|r| person(r.person_id, r.username, &r.role))
    .transpose()
}
