//! `cargo xtask bench`: how fast it is here, beside what plain SQL reaches on the same cluster in the same minute.
//!
//! Every subject sets up a stack of its own, measures, has `samsat-gateway verify` recompute every invariant, and
//! takes the stack down. One that fails, or leaves a broken invariant, fails the whole command.

mod measure;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::measure::Measure;
use crate::checkout::{Checkout, Programs};
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
    /// Writes the measures there, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {}

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
    let subjects = options.subject.map_or_else(|| Subject::value_variants().to_vec(), |one| vec![one]);
    let bench = Bench { checkout, programs, options };
    let mut measures = Vec::new();
    for subject in subjects {
        measures.extend(bench.measure(subject).await.with_context(|| format!("bench {subject:?}"))?);
        if let Some(path) = &bench.options.json {
            measure::write(path, &measures)?;
        }
    }
    out::line("");
    measure::print(&measures);
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    #[expect(clippy::unused_async, reason = "every subject waits")]
    async fn measure(&self, subject: Subject) -> Result<Vec<Measure>> {
        match subject {}
    }
}
