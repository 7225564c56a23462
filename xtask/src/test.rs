//! `cargo xtask test`: formatting, lints and every test, against the private cluster.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::checkout::Checkout;
use crate::cluster::{Cluster, Role};
use crate::out;
use crate::process::Proc;
use crate::runs::Run;
use crate::with::code_of;

/// Checks and tests everything; the runner's closing line is the last on standard output.
///
/// # Errors
/// When the cluster does not start or cargo cannot be run.
pub(crate) async fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let mut failed = Vec::new();
    for (name, probe, check) in [
        ("formatting", &["fmt", "--version"][..], &["fmt", "--all", "--check"][..]),
        (
            "lints",
            &["clippy", "--version"],
            &[
                "clippy",
                "--quiet",
                "--keep-going",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ],
        ),
        (
            "licences and sources",
            &["deny", "--version"],
            &["deny", "--log-level", "error", "check", "bans", "licenses", "sources"],
        ),
    ] {
        if !is_installed(&checkout, probe) {
            let command = probe.first().copied().unwrap_or_default();
            out::note(&format!("{name}: NOT CHECKED, cargo {command} is not installed"));
            continue;
        }
        out::note(&format!("{name}: cargo {}", check.join(" ")));
        let mut command = checkout.cargo();
        command.args(check);
        if !Proc::foreground(name, &mut command)?.wait().await?.success() {
            out::note(&format!("{name}: FAILED"));
            failed.push(name);
        }
    }
    let programs = checkout.build(false).await?;
    let run = Run::begin(&checkout).await?;
    let cluster = Cluster::kept(&checkout).await?;
    let mut tests = checkout.cargo();
    tests
        .args(["test", "--workspace"])
        .args(arguments)
        .env("SAMSAT_TEST_ADMIN_URL", Role::superuser(&cluster.secrets).url(cluster.secrets.port, "postgres"))
        .env("SAMSAT_TEST_OWNER_PASSWORD", &cluster.secrets.owner)
        .env("SAMSAT_TEST_APP_PASSWORD", &cluster.secrets.app)
        .env("SAMSAT_TEST_MOCK", &programs.mock);
    let status = Proc::foreground("tests", &mut tests)?.recorded(&run.folder)?.wait().await?;
    drop(cluster);
    if !failed.is_empty() {
        out::note(&format!("FAILED before the tests: {}", failed.join(", ")));
        return Ok(ExitCode::FAILURE);
    }
    Ok(code_of(status))
}

fn is_installed(checkout: &Checkout, probe: &[&str]) -> bool {
    let mut command: Command = checkout.cargo();
    let silent = command.args(probe).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
