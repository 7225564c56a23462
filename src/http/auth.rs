//! Who is asking. A missing, unknown, revoked or expired credential all look alike.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::App;
use super::problem::Problem;
use crate::agents::{self, Agent, KeyHolder, Person, Role};
use crate::payment::Scope;

/// Longer than any credential we give.
const CREDENTIAL_MAX: usize = 200;

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = value.split_once(' ')?;
    let credential = credential.trim();
    let plausible = !credential.is_empty() && credential.len() <= CREDENTIAL_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && plausible).then_some(credential)
}

/// An agent by its API key; also a suspended one, which may read.
#[derive(Debug, Clone)]
pub struct AsAgent(pub Agent);

impl FromRequestParts<App> for AsAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Agent(agent) => Ok(Self(agent)),
            Caller::Person(_) => Err(Problem::forbidden("only agents may do this")),
        }
    }
}

/// An agent or a person who reads.
#[derive(Debug, Clone)]
pub enum Caller {
    /// An agent: sees its own.
    Agent(Agent),
    /// A person: officers and auditors see everything, and each reading is an audit event.
    Person(Person),
}

impl Caller {
    /// Whose things this caller may see.
    ///
    /// # Errors
    /// [`Problem::forbidden`] for people who are neither officers nor auditors.
    pub fn scope(&self) -> Result<Scope, Problem> {
        match self {
            Self::Agent(agent) => Ok(Scope::Agent(agent.agent_id)),
            Self::Person(person) => match person.role {
                Role::Bapenda | Role::Auditor => Ok(Scope::All),
                Role::Kasir | Role::Penyelia | Role::Admin => {
                    Err(Problem::forbidden("only bapenda and auditor may read this"))
                }
            },
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = bearer(parts).ok_or_else(Problem::unauthorized)?;
        if let Some(agent) = app.keys.ask(KeyHolder::of(credential)).await? {
            return Ok(Self::Agent(agent));
        }
        let mut connection = app.db.requests.acquire().await?;
        let person = agents::person_by_token(&mut connection, credential, app.clock.now()).await?;
        person.map(Self::Person).ok_or_else(Problem::unauthorized)
    }
}

/// An officer of Bapenda or an auditor.
#[derive(Debug, Clone)]
pub struct AsOfficer(pub Person);

impl FromRequestParts<App> for AsOfficer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Person(person) if matches!(person.role, Role::Bapenda | Role::Auditor) => {
                Ok(Self(person))
            }
            Caller::Person(_) | Caller::Agent(_) => {
                Err(Problem::forbidden("only bapenda and auditor may read this"))
            }
        }
    }
}
