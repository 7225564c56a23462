//! One folder per run, with its logs, its configuration and the ids of its children.
//!
//! The run that owns a folder holds a lock in it: whatever stands in a folder without a living lock was left
//! by a run that was killed, and the next run ends it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::checkout::{Checkout, random_hex};
use crate::cluster::{self, Cluster};
use crate::{out, process};

/// Folders of ended runs whose logs are kept.
const KEPT: usize = 5;
const LOCK: &str = "lock";

/// This run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Random, and part of every name that the run gives.
    pub(crate) id: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    _lock: File,
}

impl Run {
    /// Ends what killed runs left and begins a new one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) async fn begin(checkout: &Checkout) -> Result<Self> {
        let _starting = cluster::start_lock(checkout).await?;
        clear_dead(checkout);
        let id = random_hex(5)?;
        let folder = checkout.state.join("run").join(&id);
        // Only the caller: the configuration holds passwords.
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join(LOCK)).context("cannot make the lock of the run")?;
        lock.try_lock().context("cannot lock the folder of the run")?;
        Ok(Self { id, folder, _lock: lock })
    }

    /// The name of a cluster that only this run uses.
    pub(crate) fn cluster_name(&self) -> String {
        format!("fresh-{}", self.id)
    }

    /// A log file in the folder, for a child's output.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn log(&self, name: &str) -> Result<File> {
        let path = self.log_path(name);
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }

    /// Where [`Run::log`] writes.
    pub(crate) fn log_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

/// Whether `text` can be the id of a run.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the run of this id still holds its lock.
pub(crate) fn is_alive(checkout: &Checkout, id: &str) -> bool {
    let lock = checkout.state.join("run").join(id).join(LOCK);
    File::open(lock).is_ok_and(|file| file.try_lock_shared().is_err())
}

fn clear_dead(checkout: &Checkout) {
    let mut dead: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(checkout.state.join("run")).into_iter().flatten().flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if is_alive(checkout, &id) {
            continue;
        }
        end_children(&entry.path());
        let cluster = format!("fresh-{id}");
        if checkout.state.join(format!("{cluster}.secrets.json")).exists()
            && let Err(error) = Cluster::remove_fresh(checkout, &cluster)
        {
            out::note(&format!("the cluster of a killed run stays: {error:#}"));
        }
        let changed = entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        dead.push((changed, entry.path()));
    }
    dead.sort_by_key(|(changed, _)| std::cmp::Reverse(*changed));
    for (_, folder) in dead.into_iter().skip(KEPT) {
        let _ = fs::remove_dir_all(folder);
    }
}

fn end_children(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "pid") {
            process::end_leftover(&path);
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ids_of_runs_are_ids() {
        assert!(is_id("00ff11aa22"));
        assert!(!is_id("test_1"));
        assert!(!is_id("00ff11aa2g"));
    }

    #[test]
    fn a_run_is_alive_while_it_holds_its_lock() {
        let root = std::env::temp_dir().join(format!("samsat-runs-{}", std::process::id()));
        let checkout = Checkout { root: root.clone(), state: root.clone() };
        let folder = root.join("run/00ff11aa22");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join(LOCK)).unwrap();
        lock.lock().unwrap();
        assert!(is_alive(&checkout, "00ff11aa22"));
        drop(lock);
        // A child that another test starts just now may hold the file a moment longer.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while is_alive(&checkout, "00ff11aa22") {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(!is_alive(&checkout, "ffffffffff"));
        fs::remove_dir_all(&root).unwrap();
    }
}
