//! The yardstick: `pgbench` writes the rows of a payment in plain SQL, on the same server, in a database of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::measure::Milli;
use super::usage::{Spent, Who};
use crate::cluster::Psql;
use crate::stack::Stack;

const DATABASE: &str = "samsat_yardstick";
/// Payments in one commit of [`Shape::Batch`].
const BATCH: u64 = 128;
/// Each run's ids begin this far behind the last one's.
const IDS_A_RUN: u64 = 10_000_000_000_000;

/// How the same rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 64 clients, thirteen statements and two commits a payment, a thousand outlets.
    Plain,
    /// The same with one outlet.
    PlainHot,
    /// Two clients, 128 payments a commit.
    Batch,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// Payments a second.
    pub(crate) rate: Milli,
    /// `PostgreSQL`'s processor time for each, in microseconds.
    pub(crate) pg_cpu_us: Milli,
    pub(crate) spent: Spent,
}

/// The database that the yardstick is laid in.
#[derive(Debug)]
pub(crate) struct Yardstick {
    psql: Psql,
    program: PathBuf,
    sql: PathBuf,
    who: Who,
    runs: u64,
}

impl Shape {
    /// As tables and JSON name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "pgbench plain",
            Self::PlainHot => "pgbench plain hot",
            Self::Batch => "pgbench batch 128",
        }
    }

    fn file(self) -> &'static str {
        if self == Self::Batch { "batch.sql" } else { "plain.sql" }
    }

    fn clients(self) -> &'static str {
        if self == Self::Batch { "2" } else { "64" }
    }

    fn outlets(self) -> u32 {
        if self == Self::PlainHot { 1 } else { 1_000 }
    }

    fn payments_a_script(self) -> u64 {
        if self == Self::Batch { BATCH } else { 1 }
    }
}

impl Yardstick {
    /// Makes its database beside the gateway's.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) fn beside(stack: &Stack, root: &Path) -> Result<Self> {
        let psql = stack.cluster.psql_as_superuser();
        let sql = root.join("benches/limit");
        psql.drop_databases(&[DATABASE.to_owned()])?;
        psql.query("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        for file in ["schema.sql", "batchfn.sql"] {
            psql.run_file(DATABASE, &sql.join(file))?;
        }
        Ok(Self { psql, program: stack.cluster.program("pgbench"), sql, who: Who::of(stack)?, runs: 0 })
    }

    /// Lets it run for so many seconds.
    ///
    /// # Errors
    /// When `pgbench` is not there or fails.
    pub(crate) async fn run(&mut self, shape: Shape, seconds: u32) -> Result<Stretch> {
        self.runs += 1;
        let before = self.who.mark()?;
        let output = {
            let mut command = self.psql.client(&self.program);
            command
                .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--client", shape.clients()])
                .args(["--time", &seconds.to_string()])
                .arg(format!("--define=nag={}", shape.outlets()))
                .arg(format!("--define=base={}", self.runs * IDS_A_RUN))
                .args(["--define=n=0", &format!("--define=bs={BATCH}")])
                .arg("--file")
                .arg(self.sql.join(shape.file()))
                .arg(DATABASE)
                .stdin(Stdio::null());
            tokio::task::spawn_blocking(move || command.output()).await.context("pgbench's thread broke")?
        };
        let spent = before.until(&self.who.mark()?);
        let output =
            output.context("cannot run pgbench, which comes with PostgreSQL's server or -contrib")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let (Some(scripts), true) = (scripts_a_second(&printed), output.status.success()) else {
            bail!("pgbench failed: {printed}{}", String::from_utf8_lossy(&output.stderr));
        };
        let done = scripts_done(&printed).context("pgbench does not say how much it did")?;
        let each = shape.payments_a_script();
        Ok(Stretch {
            rate: Milli(scripts.0 * each),
            pg_cpu_us: Milli::divided(spent.postgres, done * each),
            spent,
        })
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        if let Err(error) = self.psql.drop_databases(&[DATABASE.to_owned()]) {
            crate::out::note(&format!("the yardstick's database stays: {error:#}"));
        }
    }
}

fn scripts_a_second(printed: &str) -> Option<Milli> {
    let line = printed.lines().find_map(|line| line.strip_prefix("tps = "))?;
    Milli::parse(line.split_whitespace().next()?)
}

fn scripts_done(printed: &str) -> Option<u64> {
    let line =
        printed.lines().find_map(|line| line.strip_prefix("number of transactions actually processed: "))?;
    line.split(['/', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_prints_is_understood() {
        let printed = "number of clients: 64\nnumber of transactions actually processed: 12345\n\
                       latency average = 40.5 ms\ntps = 1578.123456 (without initial connection time)\n";
        assert_eq!(scripts_a_second(printed), Some(Milli(1_578_123)));
        assert_eq!(scripts_done(printed), Some(12_345));
        assert_eq!(scripts_done("number of transactions actually processed: 7/10\n"), Some(7));
        assert_eq!(scripts_a_second("latency average = 1 ms\n"), None);
    }
}
