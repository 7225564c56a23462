//! `DuckDB`, where it is installed: its program, or its module for Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::measure::Milli;

/// How the yardstick's statement is run.
#[derive(Debug)]
pub(super) struct Yardstick {
    program: Program,
    sql: PathBuf,
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Own,
    Python,
}

/// Runs the statement in the folder and prints the seconds that it took; opening the program is not counted.
const PYTHON: &str = "import duckdb, sys, time
sql = open(sys.argv[1]).read()
connection = duckdb.connect()
connection.execute('SET enable_progress_bar = false')
begun = time.monotonic()
connection.execute(sql).fetchall()
print(time.monotonic() - begun)";

impl Yardstick {
    /// The one that is here.
    pub(super) fn find(root: &Path, folder: &Path) -> Option<Self> {
        let answers = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let program = if answers("python3", &["-c", "import duckdb"]) {
            Program::Python
        } else if answers("duckdb", &["-version"]) {
            Program::Own
        } else {
            return None;
        };
        Some(Self { program, sql: root.join("benches/night/join.sql"), folder: folder.to_owned() })
    }

    /// Joins once; says the seconds.
    pub(super) async fn join(&self) -> Result<Milli> {
        let mut command = match self.program {
            Program::Python => {
                let mut python = Command::new("python3");
                python.args(["-c", PYTHON]).arg(&self.sql);
                python
            }
            Program::Own => {
                let mut own = Command::new("duckdb");
                own.args(["-c", "SET enable_progress_bar = false;", "-c", ".timer on", "-c"])
                    .arg(std::fs::read_to_string(&self.sql)?);
                own
            }
        };
        command.current_dir(&self.folder).stdin(Stdio::null());
        let done =
            tokio::task::spawn_blocking(move || command.output()).await?.context("cannot run DuckDB")?;
        ensure!(done.status.success(), "DuckDB: {}", String::from_utf8_lossy(&done.stderr));
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        seconds(self.program, &printed)
            .with_context(|| format!("DuckDB did not say how long it took: {printed}"))
    }
}

fn seconds(program: Program, printed: &str) -> Option<Milli> {
    match program {
        Program::Python => Milli::parse(printed),
        Program::Own => Milli::parse(printed.split("real ").nth(1)?.split_whitespace().next()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_say_their_seconds() {
        assert_eq!(seconds(Program::Python, "1.23456\n"), Some(Milli(1_234)));
        let printed = "…│ MATCHED │\nRun Time (s): real 0.745 user 1.204000 sys 0.1\n";
        assert_eq!(seconds(Program::Own, printed), Some(Milli(745)));
        assert_eq!(seconds(Program::Own, "nothing"), None);
    }
}
