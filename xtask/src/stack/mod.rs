//! The whole product on this machine: cluster, database, authorities, gateways.
//!
//! Everything that [`Stack::up`] started ends when the [`Stack`] is dropped, in the reverse order.

pub(crate) mod config;
mod demo_file;
mod gateways;
mod mock;

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

pub(crate) use self::demo_file::DemoFile;
pub(crate) use self::gateways::{Address, Gateways};
pub(crate) use self::mock::Mock;

use self::config::{External, Settings, Upstream};
use crate::checkout::{Checkout, Programs, write_private};
use crate::cluster::{Cluster, Database, Role, without_pg_settings};
use crate::out::Steps;
use crate::process::Proc;
use crate::runs::Run;

/// Outlets that the seed makes for a demonstration, and what each has paid in.
const AGENTS: u32 = 24;
const FLOAT: u64 = 2_000_000_000;
/// Vehicles that can be paid for, for a demonstration.
const PAYABLE: u32 = 5_000;
/// The registry of vehicles is a function of this number.
const VEHICLE_SEED: u32 = 2026;

/// What to set up.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A cluster of its own instead of the kept one.
    pub(crate) fresh: bool,
    /// How many gateways.
    pub(crate) gateways: usize,
    /// Authorities that somebody else runs.
    pub(crate) external: Option<External>,
    /// Further keys of `[upstream]`.
    pub(crate) upstream_tuning: &'static [(&'static str, u32)],
    pub(crate) seed: Seed,
}

/// Outlets to begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    pub(crate) agents: u32,
    /// Rupiah each.
    pub(crate) float: u64,
}

impl Default for Seed {
    fn default() -> Self {
        Self { agents: AGENTS, float: FLOAT }
    }
}

/// The running product. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) gateways: Gateways,
    pub(crate) mock: Option<Mock>,
    pub(crate) database: Database,
    pub(crate) cluster: Cluster,
    pub(crate) run: Arc<Run>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) upstream: Upstream,
    pub(crate) programs: Programs,
    pub(crate) demo_file: DemoFile,
    /// The database for the application's role and for the superuser.
    pub(crate) database_url: String,
    pub(crate) database_admin_url: String,
}

impl Stack {
    /// Builds and starts everything; each step is told to `steps`.
    ///
    /// # Errors
    /// When a step fails; the message names the step and, for a program, its log.
    pub(crate) async fn up(
        checkout: &Checkout,
        plan: Plan,
        programs: Programs,
        steps: &mut Steps,
    ) -> Result<Self> {
        let run = Arc::new(Run::begin(checkout).await?);
        let cluster =
            if plan.fresh { Cluster::fresh(checkout, &run)? } else { Cluster::kept(checkout).await? };
        steps.done("PostgreSQL: a private cluster runs");
        let database = cluster.create_database(&run)?;
        steps.done("a new database");
        let (mock, upstream) = authorities(&plan, &programs, &run).await?;
        steps.done("both authorities listen");
        let url = |role: Role| role.url(cluster.secrets.port, &database.name);
        let (database_url, owner_url) =
            (url(Role::app(&cluster.secrets)), url(Role::owner(&cluster.secrets)));
        let addresses = configure(&run, &plan, &upstream, [&database_url, &owner_url])?;
        let own =
            Own { programs: &programs, run: &run, config: &addresses.first().context("no gateway")?.config };
        own.gateway(&["receipt", "keygen", "--out", own.folder()?]).await?;
        own.gateway(&["migrate"]).await?;
        steps.done("migrations");
        let demo_file = own.demo_file(plan.seed, mock.is_some()).await?;
        steps.done("seed: outlets with float, people, vehicles");
        let mut gateways = Gateways::start(programs.gateway.clone(), Arc::clone(&run), &addresses).await?;
        demo_file.write(&gateways.ids())?;
        gateways.watch(demo_file.clone());
        steps.done("gateway: ready");
        let database_admin_url = url(Role::superuser(&cluster.secrets));
        Ok(Self {
            gateways,
            mock,
            database,
            cluster,
            run,
            addresses,
            upstream,
            programs,
            demo_file,
            database_url,
            database_admin_url,
        })
    }

    /// The first gateway.
    ///
    /// # Errors
    /// Never in practice: a plan has at least one.
    pub(crate) fn first(&self) -> Result<&Address> {
        self.addresses.first().context("no gateway")
    }

    /// The vehicles that the mock registers, as the JSON array that it prints: `payable` that can be paid for, and
    /// some of every other case.
    ///
    /// # Errors
    /// When the mock does not print them.
    pub(crate) async fn vehicles(&self, payable: u32) -> Result<String> {
        mock::vehicles(&self.programs, &self.run, VEHICLE_SEED, payable).await
    }

    /// Runs one of the product's own commands to its end and gives back its status and what it printed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn gateway_command(&self, arguments: &[&str]) -> Result<Finished> {
        let mut command = gateway_command(&self.programs, &self.first()?.config, arguments);
        let name = format!("samsat-gateway {}", arguments.first().copied().unwrap_or_default());
        finish(&self.run, &name, &mut command).await
    }
}

/// The product's own commands during set-up.
struct Own<'a> {
    programs: &'a Programs,
    run: &'a Run,
    config: &'a std::path::Path,
}

impl Own<'_> {
    fn folder(&self) -> Result<&str> {
        self.run.folder.to_str().context("the folder's name is not UTF-8")
    }

    async fn gateway(&self, arguments: &[&str]) -> Result<String> {
        let name = format!("samsat-gateway {}", arguments.first().copied().unwrap_or_default());
        tool(self.run, &name, &mut gateway_command(self.programs, self.config, arguments)).await
    }

    async fn demo_file(&self, seed: Seed, mock: bool) -> Result<DemoFile> {
        let (agents, float) = (seed.agents.to_string(), seed.float.to_string());
        let seed = self.gateway(&["seed", "--agents", &agents, "--float", &float, "--json"]).await?;
        let vehicles = if mock {
            let printed = mock::vehicles(self.programs, self.run, VEHICLE_SEED, PAYABLE).await?;
            serde_json::from_str(&printed).context("mock-bapenda vehicles printed no JSON")?
        } else {
            serde_json::Value::Array(Vec::new())
        };
        DemoFile::assemble(self.run.folder.join("demo.json"), &seed, vehicles)
    }
}

async fn authorities(plan: &Plan, programs: &Programs, run: &Run) -> Result<(Option<Mock>, Upstream)> {
    if let Some(external) = &plan.external {
        return Ok((None, external.upstream()?));
    }
    let mock = Mock::start(programs, run, VEHICLE_SEED).await?;
    let upstream = mock.upstream.clone();
    Ok((Some(mock), upstream))
}

fn gateway_command(programs: &Programs, config: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&programs.gateway);
    without_pg_settings(&mut command);
    // Somebody's token in the caller's environment is nobody's here.
    command.args(arguments).env("SAMSAT_CONFIG", config).env_remove("SAMSAT_TOKEN");
    command
}

fn configure(run: &Run, plan: &Plan, upstream: &Upstream, urls: [&str; 2]) -> Result<Vec<Address>> {
    let [database_url, owner_url] = urls;
    let receipt_key = run.folder.join("receipt.key.pem");
    let mut addresses = Vec::with_capacity(plan.gateways);
    for index in 0..plan.gateways {
        let address = Address::choose(run, index)?;
        let settings = Settings {
            port: address.port,
            ops_port: address.ops_port,
            database_url,
            owner_url,
            upstream,
            receipt_key: &receipt_key,
            upstream_tuning: plan.upstream_tuning,
        };
        write_private(&address.config, settings.toml()?.as_bytes())?;
        addresses.push(address);
    }
    Ok(addresses)
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) printed: String,
    pub(crate) complained: String,
}

/// Runs a program of ours to its end.
///
/// # Errors
/// When it cannot be started or its output cannot be kept.
pub(crate) async fn finish(run: &Run, name: &str, command: &mut Command) -> Result<Finished> {
    let base = run.folder.join(name.replace(' ', "-"));
    let (printed, complained) = (base.with_extension("out"), base.with_extension("log"));
    let open = |path: &std::path::Path| {
        File::create(path).with_context(|| format!("cannot write {}", path.display()))
    };
    command.stdin(Stdio::null()).stdout(open(&printed)?).stderr(open(&complained)?);
    let status = Proc::spawn(name, command)?.recorded(&run.folder)?.wait().await?;
    let read =
        |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Ok(Finished { success: status.success(), printed: read(printed), complained: read(complained) })
}

/// Runs a program of ours that must succeed and gives back what it printed.
///
/// # Errors
/// When it fails: with the last lines of its log and where the rest is.
async fn tool(run: &Run, name: &str, command: &mut Command) -> Result<String> {
    let finished = finish(run, name, command).await?;
    if finished.success {
        return Ok(finished.printed);
    }
    let lines: Vec<&str> = finished.complained.lines().collect();
    let last = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n");
    let log = run.folder.join(format!("{}.log", name.replace(' ', "-")));
    bail!("`{name}` failed; {} ends with:\n{last}", log.display())
}
