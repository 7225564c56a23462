//! One business day.
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// `[--once]`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after the night instead of serving
    #[arg(long)]
    once: bool,
}

/// Runs the day.
pub(crate) async fn run(_options: Options) -> Result<ExitCode> {
    anyhow::bail!("the business day is not written yet")
}
