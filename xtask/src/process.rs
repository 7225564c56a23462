//! Child processes that cannot outlive the run that started them.
//!
//! Dropping a [`Proc`] asks its process group to end, waits, and kills what is left. A run that was itself
//! killed leaves its children's ids on disk ([`Proc::recorded`]); the next run ends those ([`end_leftover`]).

use std::fs;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often a child is asked whether it still runs.
const POLL: Duration = Duration::from_millis(20);
/// How long a child may take to end when asked: longer than a gateway drains its open payments in the demo.
const GRACE: Duration = Duration::from_secs(8);

/// A running child.
#[derive(Debug)]
pub(crate) struct Proc {
    child: Child,
    name: String,
    group: bool,
    record: Option<PathBuf>,
}

impl Proc {
    /// Starts a child in a process group of its own.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        command.process_group(0);
        Self::start(name, command, true)
    }

    /// Starts a child that may talk to the terminal: it shares our group there, so that it can read the
    /// keyboard and gets Ctrl-C by itself.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn foreground(name: &str, command: &mut Command) -> Result<Self> {
        if std::io::stdin().is_terminal() {
            return Self::start(name, command, false);
        }
        Self::spawn(name, command)
    }

    fn start(name: &str, command: &mut Command, group: bool) -> Result<Self> {
        let program = command.get_program().to_owned();
        let child =
            command.spawn().with_context(|| format!("cannot start {name} ({})", program.display()))?;
        Ok(Self { child, name: name.to_owned(), group, record: None })
    }

    /// Notes the child in `folder`, for the next run in case this one is killed.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn recorded(mut self, folder: &Path) -> Result<Self> {
        let path = folder.join(format!("{}.pid", self.name.replace(' ', "-")));
        let started = started_at(self.id()).unwrap_or_default();
        fs::write(&path, format!("{} {started}\n", self.id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.record = Some(path);
        Ok(self)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// `kill -9`, as a power cut would.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks it to end, without waiting.
    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Leaves the note on disk to whoever has written it anew.
    pub(crate) fn forget_record(mut self) {
        self.record = None;
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) else { return };
        // An error means that there is nobody left to signal.
        let _ = if self.group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal(Signal::TERM);
            let deadline = Instant::now() + GRACE;
            while !self.has_ended() && Instant::now() < deadline {
                std::thread::sleep(POLL);
            }
            if !self.has_ended() {
                self.signal(Signal::KILL);
                let _ = self.child.wait();
            }
        }
        if let Some(path) = &self.record {
            let _ = fs::remove_file(path);
        }
    }
}

/// Kills the process group noted in `record` if that very process still runs.
pub(crate) fn end_leftover(record: &Path) {
    let Some((id, started)) = fs::read_to_string(record).ok().as_deref().and_then(parse_record) else {
        return;
    };
    // The same id with another start time is somebody else's process.
    if started_at(id) == Some(started)
        && let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw)
    {
        // A child of a run in a terminal has no group of its own.
        let _ = kill_process_group(pid, Signal::KILL).or_else(|_| kill_process(pid, Signal::KILL));
    }
}

fn parse_record(text: &str) -> Option<(u32, u64)> {
    let (id, started) = text.trim().split_once(' ')?;
    Some((id.parse().ok()?, started.parse().ok()?))
}

/// When a process started, in ticks since boot: together with its id this names it for ever.
fn started_at(id: u32) -> Option<u64> {
    parse_stat(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Field 22 of `/proc/PID/stat`; the name in field 2 may hold blanks and brackets.
fn parse_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_read_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 9 10";
        assert_eq!(parse_stat(stat), Some(987_654));
        assert_eq!(parse_stat("42 (cut off) S 1"), None);
    }

    #[test]
    fn a_record_names_an_id_and_a_start() {
        assert_eq!(parse_record("123 456\n"), Some((123, 456)));
        assert_eq!(parse_record("123 \n"), None);
        assert_eq!(parse_record(""), None);
    }

    #[test]
    fn dropping_a_child_ends_it() {
        let child = Proc::spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        let id = child.id();
        assert!(started_at(id).is_some());
        drop(child);
        assert!(started_at(id).is_none());
    }

    #[test]
    fn only_the_very_process_of_a_record_is_ended() {
        let folder = std::env::temp_dir().join(format!("samsat-leftover-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut child = Proc::spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        let record = folder.join("other.pid");
        fs::write(&record, format!("{} {}\n", child.id(), started_at(child.id()).unwrap() + 1)).unwrap();
        end_leftover(&record);
        assert!(child.ended().unwrap().is_none());
        fs::write(&record, format!("{} {}\n", child.id(), started_at(child.id()).unwrap())).unwrap();
        end_leftover(&record);
        assert!(!child.child.wait().unwrap().success());
        fs::remove_dir_all(&folder).unwrap();
    }
}
