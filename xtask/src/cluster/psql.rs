//! SQL for setting up, through the `psql` of the same installation.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::place::without_pg_settings;
use super::server::Secrets;

/// Who connects.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    name: &'static str,
    password: String,
}

impl Role {
    /// Sets up databases.
    pub(crate) fn superuser(secrets: &Secrets) -> Self {
        Self { name: "samsat_super", password: secrets.superuser.clone() }
    }

    /// Owns the tables, migrates.
    pub(crate) fn owner(secrets: &Secrets) -> Self {
        Self { name: "samsat_owner", password: secrets.owner.clone() }
    }

    /// Serves, and owns nothing.
    pub(crate) fn app(secrets: &Secrets) -> Self {
        Self { name: "samsat_app", password: secrets.app.clone() }
    }

    /// The address of a database for this role.
    pub(crate) fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://{}:{}@127.0.0.1:{port}/{database}", self.name, self.password)
    }
}

/// `psql` for one role of one server.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    pub(crate) program: PathBuf,
    pub(crate) port: u16,
    pub(crate) role: Role,
}

impl Psql {
    /// Runs statements and gives back their rows, unaligned.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses a statement.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut child = self
            .command(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if let Some(mut input) = child.stdin.take() {
            // A psql that could not connect has closed its end already; its status tells.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output().context("cannot wait for psql")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a file in one transaction.
    ///
    /// # Errors
    /// When the server refuses a statement.
    pub(crate) fn run_file(&self, database: &str, file: &Path) -> Result<()> {
        let output = self
            .command(database)
            .arg("--single-transaction")
            .arg("--file")
            .arg(file)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !output.status.success() {
            bail!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Removes databases, together with whoever is connected to them.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) fn drop_databases(&self, names: &[String]) -> Result<()> {
        let mut sql = String::new();
        for name in names {
            let quoted = name.replace('"', "\"\"");
            writeln!(sql, "DROP DATABASE IF EXISTS \"{quoted}\" WITH (FORCE);")?;
        }
        if !sql.is_empty() {
            self.query("postgres", &sql)?;
        }
        Ok(())
    }

    fn command(&self, database: &str) -> Command {
        let mut command = self.client(&self.program);
        command
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .arg("--no-password")
            .arg(format!("--dbname={database}"));
        command
    }

    /// Another of `PostgreSQL`'s client programs, for the same server and role; the database is for its arguments.
    pub(crate) fn client(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        without_pg_settings(&mut command);
        command
            .env("PGPASSWORD", &self.role.password)
            .env("PGCONNECT_TIMEOUT", "30")
            .arg("--host=127.0.0.1")
            .arg(format!("--port={}", self.port))
            .arg(format!("--username={}", self.role.name));
        command
    }
}
