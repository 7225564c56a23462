//! `cargo xtask bench`: how fast it is here, beside what plain SQL reaches on the same cluster in the same minute.
//!
//! Every subject sets up a stack of its own, measures, has `samsat-gateway verify` recompute every invariant, and
//! takes the stack down. One that fails, or leaves a broken invariant, fails the whole command.

mod field;
mod follow;
mod grown;
mod journal;
mod load;
mod lookup;
mod measure;
mod night;
mod open;
mod pay;
mod receipt;
mod server;
mod slot;
mod span;
mod stats;
mod usage;
mod verdict;
mod wire;
mod yardstick;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::measure::Measure;
use crate::checkout::{Checkout, Programs, without_cargo_settings};
use crate::out;

/// `[SUBJECT] [--seconds N] [--json FILE] …`
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// What to measure; everything without it
    #[arg(value_enum)]
    subject: Option<Subject>,
    /// Of each timed stretch
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Turns of yardstick and gateway, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Payments that `grown` begins with
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    payments: u64,
    /// Settlement lines of the day that `night` reconciles
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,
    /// Connections that `open` keeps
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    connections: usize,
    /// Writes the measures there, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Payments at a thousand outlets
    Pay,
    /// Payments at one outlet
    Hot,
    /// The journal alone, without HTTP
    Journal,
    /// Lookups
    Lookup,
    /// Checks of receipts
    Receipt,
    /// Pages that wait for an open payment
    Follow,
    /// Memory with thousands of open connections
    Open,
    /// A night of many lines
    Night,
    /// Payments and lookups in a database that has grown
    Grown,
}

/// What every subject needs.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) checkout: Checkout,
    /// Optimised.
    pub(crate) programs: Programs,
    pub(crate) options: Options,
}

/// Measures one subject, or all.
///
/// # Errors
/// When a subject cannot be measured or an invariant does not hold.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let programs = checkout.build(true).await?;
    if cfg!(debug_assertions) {
        return Err(instead_of_this_program(&programs));
    }
    let subjects = options.subject.map_or_else(|| Subject::value_variants().to_vec(), |one| vec![one]);
    let bench = Bench { checkout, programs, options };
    let mut measures = Vec::new();
    for subject in subjects {
        let name = subject.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        out::line(&format!("── {name} {}", "─".repeat(60)));
        measures.extend(bench.measure(subject).await.with_context(|| format!("bench {name}"))?);
        if let Some(path) = &bench.options.json {
            measure::write(path, &measures)?;
        }
    }
    out::line("");
    measure::print(&measures);
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    async fn measure(&self, subject: Subject) -> Result<Vec<Measure>> {
        match subject {
            Subject::Pay => pay::pay(self).await,
            Subject::Hot => pay::hot(self).await,
            Subject::Journal => journal::journal(self).await,
            Subject::Lookup => lookup::lookup(self).await,
            Subject::Receipt => receipt::receipt(self).await,
            Subject::Follow => follow::follow(self).await,
            Subject::Open => open::open(self).await,
            Subject::Night => night::night(self).await,
            Subject::Grown => grown::grown(self).await,
        }
    }
}

/// The clients share the machine with what they measure: the optimised build of this program goes on in its place.
fn instead_of_this_program(programs: &Programs) -> anyhow::Error {
    let program = programs.gateway.with_file_name("xtask");
    let mut command = Command::new(&program);
    without_cargo_settings(&mut command);
    let error = command.args(std::env::args_os().skip(1)).exec();
    anyhow::Error::new(error).context(format!("cannot run {}", program.display()))
}
