//! `agent` and `user`: who may act.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use chrono::TimeDelta;
use clap::Subcommand;
use samsat_gateway::agents::{self, NewAgent, Role};
use samsat_gateway::domain::{Clock, RegionCode};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Add an agent and print its API key, once.
    Add {
        #[arg(long)]
        code: String,
        #[arg(long)]
        name: String,
        /// Number of the pesantren at the ministry.
        #[arg(long)]
        nspp: Option<String>,
        /// Kabupaten or kota, `3578`.
        #[arg(long)]
        region: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Give an agent another API key.
    Key {
        code: String,
        #[arg(long)]
        json: bool,
    },
    /// It may read, not pay; open payments go on.
    Suspend {
        code: String,
        #[arg(long)]
        json: bool,
    },
    /// It may pay again.
    Resume {
        code: String,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn agent(command: AgentCommand) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let now = Clock::system().now();
    let mut transaction = gateway.app.db.workers.begin().await?;
    match command {
        AgentCommand::Add { code, name, nspp, region, json } => {
            let region = region.as_deref().map(RegionCode::parse).transpose()?;
            let new = NewAgent { agent_code: code, name, nspp, region };
            let agent = agents::add_agent(&mut transaction, &new, now).await?;
            let key = agents::new_secret("agt_")?;
            agents::issue_key(&mut transaction, agent.agent_id, &key, now).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": agent.agent_code, "api_key": key}))?;
        }
        AgentCommand::Key { code, json } => {
            let agent =
                agents::agent_by_code(&mut transaction, &code).await?.context("NOT_FOUND: no such agent")?;
            let key = agents::new_secret("agt_")?;
            agents::issue_key(&mut transaction, agent.agent_id, &key, now).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": agent.agent_code, "api_key": key}))?;
        }
        AgentCommand::Suspend { code, json } => {
            let agent =
                agents::agent_by_code(&mut transaction, &code).await?.context("NOT_FOUND: no such agent")?;
            agents::set_status(&mut transaction, agent.agent_id, false).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": agent.agent_code, "status": "suspended"}))?;
        }
        AgentCommand::Resume { code, json } => {
            let agent =
                agents::agent_by_code(&mut transaction, &code).await?.context("NOT_FOUND: no such agent")?;
            agents::set_status(&mut transaction, agent.agent_id, true).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": agent.agent_code, "status": "active"}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a person; the password comes on standard input.
    Add {
        username: String,
        /// `kasir`, `penyelia`, `bapenda`, `auditor`, `admin`.
        #[arg(long)]
        role: String,
        #[arg(long)]
        json: bool,
    },
    /// Give a person a bearer token for 30 days and print it, once.
    Token {
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
    match command {
        UserCommand::Add { username, role, json } => {
            let role = Role::named(&role).with_context(|| format!("no such role: {role}"))?;
            let mut password = String::new();
            std::io::stdin().lock().take(1024).read_to_string(&mut password)?;
            let password = password.trim_end_matches(['\r', '\n']);
            anyhow::ensure!(password.chars().count() >= 8, "a password has at least 8 characters");
            let hash = agents::hash_password(password).map_err(|e| anyhow::anyhow!("cannot hash: {e}"))?;
            agents::add_person(&mut transaction, &username, &hash, role, now).await?;
            transaction.commit().await?;
            super::print(json, &json!({"username": username, "role": role.as_str()}))?;
        }
        UserCommand::Token { username, json } => {
            let person = agents::person_by_name(&mut transaction, &username)
                .await?
                .context("NOT_FOUND: no such person")?;
            let token = agents::new_secret("usr_")?;
            let expires_at = now + TimeDelta::days(TOKEN_DAYS);
            agents::issue_token(&mut transaction, person.person_id, &token, now, expires_at).await?;
            transaction.commit().await?;
            super::print(json, &json!({"username": person.username, "token": token}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
