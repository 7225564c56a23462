//! `case` and `audit`: what people must settle, and what happened.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::domain::CaseId;
use samsat_gateway::{audit, cases};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Open cases, oldest first.
    List {
        /// Closed ones too.
        #[arg(long)]
        all: bool,
        #[arg(long)]
        json: bool,
    },
    /// One case.
    Show {
        case_id: CaseId,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn case(command: CaseCommand) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let mut connection = gateway.app.db.workers.acquire().await?;
    match command {
        CaseCommand::List { all, json } => {
            let cases = cases::list(&mut connection, all).await?;
            super::print(json, &serde_json::to_value(cases)?)?;
        }
        CaseCommand::Show { case_id, json } => {
            let case = cases::find(&mut connection, case_id).await?.context("NOT_FOUND: no such case")?;
            super::print(json, &serde_json::to_value(case)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Every event about one subject, oldest first.
    Show {
        /// A payment, proposal, receipt's payment or run.
        subject: Uuid,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn audit(command: AuditCommand) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let mut connection = gateway.app.db.workers.acquire().await?;
    let AuditCommand::Show { subject, json } = command;
    let events = audit::about(&mut connection, subject).await?;
    super::print(json, &serde_json::Value::Array(events))?;
    Ok(ExitCode::SUCCESS)
}
