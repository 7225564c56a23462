//! `agent`: outlets and their keys.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::agents::{self, NewAgent, PesantrenBranch};
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
        /// Name of the pesantren, where it is new; the outlet's without it.
        #[arg(long, requires = "nspp")]
        pesantren: Option<String>,
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
    /// Pesantren with their outlets, outlets with their people, people with their devices.
    List {
        /// One outlet alone.
        code: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Whether new devices of its cashiers must be admitted by its supervisor.
    Devices {
        code: String,
        /// They must; without an enabled supervisor it asks for nothing.
        #[arg(long, conflicts_with = "open", required_unless_present = "open")]
        admitted: bool,
        /// They need not.
        #[arg(long)]
        open: bool,
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
        AgentCommand::Add { code, name, nspp, pesantren, region, json } => {
            let region = region.as_deref().map(RegionCode::parse).transpose()?;
            let pesantren = nspp.map(|nspp| (nspp, pesantren.unwrap_or_else(|| name.clone())));
            let new = NewAgent { agent_code: code, name, pesantren, region };
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
        AgentCommand::List { code, json } => list(&mut transaction, code.as_deref(), json).await?,
        AgentCommand::Devices { code, admitted, json, .. } => {
            let agent =
                agents::agent_by_code(&mut transaction, &code).await?.context("NOT_FOUND: no such agent")?;
            agents::set_devices_admitted(&mut transaction, &agent, (admitted, agents::SHELL), now).await?;
            transaction.commit().await?;
            super::print(json, &json!({"agent_code": agent.agent_code, "devices_admitted": admitted}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(connection: &mut PgConnection, code: Option<&str>, json: bool) -> anyhow::Result<()> {
    let only = match code {
        Some(code) => {
            let agent = agents::agent_by_code(connection, code).await?;
            Some(agent.context("NOT_FOUND: no such agent")?.agent_id)
        }
        None => None,
    };
    show_tree(json, &agents::tree(connection, only).await?)
}

/// One line a pesantren, an outlet, a person, a device, each further in.
fn show_tree(json: bool, tree: &[PesantrenBranch]) -> anyhow::Result<()> {
    if json {
        return super::print(true, &serde_json::to_value(tree)?);
    }
    let mut lines = vec![];
    for pesantren in tree {
        let named = pesantren.nspp.as_deref().zip(pesantren.name.as_deref());
        lines
            .push(named.map_or_else(|| "(no pesantren)".to_owned(), |(nspp, name)| format!("{nspp} {name}")));
        for outlet in &pesantren.outlets {
            let rule = if outlet.devices_admitted { ", devices admitted" } else { "" };
            lines.push(format!("  {} {} ({}{rule})", outlet.agent_code, outlet.name, outlet.status));
            for person in &outlet.people {
                let state = if person.enabled { "" } else { " (disabled)" };
                lines.push(format!("    {} {}{state}", person.role, person.username));
                for device in &person.devices {
                    let waits = if device.waits { " (waits)" } else { "" };
                    lines.push(format!("      {} {}{waits}", device.mark, device.device_name));
                }
            }
        }
    }
    super::print(false, &serde_json::to_value(lines)?)
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
