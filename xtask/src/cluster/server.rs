//! One `PostgreSQL` server of ours: made, started, stopped, wiped.
//!
//! It is durable like a real one (`fsync`, `synchronous_commit`, checksums), because the fault tests rely on
//! it. Nothing here signals a process before it has proven to be the server of this very folder.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::find::Postgres;
use super::place::Place;
use super::port::free_port;
use super::psql::{Psql, Role};
use super::traces::{is_server_of, works_in};
use crate::checkout::{random_hex, write_private};
use crate::out;

/// Written last, so that a half-made cluster is known as one.
const COMPLETE: &str = "samsat.complete";
/// Tries with another port, should somebody take the free one first.
const START_ATTEMPTS: u32 = 5;
/// How long the children of a killed server may take to notice.
const ORPHANS: Duration = Duration::from_secs(10);

/// Passwords and port of one cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) superuser: String,
    pub(crate) owner: String,
    pub(crate) app: String,
    pub(crate) port: u16,
}

/// A cluster in its place.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) postgres: Postgres,
    pub(crate) place: Place,
}

impl Server {
    /// Makes the server run, whatever a former run left behind; `alone` says that no other run uses it.
    ///
    /// # Errors
    /// When `PostgreSQL` cannot be set up or started; the message holds its last log lines.
    pub(crate) fn ensure_running(&self, alone: bool) -> Result<Secrets> {
        if let Some(secrets) = self.secrets() {
            if self.answers(&secrets) {
                return Ok(secrets);
            }
            if !alone && self.is_running() {
                bail!("the cluster in {} serves another run and does not answer", self.place.data.display());
            }
            self.stop()?;
            if self.is_complete() {
                match self.start(secrets) {
                    Ok(secrets) => return Ok(secrets),
                    // Nothing in it outlives a run, so a broken one is made anew.
                    Err(error) => out::note(&format!("the cluster is broken and made anew: {error:#}")),
                }
            }
        }
        self.wipe()?;
        let secrets = self.initialise()?;
        self.start(secrets)
    }

    /// Whether the running server is ours and takes our password.
    pub(crate) fn answers(&self, secrets: &Secrets) -> bool {
        self.psql(secrets)
            .query("postgres", "SHOW data_directory")
            .is_ok_and(|folder| Path::new(folder.trim()) == self.place.data)
    }

    /// Passwords and port, if they were written.
    pub(crate) fn secrets(&self) -> Option<Secrets> {
        serde_json::from_slice(&fs::read(&self.place.secrets).ok()?).ok()
    }

    /// SQL as the superuser.
    pub(crate) fn psql(&self, secrets: &Secrets) -> Psql {
        Psql { program: self.postgres.program("psql"), port: secrets.port, role: Role::superuser(secrets) }
    }

    /// Stops the server of this folder if one runs.
    ///
    /// # Errors
    /// When it does not stop.
    pub(crate) fn stop(&self) -> Result<()> {
        let lock = self.place.data.join("postmaster.pid");
        let Ok(content) = fs::read_to_string(&lock) else { return Ok(()) };
        if !is_server_of(&content, &self.place.data) {
            // Left by a server that was killed: its number may be another process by now, but PostgreSQL would
            // wait for it. The killed server's own children must be gone first.
            self.wait_for_orphans();
            return fs::remove_file(&lock).with_context(|| format!("cannot remove {}", lock.display()));
        }
        if self.pg_ctl(&["stop", "--wait", "--timeout=30", "--mode=fast"]).is_ok() {
            return Ok(());
        }
        self.pg_ctl(&["stop", "--wait", "--timeout=30", "--mode=immediate"])
    }

    /// Stops the server and removes all that it had.
    ///
    /// # Errors
    /// When a folder cannot be removed.
    pub(crate) fn wipe(&self) -> Result<()> {
        self.stop()?;
        for folder in [&self.place.data, &self.place.socket] {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        if self.place.secrets.exists() {
            fs::remove_file(&self.place.secrets)?;
        }
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.id().is_some()
    }

    /// The process id of the server that runs in this folder.
    pub(crate) fn id(&self) -> Option<u32> {
        let content = fs::read_to_string(self.place.data.join("postmaster.pid")).ok()?;
        let id = content.lines().next()?.trim().parse().ok()?;
        is_server_of(&content, &self.place.data).then_some(id)
    }

    fn wait_for_orphans(&self) {
        let deadline = Instant::now() + ORPHANS;
        while works_in(&self.place.data) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_complete(&self) -> bool {
        let version = fs::read_to_string(self.place.data.join("PG_VERSION")).unwrap_or_default();
        self.place.data.join(COMPLETE).exists() && version.trim() == self.postgres.major.to_string()
    }

    fn initialise(&self) -> Result<Secrets> {
        let secrets = Secrets {
            superuser: random_hex(20)?,
            owner: random_hex(20)?,
            app: random_hex(20)?,
            port: free_port()?,
        };
        write_private(&self.place.secrets, &serde_json::to_vec_pretty(&secrets)?)?;
        self.place.make_folder(&self.place.data)?;
        let password = beside(&self.place.data, ".pw");
        write_private(&password, secrets.superuser.as_bytes())?;
        self.place.give(&password)?;
        let made = run(self
            .place
            .command(&self.postgres.program("initdb"))
            .args(["--username=samsat_super", "--auth-local=scram-sha-256", "--auth-host=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C", "--data-checksums"])
            .arg(format!("--pwfile={}", password.display()))
            .arg(&self.place.data));
        fs::remove_file(&password)?;
        made.context("initdb failed")?;
        let main = self.place.data.join("postgresql.conf");
        let content = fs::read_to_string(&main).context("cannot read postgresql.conf")?;
        fs::write(&main, format!("{content}\ninclude 'samsat.conf'\n"))
            .context("cannot write postgresql.conf")?;
        self.start(secrets.clone())?;
        create_roles(&self.psql(&secrets), &secrets)?;
        fs::write(self.place.data.join(COMPLETE), "made whole\n").context("cannot finish the cluster")?;
        Ok(secrets)
    }

    fn start(&self, mut secrets: Secrets) -> Result<Secrets> {
        if self.answers(&secrets) {
            return Ok(secrets);
        }
        if self.place.socket.exists() {
            // A killed server leaves its socket's lock, which names a process that may be another by now.
            fs::remove_dir_all(&self.place.socket).context("cannot clear the folder of the socket")?;
        }
        self.place.make_folder(&self.place.socket)?;
        let mut failure = anyhow::anyhow!("no port is free");
        for _ in 0..START_ATTEMPTS {
            if TcpListener::bind(("127.0.0.1", secrets.port)).is_err() {
                secrets.port = free_port()?;
            }
            write_private(&self.place.secrets, &serde_json::to_vec_pretty(&secrets)?)?;
            let settings = self.place.data.join("samsat.conf");
            fs::write(&settings, configuration(secrets.port, &self.place.socket))
                .with_context(|| format!("cannot write {}", settings.display()))?;
            self.place.give(&settings)?;
            match self.pg_ctl(&["start", "--wait", "--timeout=60"]) {
                Ok(()) if self.answers(&secrets) => return Ok(secrets),
                Ok(()) => {
                    bail!("the server started, but refuses the password of {}", self.place.secrets.display())
                }
                Err(error) => failure = error,
            }
            self.stop()?;
        }
        let log = self.log();
        let last = fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = last.lines().rev().take(8).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(failure.context(format!(
            "PostgreSQL does not start; {} ends with:\n{}",
            log.display(),
            last.join("\n")
        )))
    }

    fn log(&self) -> PathBuf {
        self.place.data.join("server.log")
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<()> {
        run(self
            .place
            .command(&self.postgres.program("pg_ctl"))
            .args(arguments)
            .arg("--silent")
            .arg(format!("--log={}", self.log().display()))
            .arg("--pgdata")
            .arg(&self.place.data))
    }
}

fn create_roles(psql: &Psql, secrets: &Secrets) -> Result<()> {
    // The passwords are our own hexadecimal digits: nothing to quote.
    psql.query(
        "postgres",
        &format!(
            "CREATE ROLE samsat_owner LOGIN PASSWORD '{}';\nCREATE ROLE samsat_app LOGIN PASSWORD '{}';",
            secrets.owner, secrets.app
        ),
    )
    .context("cannot create the roles")?;
    Ok(())
}

fn configuration(port: u16, socket: &Path) -> String {
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '\"{}\"'\n\
         unix_socket_permissions = 0700\n\
         fsync = on\n\
         synchronous_commit = on\n\
         full_page_writes = on\n\
         max_connections = 300\n\
         shared_buffers = 256MB\n\
         max_wal_size = 2GB\n\
         timezone = 'UTC'\n",
        socket.display().to_string().replace('\'', "''")
    )
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{} failed ({}): {}", program.display(), output.status, said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_durable_and_local() {
        let text = configuration(17_000, Path::new("/tmp/it's here"));
        assert!(text.contains("fsync = on"));
        assert!(text.contains("synchronous_commit = on"));
        assert!(text.contains("listen_addresses = '127.0.0.1'"));
        assert!(text.contains("'\"/tmp/it''s here\"'"));
    }
}
