//! `propose` and `approve`: what needs two people.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use samsat_gateway::agents::{self, Deposit, Person};
use samsat_gateway::domain::{BusinessDate, ChassisLast5, Clock, EvidenceId, PaymentId, ProposalId, Rupiah};
use samsat_gateway::payment::{Decision, Payments};
use serde_json::{Value, json};
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
        /// Last five characters of the chassis number, for `fresh-assessment`; told to Jasa Raharja, never stored.
        #[arg(long, required_if_eq("decision", "fresh-assessment"))]
        chassis: Option<String>,
        /// The stored answer, for `confirm-evidence`.
        #[arg(long, required_if_eq("decision", "confirm-evidence"))]
        evidence: Option<Uuid>,
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
    /// A leg that Jasa Raharja refused is paid by a fresh assessment; the difference is selisih.
    FreshAssessment,
    /// Confirm a leg with the number of a stored answer that its authority signed.
    ConfirmEvidence,
    /// Post what an authority booked after we had refused.
    Repost,
    /// Take booked legs back, also those booked after a refusal.
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
            DecisionArg::FreshAssessment => Self::FreshAssessment,
            DecisionArg::ConfirmEvidence => Self::ConfirmEvidence,
            DecisionArg::Repost => Self::Repost,
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

#[derive(Debug, Args)]
pub(crate) struct Refuse {
    proposal_id: ProposalId,
    /// Why it is not wanted.
    #[arg(long)]
    reason: String,
    #[arg(long)]
    by: String,
    #[arg(long)]
    json: bool,
}

pub(super) async fn refuse(command: Refuse) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let mut transaction = gateway.app.db.workers.begin().await?;
    let person = super::acting(&mut transaction, &command.by).await?;
    let now = Clock::system().now();
    agents::refuse(&mut transaction, command.proposal_id, &person, &command.reason, now).await?;
    transaction.commit().await?;
    super::print(command.json, &json!({"proposal_id": command.proposal_id, "refused_by": command.by}))?;
    Ok(ExitCode::SUCCESS)
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
    let proposed = match command {
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
            json!({"proposal_id": id})
        }
        Propose::Reversal { payment_id, reason, .. } => {
            json!({"proposal_id": app.payments.propose_reversal(payment_id, &reason, &person).await?})
        }
        Propose::Resolve { subject, decision, reason, chassis, evidence, .. } => {
            let said = (reason.as_str(), chassis, evidence);
            resolve(&app.payments, (subject, decision.into()), said, &person).await?
        }
    };
    super::print(json, &proposed)?;
    Ok(ExitCode::SUCCESS)
}

/// Proposes how a payment or a case is settled; tells what the other person will approve.
async fn resolve(
    payments: &Payments,
    (subject, decision): (Uuid, Decision),
    (reason, chassis, evidence): (&str, Option<String>, Option<Uuid>),
    person: &Person,
) -> anyhow::Result<Value> {
    if decision == Decision::FreshAssessment {
        let chassis = ChassisLast5::parse(&chassis.unwrap_or_default())?;
        let id = PaymentId(subject);
        let (proposal, fresh) = payments.propose_fresh_assessment(id, &chassis, reason, person).await?;
        return Ok(json!({"proposal_id": proposal, "assessment": fresh}));
    }
    if decision == Decision::ConfirmEvidence {
        let evidence = EvidenceId(evidence.context("--evidence is missing")?);
        let id = PaymentId(subject);
        let (proposal, stored) = payments.propose_evidence(id, evidence, reason, person).await?;
        return Ok(json!({"proposal_id": proposal, "evidence": stored}));
    }
    Ok(json!({"proposal_id": payments.propose_resolution(subject, decision, reason, person).await?}))
}

pub(super) async fn approve(command: Approve) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    let mut connection = gateway.app.db.workers.acquire().await?;
    let person = super::acting(&mut connection, &command.by).await?;
    drop(connection);
    let approved = gateway.app.payments.approve(command.proposal_id, &person).await?;
    super::print(command.json, &serde_json::to_value(&approved)?)?;
    if approved.is_refused_there() {
        anyhow::bail!("REVERSAL_REFUSED: the authority does not take it back; `audit show` has its word");
    }
    Ok(ExitCode::SUCCESS)
}
