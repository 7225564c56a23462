//! `topup`: what outlets ask for, seen and answered by Bapenda's people.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::agents::{self, WhichRequests};
use samsat_gateway::domain::{Clock, RequestId};
use serde_json::json;

/// Requests in one list.
const LISTED_MAX: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum TopupCommand {
    /// Requests that nobody has approved or declined, newest first.
    List {
        /// The others too.
        #[arg(long)]
        all: bool,
        #[arg(long)]
        json: bool,
    },
    /// One request.
    Show {
        request_id: RequestId,
        /// Write its proof, a picture or a PDF, to this file.
        #[arg(long)]
        proof: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Turn a request into a proposal; somebody else approves it.
    Propose {
        request_id: RequestId,
        #[arg(long)]
        by: String,
        #[arg(long)]
        json: bool,
    },
    /// Decline a request; the outlet reads the reason.
    Decline {
        request_id: RequestId,
        #[arg(long)]
        reason: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn topup(command: TopupCommand) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let now = Clock::system().now();
    let mut transaction = gateway.app.db.workers.begin().await?;
    let (json, result) = match command {
        TopupCommand::List { all, json } => {
            let which = WhichRequests { open_only: !all, ..WhichRequests::default() };
            let requests = agents::topup_requests(&mut transaction, which, LISTED_MAX).await?;
            (json, serde_json::to_value(requests)?)
        }
        TopupCommand::Show { request_id, proof, json } => {
            let which = WhichRequests { id: Some(request_id), ..WhichRequests::default() };
            let requests = agents::topup_requests(&mut transaction, which, 1).await?;
            let request = requests.first().context("NOT_FOUND: no such request")?;
            if let Some(file) = proof {
                let stored = agents::topup_proof(&mut transaction, request_id, None).await?;
                let (_, bytes) = stored.context("NOT_FOUND: no such request")?;
                std::fs::write(&file, bytes).with_context(|| file.display().to_string())?;
            }
            (json, serde_json::to_value(request)?)
        }
        TopupCommand::Propose { request_id, by, json } => {
            let person = super::acting(&mut transaction, &by).await?;
            let id = agents::propose_request(&mut transaction, request_id, &person, now).await?;
            (json, json!({"proposal_id": id}))
        }
        TopupCommand::Decline { request_id, reason, by, json } => {
            let person = super::acting(&mut transaction, &by).await?;
            agents::decline_request(&mut transaction, request_id, (&person, &reason), now).await?;
            (json, json!({"request_id": request_id, "state": "declined"}))
        }
    };
    transaction.commit().await?;
    super::print(json, &result)?;
    Ok(ExitCode::SUCCESS)
}
