//! Packages of Debian, installed only where that needs no password.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long one run of `apt-get` may take before it is ended.
const WITHIN: Duration = Duration::from_mins(10);
/// How often it is asked whether it still runs.
const POLL: Duration = Duration::from_millis(100);

/// A system with `apt-get` on which we may install.
#[derive(Debug)]
pub(crate) struct Debian {
    /// What to put before a command so that it runs as root.
    as_root: &'static [&'static str],
}

impl Debian {
    /// This system, if it is one and lets us.
    pub(crate) fn find() -> Option<Self> {
        let as_root = root_prefix()?;
        on_path("apt-get").then_some(Self { as_root })
    }

    /// Installs packages without what they merely recommend; tells whether it worked.
    ///
    /// # Errors
    /// When `apt-get` cannot be started.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<bool> {
        let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1", "apt-get", "-qq"];
        // Lists that are out of date may still do: only the installation itself decides.
        self.run(&[&apt[..], &["update"]].concat())?;
        self.run(&[&apt[..], &["install", "-y", "--no-install-recommends"], packages].concat())
    }

    /// Runs a command as root; tells whether it succeeded in time.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<bool> {
        let mut words = self.as_root.iter().copied().chain(arguments.iter().copied());
        let program = words.next().context("nothing to run")?;
        // Standard output belongs to the command that asked for the package.
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {program}"))? {
                return Ok(status.success());
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
    }
}

fn root_prefix() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&[]);
    }
    let allowed = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    allowed.then_some(&["sudo", "-n"])
}

/// Whether `PATH` has a program of that name.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .any(|folder| folder.join(program).is_file())
}
