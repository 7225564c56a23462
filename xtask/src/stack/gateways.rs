//! The gateways of a run: started, watched, started again on their ports when they die.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinHandle;

use super::demo_file::DemoFile;
use crate::cluster::{free_port, without_pg_settings};
use crate::out;
use crate::process::Proc;
use crate::runs::Run;

/// How often each gateway is looked at.
const WATCH: Duration = Duration::from_millis(100);
/// A gateway that dies again at once is not started more often than this.
const RESTART_MIN: Duration = Duration::from_millis(500);
/// How long a gateway may take until it is ready.
const READY: Duration = Duration::from_secs(30);

/// Where one gateway listens.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) port: u16,
    pub(crate) ops_port: u16,
    /// Its configuration.
    pub(crate) config: PathBuf,
}

impl Address {
    /// Two free ports for the gateway `index`.
    ///
    /// # Errors
    /// When none is free.
    pub(crate) fn choose(run: &Run, index: usize) -> Result<Self> {
        let port = free_port()?;
        let mut ops_port = free_port()?;
        while ops_port == port {
            ops_port = free_port()?;
        }
        Ok(Self { port, ops_port, config: run.folder.join(format!("gateway-{index}.toml")) })
    }

    /// Its API.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its operations port.
    pub(crate) fn ops_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ops_port)
    }
}

/// All gateways of a run.
#[derive(Debug)]
pub(crate) struct Gateways {
    watched: Arc<Watched>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Watched {
    program: PathBuf,
    run: Arc<Run>,
    running: Mutex<Vec<Gateway>>,
}

#[derive(Debug)]
struct Gateway {
    index: usize,
    address: Address,
    process: Proc,
    started: Instant,
}

impl Gateways {
    /// Starts one gateway per address and waits until all are ready.
    ///
    /// # Errors
    /// When one ends or does not get ready; the message names its log.
    pub(crate) async fn start(program: PathBuf, run: Arc<Run>, addresses: &[Address]) -> Result<Self> {
        let watched = Watched { program, run, running: Mutex::new(Vec::new()) };
        for (index, address) in addresses.iter().enumerate() {
            let gateway = watched.spawn(index, address)?;
            watched.lock().push(gateway);
        }
        let gateways = Self { watched: Arc::new(watched), watcher: None };
        for (index, address) in addresses.iter().enumerate() {
            gateways.wait_until_ready(index, address).await?;
        }
        Ok(gateways)
    }

    /// From now on a gateway that dies is started again, and the file tells its new id.
    pub(crate) fn watch(&mut self, demo_file: DemoFile) {
        let watched = Arc::clone(&self.watched);
        self.watcher = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(WATCH).await;
                if let Err(error) = watched.restart_dead(&demo_file) {
                    out::note(&format!("a gateway could not be started again: {error:#}"));
                }
            }
        }));
    }

    /// Their process ids, in the order of their addresses.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.watched.ids()
    }

    /// `kill -9` for one of them.
    pub(crate) fn kill(&self, index: usize) {
        for gateway in self.watched.lock().iter().filter(|gateway| gateway.index == index) {
            gateway.process.kill();
        }
    }

    async fn wait_until_ready(&self, index: usize, address: &Address) -> Result<()> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(2))
            .build()
            .context("cannot build an HTTP client")?;
        let log = self.watched.run.log_path(&format!("gateway-{index}"));
        let ready = format!("{}/readyz", address.ops_url());
        let deadline = Instant::now() + READY;
        loop {
            if client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.watched.ended(index)? {
                bail!("gateway {index} ended ({status}); see {}", log.display());
            }
            if Instant::now() > deadline {
                bail!("gateway {index} is not ready after {} s; see {}", READY.as_secs(), log.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, Vec<Gateway>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> Vec<u32> {
        self.lock().iter().map(|gateway| gateway.process.id()).collect()
    }

    fn ended(&self, index: usize) -> Result<Option<std::process::ExitStatus>> {
        let mut running = self.lock();
        running.get_mut(index).context("no such gateway")?.process.ended()
    }

    fn spawn(&self, index: usize, address: &Address) -> Result<Gateway> {
        let name = format!("gateway-{index}");
        let mut command = Command::new(&self.program);
        without_pg_settings(&mut command);
        command
            .arg("serve")
            .env("SAMSAT_CONFIG", &address.config)
            .stdin(Stdio::null())
            .stdout(self.run.log(&name)?)
            .stderr(self.run.log(&name)?);
        let process = Proc::spawn(&name, &mut command)?.recorded(&self.run.folder)?;
        Ok(Gateway { index, address: address.clone(), process, started: Instant::now() })
    }

    fn restart_dead(&self, demo_file: &DemoFile) -> Result<()> {
        let mut running = self.lock();
        let mut changed = false;
        for gateway in running.iter_mut() {
            if gateway.started.elapsed() < RESTART_MIN {
                continue;
            }
            if let Some(status) = gateway.process.ended()? {
                let again = self.spawn(gateway.index, &gateway.address)?;
                out::note(&format!(
                    "gateway {} (pid {}) ended ({status}); started again as pid {}",
                    gateway.index,
                    gateway.process.id(),
                    again.process.id()
                ));
                // The dead one's note on disk has the same name as the new one's: it must not take it along.
                let dead = std::mem::replace(gateway, again);
                dead.process.forget_record();
                changed = true;
            }
        }
        if changed {
            let ids = running.iter().map(|gateway| gateway.process.id()).collect::<Vec<_>>();
            demo_file.write(&ids)?;
        }
        Ok(())
    }
}

impl Drop for Gateways {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
        // Whoever watches finds nothing left to start again.
        let gateways = std::mem::take(&mut *self.watched.lock());
        for gateway in &gateways {
            gateway.process.ask_to_end();
        }
        drop(gateways);
    }
}
