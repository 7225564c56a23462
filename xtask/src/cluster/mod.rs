//! The private `PostgreSQL` cluster of this checkout.
//!
//! Runs share it: the first starts it, the last to leave stops it. Who uses it is told by locks, which the
//! system releases when a run is killed, so a stale state cannot be mistaken for a living one. No other
//! server is ever contacted, started or stopped.

mod find;
mod place;
mod port;
mod psql;
mod server;
mod traces;

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;

pub(crate) use self::place::without_pg_settings;
pub(crate) use self::port::free_port;
pub(crate) use self::psql::{Psql, Role};
pub(crate) use self::server::Secrets;

use self::place::Place;
use self::server::Server;
use crate::checkout::Checkout;
use crate::out;
use crate::runs::{self, Run};

/// The prefix of a run's database.
const DATABASE_PREFIX: &str = "samsat_";
/// How often a lock that another run holds is tried.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// `cargo xtask cluster …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Command {
    /// Says whether the kept cluster runs
    Status,
    /// Stops the kept cluster
    Stop,
    /// Stops and removes the kept cluster
    Remove,
}

/// Looks after the kept cluster by hand.
///
/// # Errors
/// When `PostgreSQL` is not found or does not stop.
pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let _starting = start_lock(&checkout).await?;
    let server = Server { postgres: find::find_or_install()?, place: Place::of(&checkout, "cluster")? };
    match command {
        Command::Status => {
            let running = server.secrets().filter(|secrets| server.answers(secrets));
            let state = running.map_or("stopped".to_owned(), |secrets| format!("on port {}", secrets.port));
            out::line(&format!(
                "PostgreSQL {} in {}",
                server.postgres.major,
                server.postgres.folder.display()
            ));
            out::line(&format!("cluster in {}: {state}", server.place.data.display()));
        }
        Command::Stop => server.stop()?,
        Command::Remove => server.wipe()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A running cluster, in use by this run.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Server,
    /// Its passwords and port.
    pub(crate) secrets: Secrets,
    leaving: Leaving,
}

#[derive(Debug)]
enum Leaving {
    /// Stop it if nobody else uses it.
    Shared { checkout: Checkout, in_use: File },
    /// Remove it: nobody else knows it.
    Own,
}

/// A throw-away database, gone when dropped.
#[derive(Debug)]
pub(crate) struct Database {
    /// Its name.
    pub(crate) name: String,
    psql: Psql,
}

impl Cluster {
    /// The kept cluster, started if it does not run, cleared of what killed runs left in it.
    ///
    /// # Errors
    /// When `PostgreSQL` is not found or does not start.
    pub(crate) async fn kept(checkout: &Checkout) -> Result<Self> {
        let _starting = start_lock(checkout).await?;
        let in_use = open_lock(checkout, "in-use.lock")?;
        let alone = in_use.try_lock().is_ok();
        let server = Server { postgres: find::find_or_install()?, place: Place::of(checkout, "cluster")? };
        let secrets = server.ensure_running(alone)?;
        let psql = server.psql(&secrets);
        let stray = databases(&psql)?.into_iter().filter(|name| alone || is_of_dead_run(checkout, name));
        psql.drop_databases(&stray.collect::<Vec<_>>()).context("cannot clear the cluster")?;
        in_use.lock_shared().context("cannot lock the cluster")?;
        Ok(Self { server, secrets, leaving: Leaving::Shared { checkout: checkout.clone(), in_use } })
    }

    /// A new cluster for `run` alone.
    ///
    /// # Errors
    /// When `PostgreSQL` is not found or does not start.
    pub(crate) fn fresh(checkout: &Checkout, run: &Run) -> Result<Self> {
        let place = Place::of(checkout, &run.cluster_name())?;
        let server = Server { postgres: find::find_or_install()?, place };
        let secrets = server.ensure_running(true).inspect_err(|_| {
            let _ = server.stop();
        })?;
        Ok(Self { server, secrets, leaving: Leaving::Own })
    }

    /// Removes the cluster that a killed run made for itself.
    ///
    /// # Errors
    /// When it cannot be stopped or removed.
    pub(crate) fn remove_fresh(checkout: &Checkout, name: &str) -> Result<()> {
        Server { postgres: find::find_or_install()?, place: Place::of(checkout, name)? }.wipe()
    }

    /// A new, empty database that belongs to the owner role.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) fn create_database(&self, run: &Run) -> Result<Database> {
        let psql = self.server.psql(&self.secrets);
        let name = format!("{DATABASE_PREFIX}{}", run.id);
        psql.query("postgres", &format!("CREATE DATABASE {name} OWNER samsat_owner"))
            .context("cannot create the database")?;
        Ok(Database { name, psql })
    }

    /// `psql` as the superuser.
    pub(crate) fn psql_as_superuser(&self) -> Psql {
        self.server.psql(&self.secrets)
    }

    /// The process id of its server, and its version.
    ///
    /// # Errors
    /// When the server has left no note of it.
    pub(crate) fn postmaster(&self) -> Result<(u32, u32)> {
        Ok((self.server.id().context("the server has no process id")?, self.server.postgres.major))
    }

    /// One of the programs of this installation, or of the one on `PATH`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let own = self.server.postgres.program(name);
        if own.is_file() { own } else { name.into() }
    }

    /// `psql` as the owner of the tables.
    pub(crate) fn psql_as_owner(&self) -> Psql {
        Psql { role: Role::owner(&self.secrets), ..self.server.psql(&self.secrets) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let result = match &self.leaving {
            Leaving::Own => self.server.wipe(),
            Leaving::Shared { checkout, in_use } => leave(checkout, in_use, &self.server),
        };
        if let Err(error) = result {
            out::note(&format!("the cluster could not be stopped: {error:#}"));
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.psql.drop_databases(std::slice::from_ref(&self.name)) {
            out::note(&format!("the database {} stays until the next run: {error:#}", self.name));
        }
    }
}

fn leave(checkout: &Checkout, in_use: &File, server: &Server) -> Result<()> {
    let starting = open_lock(checkout, "start.lock")?;
    starting.lock().context("cannot lock the cluster")?;
    in_use.unlock().context("cannot unlock the cluster")?;
    if in_use.try_lock().is_ok() {
        server.stop()?;
    }
    Ok(())
}

fn databases(psql: &Psql) -> Result<Vec<String>> {
    let rows = psql.query(
        "postgres",
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY datname",
    )?;
    Ok(rows.lines().map(str::to_owned).collect())
}

fn is_of_dead_run(checkout: &Checkout, database: &str) -> bool {
    database.strip_prefix(DATABASE_PREFIX).is_some_and(|id| runs::is_id(id) && !runs::is_alive(checkout, id))
}

/// Held while the cluster or a run's folder begins or ends.
pub(crate) async fn start_lock(checkout: &Checkout) -> Result<File> {
    let file = open_lock(checkout, "start.lock")?;
    while file.try_lock().is_err() {
        tokio::time::sleep(LOCK_POLL).await;
    }
    Ok(file)
}

fn open_lock(checkout: &Checkout, name: &str) -> Result<File> {
    let path = checkout.state.join(name);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
}
