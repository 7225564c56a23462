//! `cargo xtask test`: formatting, lints and every test, against the private cluster.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::browser;
use crate::checkout::{Checkout, Programs};
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
    let has_browser = browser::found_or_installed();
    if !has_browser {
        out::note(browser::LACKING);
    }
    let ground = Ground::up(&checkout).await?;
    let mut tests = ground.cargo(&checkout);
    tests.args(["test", "--workspace"]).args(arguments);
    let status = Proc::foreground("tests", &mut tests)?.recorded(&ground.run.folder)?.wait().await?;
    drop(ground);
    if !has_browser {
        out::note(browser::LACKING);
    }
    if !failed.is_empty() {
        out::note(&format!("FAILED before the tests: {}", failed.join(", ")));
        return Ok(ExitCode::FAILURE);
    }
    Ok(code_of(status))
}

/// What tests need around them: the private cluster, and the programs that some of them start.
pub(crate) struct Ground {
    cluster: Cluster,
    programs: Programs,
    pub(crate) run: Run,
}

impl Ground {
    /// Builds the programs and starts the cluster.
    ///
    /// # Errors
    /// When a program does not build or the cluster does not start.
    pub(crate) async fn up(checkout: &Checkout) -> Result<Self> {
        let programs = checkout.build(false).await?;
        let run = Run::begin(checkout).await?;
        let cluster = Cluster::kept(checkout).await?;
        Ok(Self { cluster, programs, run })
    }

    /// `cargo` with the addresses and passwords that tests read.
    pub(crate) fn cargo(&self, checkout: &Checkout) -> Command {
        let (secrets, mut cargo) = (&self.cluster.secrets, checkout.cargo());
        cargo
            .env("SAMSAT_TEST_ADMIN_URL", Role::superuser(secrets).url(secrets.port, "postgres"))
            .env("SAMSAT_TEST_OWNER_PASSWORD", &secrets.owner)
            .env("SAMSAT_TEST_APP_PASSWORD", &secrets.app)
            .env("SAMSAT_TEST_MOCK", &self.programs.mock);
        cargo
    }
}

fn is_installed(checkout: &Checkout, probe: &[&str]) -> bool {
    let mut command: Command = checkout.cargo();
    let silent = command.args(probe).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
