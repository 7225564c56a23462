//! `agent`: outlets and their keys.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::agents::{self, NewAgent};
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
