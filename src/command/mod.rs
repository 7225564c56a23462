//! Commands, one file a subject.

mod admin;
mod approvals;
mod cases;
mod night;
mod receipts;
mod seed;
mod serve;
mod topups;
mod users;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use samsat_gateway::agents::{self, Person};
use samsat_gateway::config::Config;
use samsat_gateway::domain::{BusinessDate, Clock};
use samsat_gateway::http::Gateway;
use samsat_gateway::{db, tariff};
use secrecy::ExposeSecret;
use sqlx::PgConnection;

/// Vehicle tax of East Java, paid exactly once.
#[derive(Debug, Parser)]
#[command(name = "samsat-gateway", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve agents, officers and auditors until SIGTERM.
    Serve,
    /// Bring the database up to this program.
    Migrate,
    /// Reconcile a business date against both authorities' settlement files and publish the result.
    Reconcile {
        /// YYYY-MM-DD, WIB.
        #[arg(long)]
        date: BusinessDate,
        #[arg(long)]
        json: bool,
    },
    /// Check every invariant over the whole database in one snapshot.
    Verify {
        #[arg(long)]
        json: bool,
    },
    /// Compute bills from standard input, one JSON object a line; needs neither database nor configuration.
    Assess {
        /// Results are always JSON.
        #[arg(long)]
        json: bool,
    },
    /// Receipts: check one, or make the key that signs them.
    #[command(subcommand)]
    Receipt(receipts::ReceiptCommand),
    /// Propose what needs two people.
    #[command(subcommand)]
    Propose(approvals::Propose),
    /// Approve and carry out what somebody else proposed.
    Approve(approvals::Approve),
    /// Top-ups that outlets ask for.
    #[command(subcommand)]
    Topup(topups::TopupCommand),
    /// What people must settle.
    #[command(subcommand)]
    Case(cases::CaseCommand),
    /// What happened to a payment, proposal or agent, as the audit log has it.
    #[command(subcommand)]
    Audit(cases::AuditCommand),
    /// Agents.
    #[command(subcommand)]
    Agent(admin::AgentCommand),
    /// People.
    #[command(subcommand)]
    User(users::UserCommand),
    /// Fill an empty database with agents and people for demonstrations and tests.
    Seed(seed::Seed),
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve => serve::serve().await,
        Command::Migrate => {
            let config = config()?;
            let url = config.database.owner_url.expose_secret();
            anyhow::ensure!(!url.is_empty(), "database.owner_url is not set");
            db::migrate(url).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Reconcile { date, json } => night::reconcile(date, json).await,
        Command::Verify { json } => night::verify(json).await,
        Command::Assess { json: _ } => {
            tokio::task::spawn_blocking(|| {
                tariff::run_assess(io::stdin().lock(), io::BufWriter::new(io::stdout().lock()))
            })
            .await??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Receipt(command) => receipts::run(command),
        Command::Propose(command) => approvals::propose(command).await,
        Command::Approve(command) => approvals::approve(command).await,
        Command::Topup(command) => topups::topup(command).await,
        Command::Case(command) => cases::case(command).await,
        Command::Audit(command) => cases::audit(command).await,
        Command::Agent(command) => admin::agent(command).await,
        Command::User(command) => users::user(command).await,
        Command::Seed(command) => seed::seed(command).await,
    }
}

/// Says why on standard error.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    // Nobody to tell when standard error is closed.
    drop(writeln!(io::stderr().lock(), "{error:#}"));
    ExitCode::from(1)
}

fn config() -> anyhow::Result<Config> {
    let file = std::env::var("SAMSAT_CONFIG").ok();
    Config::load(file.as_deref()).context("SAMSAT_CONFIG")
}

fn logs_to_stderr(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(io::stderr);
    // A second subscriber is refused, and the first stays.
    drop(logs.try_init());
}

async fn gateway() -> anyhow::Result<Gateway> {
    let mut config = config()?;
    if config.log.filter == "info" {
        "warn".clone_into(&mut config.log.filter);
    }
    logs_to_stderr(&config);
    Ok(Gateway::open(config, Clock::system()).await?)
}

/// The person who acts: by `SAMSAT_TOKEN` where it is set, and then nobody else's name will do.
async fn acting(connection: &mut PgConnection, by: &str) -> anyhow::Result<Person> {
    let unknown = || anyhow::anyhow!("UNAUTHORIZED: no such person: {by}");
    match std::env::var("SAMSAT_TOKEN").ok().filter(|token| !token.is_empty()) {
        Some(token) => {
            let person = agents::person_by_token(connection, &token, Clock::system().now()).await?;
            let person = person.context("UNAUTHORIZED: SAMSAT_TOKEN is nobody's")?;
            anyhow::ensure!(person.username == by, "FORBIDDEN: SAMSAT_TOKEN is not {by}'s");
            Ok(person)
        }
        None => agents::person_by_name(connection, by).await?.ok_or_else(unknown),
    }
}

/// Prints a result: JSON on request, else one line a member.
fn print(json: bool, value: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{value}")?;
        return Ok(());
    }
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                writeln!(out, "{name}: {}", plain(member))?;
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                writeln!(out, "{}", plain(item))?;
            }
        }
        other => writeln!(out, "{}", plain(other))?,
    }
    Ok(())
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
