//! Ctrl-C, `SIGTERM` and `SIGHUP` end the work by dropping it, so that every guard stops what it started.

use std::fmt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// The signal that ended the work.
#[derive(Debug)]
pub(crate) struct Interrupted {
    name: &'static str,
    number: u8,
}

impl Interrupted {
    /// What a shell reports for a program that this signal ended.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(128 + self.number)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl std::error::Error for Interrupted {}

/// Runs `work` to its end, or drops it at the first signal.
///
/// # Errors
/// [`Interrupted`] when a signal came first.
pub(crate) async fn until_interrupted<T>(work: impl Future<Output = T>) -> Result<T> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let interrupted = tokio::select! {
        result = work => return Ok(result),
        _ = interrupt.recv() => Interrupted { name: "Ctrl-C", number: 2 },
        _ = terminate.recv() => Interrupted { name: "SIGTERM", number: 15 },
        _ = hangup.recv() => Interrupted { name: "SIGHUP", number: 1 },
    };
    Err(interrupted.into())
}
