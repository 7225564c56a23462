//! `mock-bapenda` as a child: its keys, its book on disk, its two addresses.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::config::{Host, Upstream};
use super::tool;
use crate::checkout::{Programs, random_hex, write_private};
use crate::process::Proc;
use crate::runs::Run;

/// Who we are to the authorities, as settlement files name us.
const PARTNER_ID: &str = "OPOP-GATEWAY";
/// How long the mock may take until it listens.
const READY: Duration = Duration::from_secs(20);
/// Vehicles of each case that cannot be paid for.
const EACH: &str = "20";

/// Both authorities in one process.
#[derive(Debug)]
pub(crate) struct Mock {
    /// Where faults are set and books are read.
    pub(crate) url: String,
    /// What the gateway must know of them.
    pub(crate) upstream: Upstream,
    process: Proc,
}

#[derive(Deserialize)]
struct Ready {
    bapenda_url: String,
    jasa_raharja_url: String,
}

impl Mock {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it ends or stays silent; the message names its log.
    pub(crate) async fn start(programs: &Programs, run: &Run, seed: u32) -> Result<Self> {
        let keys = run.folder.join("keys");
        tool(run, "mock-bapenda keys", Command::new(&programs.mock).arg("keys").arg("--out").arg(&keys))
            .await?;
        let secret = random_hex(32)?;
        let secret_file = run.folder.join("upstream.secret");
        write_private(&secret_file, secret.as_bytes())?;
        let ready_file = run.folder.join("mock.ready.json");
        let mut command = Command::new(&programs.mock);
        command
            .args(["serve", "--bapenda-listen", "127.0.0.1:0", "--jasa-raharja-listen", "127.0.0.1:0"])
            .args(["--seed", &seed.to_string(), "--partner-id", PARTNER_ID, "--allow-faults"])
            .arg("--data")
            .arg(run.folder.join("mock-data"))
            .arg("--keys")
            .arg(&keys)
            .arg("--secret-file")
            .arg(&secret_file)
            .arg("--ready-file")
            .arg(&ready_file)
            .stdin(Stdio::null())
            .stdout(run.log("mock")?)
            .stderr(run.log("mock")?);
        let mut process = Proc::spawn("mock-bapenda", &mut command)?.recorded(&run.folder)?;
        let ready = wait_until_ready(&mut process, &ready_file, run).await?;
        let key = |name: &str| -> Result<String> {
            let path: PathBuf = keys.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let upstream = Upstream {
            partner_id: PARTNER_ID.into(),
            secret,
            bapenda: Host { url: ready.bapenda_url.clone(), public_key_pem: key("bapenda.pub.pem")? },
            jasa_raharja: Host { url: ready.jasa_raharja_url, public_key_pem: key("jasa-raharja.pub.pem")? },
        };
        Ok(Self { url: ready.bapenda_url, upstream, process })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// The vehicles that this seed registers, of every case: a JSON array.
///
/// # Errors
/// When the mock does not print them.
pub(crate) async fn vehicles(programs: &Programs, run: &Run, seed: u32, payable: u32) -> Result<String> {
    let mut command = Command::new(&programs.mock);
    let (seed, payable) = (seed.to_string(), payable.to_string());
    command.args(["vehicles", "--seed", &seed, "--payable", &payable, "--each", EACH]);
    tool(run, "mock-bapenda vehicles", &mut command).await
}

async fn wait_until_ready(process: &mut Proc, ready_file: &std::path::Path, run: &Run) -> Result<Ready> {
    let log = run.log_path("mock");
    let deadline = Instant::now() + READY;
    loop {
        if let Some(ready) =
            fs::read(ready_file).ok().and_then(|content| serde_json::from_slice(&content).ok())
        {
            return Ok(ready);
        }
        if let Some(status) = process.ended()? {
            bail!("mock-bapenda ended ({status}); see {}", log.display());
        }
        if Instant::now() > deadline {
            bail!("mock-bapenda does not listen after {} s; see {}", READY.as_secs(), log.display());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
