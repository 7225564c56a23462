//! `propose` and `approve`: what needs two people.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use samsat_gateway::agents::{self, Deposit};
use samsat_gateway::domain::{BusinessDate, Clock, PaymentId, ProposalId, Rupiah};
use samsat_gateway::payment::Decision;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// Float for a bank deposit.
    Topup {
        /// Agent code.
        #[arg(long)]
        agent: String,
        /// Rupiah.
        #[arg(long)]
        amount: i64,
        #[arg(long)]
        bank: String,
        /// Day of the deposit.
        #[arg(long)]
        date: BusinessDate,
        /// The bank's reference of the deposit.
        #[arg(long)]
        reference: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        json: bool,
    },
    /// Take a confirmed payment back at both authorities.
    Reversal {
        payment_id: PaymentId,
        /// A code that the authorities are told.
        #[arg(long)]
        reason: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        json: bool,
    },
    /// Settle an open payment or a case.
    Resolve {
        /// The payment; for `close`, the case.
        subject: Uuid,
        #[arg(long)]
        decision: DecisionArg,
        #[arg(long)]
        reason: String,
        #[arg(long)]
        by: String,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DecisionArg {
    /// Ask the authorities again and believe what they sign.
    Ask,
    /// The same, and refuse what is proven absent.
    Refuse,
    /// A leg that was refused after the other was booked was paid elsewhere.
    PaidElsewhere,
    /// Take booked legs back.
    Reverse,
    /// Close a case with a remark.
    Close,
}

impl From<DecisionArg> for Decision {
    fn from(argument: DecisionArg) -> Self {
        match argument {
            DecisionArg::Ask => Self::Ask,
            DecisionArg::Refuse => Self::Refuse,
            DecisionArg::PaidElsewhere => Self::PaidElsewhere,
            DecisionArg::Reverse => Self::Reverse,
            DecisionArg::Close => Self::Close,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    proposal_id: ProposalId,
    #[arg(long)]
    by: String,
    #[arg(long)]
    json: bool,
}

pub(super) async fn propose(command: Propose) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let app = &gateway.app;
    let (by, json) = match &command {
        Propose::Topup { by, json, .. }
        | Propose::Reversal { by, json, .. }
        | Propose::Resolve { by, json, .. } => (by, *json),
    };
    let mut connection = app.db.workers.acquire().await?;
    let person = super::acting(&mut connection, by).await?;
    drop(connection);
    let id = match command {
        Propose::Topup { agent, amount, bank, date, reference, .. } => {
            let deposit =
                Deposit { amount: Rupiah::new(amount)?, bank, deposited_on: date, bank_reference: reference };
            let mut transaction = app.db.workers.begin().await?;
            let agent =
                agents::agent_by_code(&mut transaction, &agent).await?.context("NOT_FOUND: no such agent")?;
            let id =
                agents::propose_topup(&mut transaction, &agent, &deposit, &person, Clock::system().now())
                    .await?;
            transaction.commit().await?;
            id
        }
        Propose::Reversal { payment_id, reason, .. } => {
            app.payments.propose_reversal(payment_id, &reason, &person).await?
        }
        Propose::Resolve { subject, decision, reason, .. } => {
            app.payments.propose_resolution(subject, decision.into(), &reason, &person).await?
        }
    };
    super::print(json, &serde_json::json!({"proposal_id": id}))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn approve(command: Approve) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let mut connection = gateway.app.db.workers.acquire().await?;
    let person = super::acting(&mut connection, &command.by).await?;
    drop(connection);
    let approved = gateway.app.payments.approve(command.proposal_id, &person).await?;
    super::print(command.json, &serde_json::to_value(&approved)?)?;
    Ok(ExitCode::SUCCESS)
}
