//! `cargo xtask with … -- CMD`: the stack for somebody else's program.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use clap::Args;

use crate::checkout::{Checkout, without_cargo_settings};
use crate::out::Steps;
use crate::process::Proc;
use crate::stack::config::External;
use crate::stack::{Address, Plan, Seed, Stack};

/// `[--fresh] [--release] [--gateways N] [--external-upstream …] -- CMD…`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A new cluster too, not the kept one
    #[arg(long)]
    fresh: bool,
    /// Optimised programs
    #[arg(long)]
    release: bool,
    /// How many gateways
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    gateways: u8,
    /// Authorities that run elsewhere; no mock is started
    #[arg(long, value_name = "BAPENDA_URL,JR_URL,KEYS_FILE")]
    external_upstream: Option<External>,
    /// What to run
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Starts the stack, runs CMD, stops the stack.
///
/// # Errors
/// When the stack does not start or CMD cannot be started.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let programs = checkout.build(options.release).await?;
    let plan = Plan {
        fresh: options.fresh,
        gateways: usize::from(options.gateways),
        external: options.external_upstream,
        upstream_tuning: &[],
        seed: Seed::default(),
    };
    let stack = Stack::up(&checkout, plan, programs, &mut Steps::silent()).await?;
    let (program, arguments) = options.command.split_first().context("no CMD")?;
    let mut command = Command::new(program);
    without_cargo_settings(&mut command);
    command.args(arguments);
    give_environment(&stack, &mut command)?;
    let status = Proc::foreground("CMD", &mut command)?.recorded(&stack.run.folder)?.wait().await?;
    drop(stack);
    Ok(code_of(status))
}

fn give_environment(stack: &Stack, command: &mut Command) -> Result<()> {
    let first = stack.first()?;
    let urls: Vec<String> = stack.addresses.iter().map(Address::url).collect();
    command
        .env("GATEWAY_URL", first.url())
        .env("GATEWAY_URLS", urls.join(","))
        .env("OPS_URL", first.ops_url())
        .env("BAPENDA_URL", &stack.upstream.bapenda.url)
        .env("JASA_RAHARJA_URL", &stack.upstream.jasa_raharja.url)
        .env("DATABASE_URL", &stack.database_url)
        .env("DATABASE_ADMIN_URL", &stack.database_admin_url)
        .env("SAMSAT_GATEWAY", &stack.programs.gateway)
        .env("SAMSAT_CONFIG", &first.config)
        .env("DEMO_FILE", stack.demo_file.path());
    match &stack.mock {
        Some(mock) => command.env("MOCK_URL", &mock.url),
        None => command.env_remove("MOCK_URL"),
    };
    Ok(())
}

/// A program's status as a shell would pass it on.
pub(crate) fn code_of(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(number).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_passed_on_as_a_shell_does() {
        assert_eq!(code_of(ExitStatus::from_raw(3 << 8)), ExitCode::from(3));
        assert_eq!(code_of(ExitStatus::from_raw(0)), ExitCode::from(0));
        assert_eq!(code_of(ExitStatus::from_raw(9)), ExitCode::from(137));
    }
}
