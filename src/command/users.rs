//! `user`: people who may act, their passwords and sign-ins.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use chrono::TimeDelta;
use clap::Subcommand;
use samsat_gateway::agents::{self, NewPerson, Role};
use samsat_gateway::audit::{self, Event};
use samsat_gateway::domain::{Clock, Timestamp};
use serde_json::{Value, json};
use sqlx::PgConnection;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a person; the password comes on standard input and must be changed at the first sign-in.
    Add {
        username: String,
        /// `kasir`, `penyelia`, `bapenda`, `auditor`, `admin`.
        #[arg(long)]
        role: String,
        /// Code of the outlet of a `kasir` or `penyelia`.
        #[arg(long)]
        agent: Option<String>,
        /// As colleagues call the person.
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Give a person another password, from standard input; every sign-in and PIN of theirs ends.
    Password {
        username: String,
        #[arg(long)]
        json: bool,
    },
    /// Let a person do nothing any more; every sign-in ends at once.
    Disable {
        username: String,
        #[arg(long)]
        json: bool,
    },
    /// Let a disabled person act again.
    Enable {
        username: String,
        #[arg(long)]
        json: bool,
    },
    /// End every sign-in of a person and forget their devices and PINs.
    SignOut {
        username: String,
        #[arg(long)]
        json: bool,
    },
    /// Give a person a bearer token for 30 days and print it, once.
    Token {
        username: String,
        #[arg(long)]
        json: bool,
    },
    /// The second factor.
    #[command(subcommand)]
    Totp(TotpCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TotpCommand {
    /// Take a person's second factor away: every sign-in ends, and the next one sets another.
    Reset {
        username: String,
        #[arg(long)]
        json: bool,
    },
}

/// How long a token lives.
pub(super) const TOKEN_DAYS: i64 = 30;

pub(super) async fn user(command: UserCommand) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let now = Clock::system().now();
    let mut transaction = gateway.app.db.workers.begin().await?;
    let (json, result) = match command {
        UserCommand::Add { username, role, agent, name, json } => {
            let role = Role::named(&role).with_context(|| format!("no such role: {role}"))?;
            (json, add(&mut transaction, (&username, name.as_deref()), role, (agent.as_deref(), now)).await?)
        }
        UserCommand::Password { username, json } => {
            let person = person(&mut transaction, &username).await?;
            let hash = password_from_input(&username)?;
            agents::reset_password(&mut transaction, &person, (&hash, agents::SHELL), now).await?;
            (json, json!({"username": username, "must_change_password": true}))
        }
        UserCommand::Disable { username, json } => {
            (json, enabled(&mut transaction, &username, false, now).await?)
        }
        UserCommand::Enable { username, json } => {
            (json, enabled(&mut transaction, &username, true, now).await?)
        }
        UserCommand::SignOut { username, json } => {
            let person = person(&mut transaction, &username).await?;
            let ended = agents::sign_out(&mut transaction, &person, agents::SHELL, now).await?;
            (json, json!({"username": username, "sessions_ended": ended}))
        }
        UserCommand::Token { username, json } => {
            let person = person(&mut transaction, &username).await?;
            let token = agents::new_secret("usr_")?;
            let expires_at = now + TimeDelta::days(TOKEN_DAYS);
            agents::issue_token(&mut transaction, person.person_id, &token, now, expires_at).await?;
            (json, json!({"username": person.username, "token": token}))
        }
        UserCommand::Totp(TotpCommand::Reset { username, json }) => {
            let person = person(&mut transaction, &username).await?;
            let reset = agents::reset_second_factor(&mut transaction, &person, agents::SHELL, now).await?;
            anyhow::ensure!(reset, "NOT_FOUND: {username} has no second factor");
            (json, json!({"username": username, "second_factor": "to set"}))
        }
    };
    transaction.commit().await?;
    super::print(json, &result)?;
    Ok(ExitCode::SUCCESS)
}

async fn person(connection: &mut PgConnection, username: &str) -> anyhow::Result<agents::Person> {
    agents::person_by_name(connection, username).await?.context("NOT_FOUND: no such person, or disabled")
}

async fn add(
    connection: &mut PgConnection,
    (username, full_name): (&str, Option<&str>),
    role: Role,
    (outlet, now): (Option<&str>, Timestamp),
) -> anyhow::Result<Value> {
    anyhow::ensure!(
        role.is_at_outlet() == outlet.is_some(),
        "a kasir and a penyelia belong to an outlet (--agent CODE), nobody else does"
    );
    let outlet = match outlet {
        Some(code) => {
            Some(agents::agent_by_code(connection, code).await?.context("NOT_FOUND: no such agent")?)
        }
        None => None,
    };
    let hash = password_from_input(username)?;
    let new = NewPerson {
        username,
        full_name,
        password_hash: &hash,
        must_change_password: true,
        role,
        outlet: outlet.as_ref().map(|agent| agent.agent_id),
    };
    let person =
        agents::add_person(connection, &new, now).await.map_err(|e| match e.as_database_error() {
            Some(database) if database.constraint() == Some("person_username_key") => {
                anyhow::anyhow!("NAME_TAKEN: somebody is called {username} already")
            }
            _ => e.into(),
        })?;
    let agent_code = outlet.map(|agent| agent.agent_code);
    let facts = json!({"role": role.as_str(), "agent_code": agent_code});
    audit::append(connection, &[Event::new(now, agents::SHELL, "added", person.person_id.0, facts)]).await?;
    Ok(json!({"username": username, "role": role.as_str(), "agent_code": agent_code}))
}

async fn enabled(
    connection: &mut PgConnection,
    username: &str,
    enabled: bool,
    now: Timestamp,
) -> anyhow::Result<Value> {
    let changed = agents::set_enabled(connection, (username, enabled), agents::SHELL, now).await?;
    changed.context("NOT_FOUND: no such person, or nothing to change")?;
    Ok(json!({"username": username, "status": if enabled { "enabled" } else { "disabled" }}))
}

fn password_from_input(username: &str) -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().take(1024).read_to_string(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    agents::fit_password(password, username)?;
    agents::hash_password(password).map_err(|e| anyhow::anyhow!("cannot hash: {e}"))
}
