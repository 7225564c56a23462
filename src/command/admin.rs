//! `agent`: outlets and their keys.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::agents::{self, NewAgent};
use samsat_gateway::domain::{Clock, RegionCode, Rupiah, Timestamp};
use samsat_gateway::ledger::{self, Caps};
use serde_json::json;
use sqlx::PgConnection;

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
    /// What an agent may take at most: rupiah, or `none`. What is not named stays as it is.
    Limit {
        code: String,
        /// In a day (WIB), refused and reversed payments aside.
        #[arg(long)]
        daily: Option<CapArg>,
        /// Of payments whose outcome is open, together.
        #[arg(long)]
        open: Option<CapArg>,
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

/// Rupiah above zero, or no cap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CapArg(Option<i64>);

impl std::str::FromStr for CapArg {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = || text.parse().ok().filter(|amount| *amount > 0 && Rupiah::new(*amount).is_ok());
        match text {
            "none" => Ok(Self(None)),
            _ => amount().map(|amount| Self(Some(amount))).ok_or("rupiah above zero, or none"),
        }
    }
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
        AgentCommand::Limit { code, daily, open, json } => {
            let caps = limit(&mut transaction, &code, (daily, open), now).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": code, "daily": caps.daily, "open": caps.open}))?;
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

async fn limit(
    connection: &mut PgConnection,
    code: &str,
    (daily, open): (Option<CapArg>, Option<CapArg>),
    now: Timestamp,
) -> anyhow::Result<Caps> {
    let agent = agents::agent_by_code(connection, code).await?.context("NOT_FOUND: no such agent")?;
    let before = ledger::caps(connection, agent.agent_id).await?;
    let caps =
        Caps { daily: daily.map_or(before.daily, |cap| cap.0), open: open.map_or(before.open, |cap| cap.0) };
    if caps != before {
        agents::set_caps(connection, agent.agent_id, caps, now).await?;
    }
    Ok(caps)
}
