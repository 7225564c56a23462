//! `cargo xtask sqlx`: checks every query against a migrated database and keeps what it learnt in `.sqlx`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::cluster::{Cluster, Role};
use crate::out;
use crate::process::Proc;
use crate::runs::Run;
use crate::with::code_of;

/// Renews `.sqlx`; the former one stays when a query does not fit the database.
///
/// # Errors
/// When a migration or the cluster fails.
pub(crate) async fn run() -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let run = Run::begin(&checkout).await?;
    let cluster = Cluster::kept(&checkout).await?;
    let database = cluster.create_database(&run)?;
    let psql = cluster.psql_as_owner();
    let migrations = migrations(&checkout.root.join("migrations"))?;
    for file in &migrations {
        psql.run_file(&database.name, file)?;
    }
    let learnt = run.folder.join("sqlx");
    fs::create_dir(&learnt).context("cannot make a folder for the queries")?;
    // Cargo would not look at the queries again while the sources are the same.
    for source in ["src/lib.rs", "src/main.rs", "tests/it/main.rs"] {
        touch(&checkout.root.join(source))?;
    }
    let url = Role::owner(&cluster.secrets).url(cluster.secrets.port, &database.name);
    let mut check = checkout.cargo();
    check
        .args(["check", "--package", "samsat-gateway", "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &learnt)
        .env("DATABASE_URL", url);
    let status = Proc::foreground("cargo check", &mut check)?.wait().await?;
    if status.success() {
        let count = replace(&learnt, &checkout.root.join(".sqlx"))?;
        out::line(&format!("{count} queries fit {} migrations; .sqlx is renewed", migrations.len()));
    }
    Ok(code_of(status))
}

fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sql"))
        .collect();
    files.sort();
    Ok(files)
}

fn touch(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("cannot touch {}", path.display()))
}

fn replace(learnt: &Path, kept: &Path) -> Result<usize> {
    if kept.exists() {
        fs::remove_dir_all(kept).context("cannot remove the former .sqlx")?;
    }
    fs::create_dir(kept).context("cannot make .sqlx")?;
    let mut count = 0;
    for entry in fs::read_dir(learnt).context("cannot read the queries")?.flatten() {
        fs::copy(entry.path(), kept.join(entry.file_name())).context("cannot keep a query")?;
        count += 1;
    }
    Ok(count)
}
