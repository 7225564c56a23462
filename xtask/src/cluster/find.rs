//! Finds `PostgreSQL`'s programs: an explicit folder, `PATH`, Debian's versioned folders, or an installation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::debian::{Debian, on_path};
use crate::out;

/// The oldest version whose behaviour the migrations rely on.
const MAJOR_MIN: u32 = 15;
/// What a private cluster needs, in one folder.
const PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];
/// Where Debian's `postgresql-common` reads whether a new package starts a server of its own.
const DEBIAN_CLUSTER_CONFIG: &str = "/etc/postgresql-common/createcluster.conf";

/// An installed `PostgreSQL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postgres {
    /// The folder of its programs.
    pub(crate) folder: PathBuf,
    /// Its major version.
    pub(crate) major: u32,
}

impl Postgres {
    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn at(folder: &Path) -> Option<Self> {
        if !PROGRAMS.iter().all(|name| folder.join(name).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }
}

/// `PostgreSQL` 15 or newer, installed if need be and allowed.
///
/// # Errors
/// When there is none; the message says what to type.
pub(crate) fn find_or_install() -> Result<Postgres> {
    if let Some(explicit) = std::env::var_os("SAMSAT_PG_BIN") {
        let folder = PathBuf::from(explicit);
        let found = Postgres::at(&folder).with_context(|| {
            format!("SAMSAT_PG_BIN={} lacks one of {}", folder.display(), PROGRAMS.join(", "))
        })?;
        if found.major < MAJOR_MIN {
            bail!("SAMSAT_PG_BIN holds PostgreSQL {}; {MAJOR_MIN} or newer is needed", found.major);
        }
        return Ok(found);
    }
    if let Some(found) = choose(candidates()) {
        return Ok(found);
    }
    install()?;
    choose(candidates()).with_context(advice)
}

/// The first that is new enough: `candidates` come in the order of preference.
fn choose(candidates: Vec<Postgres>) -> Option<Postgres> {
    candidates.into_iter().find(|candidate| candidate.major >= MAJOR_MIN)
}

fn candidates() -> Vec<Postgres> {
    let mut found: Vec<Postgres> = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        // Programs on PATH are often links into the folder that has all of them.
        .filter_map(|folder| folder.join("initdb").canonicalize().ok())
        .filter_map(|program| Postgres::at(program.parent()?))
        .collect();
    let mut debian: Vec<Postgres> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Postgres::at(&entry.path().join("bin")))
        .collect();
    debian.sort_by_key(|postgres| std::cmp::Reverse(postgres.major));
    found.append(&mut debian);
    found
}

/// From `postgres (PostgreSQL) 17.5 (Debian …)` 17, from `18beta1` 18.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL)")?.1.trim_start();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn install() -> Result<()> {
    let Some(debian) = Debian::find() else { bail!("{}", advice()) };
    out::note("PostgreSQL is not installed: installing Debian's package (its own server is not started)");
    if !Path::new(DEBIAN_CLUSTER_CONFIG).exists() {
        let script = format!(
            "mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > {DEBIAN_CLUSTER_CONFIG}"
        );
        debian.run(&["sh", "-c", &script])?;
    }
    if !debian.install(&["postgresql"])? {
        bail!("apt-get could not install PostgreSQL.\n{}", advice());
    }
    Ok(())
}

fn advice() -> String {
    let install = if on_path("apt-get") {
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends postgresql"
    } else if on_path("dnf") {
        "sudo dnf install -y postgresql-server"
    } else if on_path("brew") {
        "brew install postgresql@17"
    } else {
        "your system's way to install the PostgreSQL server"
    };
    format!(
        "PostgreSQL {MAJOR_MIN} or newer is needed ({}). Type:\n    {install}\n\
         or name the folder of an existing installation:\n    export SAMSAT_PG_BIN=/path/to/postgresql/bin",
        PROGRAMS.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(folder: &str, major: u32) -> Postgres {
        Postgres { folder: folder.into(), major }
    }

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) devel"), None);
        assert_eq!(major_version(""), None);
    }

    #[test]
    fn the_first_that_is_new_enough_is_chosen() {
        let found = vec![postgres("/opt/old", 13), postgres("/path", 16), postgres("/debian", 17)];
        assert_eq!(choose(found), Some(postgres("/path", 16)));
        assert_eq!(choose(vec![postgres("/opt/old", 14)]), None);
    }

    #[test]
    fn a_folder_without_all_programs_is_no_installation() {
        assert_eq!(Postgres::at(Path::new("/nonexistent")), None);
    }

    #[test]
    fn the_advice_names_a_command_and_the_variable() {
        assert!(advice().contains("SAMSAT_PG_BIN"));
        assert!(advice().contains("PostgreSQL 15"));
    }
}
