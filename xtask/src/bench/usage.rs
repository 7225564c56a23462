//! Who used the processors: each program of the stack by `/proc/PID/stat`, the whole machine by `/proc/stat`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::stack::Stack;

/// Part of the machine that others may take before a run is not to be trusted, in hundredths.
const OTHERS_MAX: u64 = 10;

/// The processes of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    gateways: Vec<u32>,
    mock: Option<u32>,
    postmaster: u32,
}

/// What had been used at one moment, in ticks of the kernel's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    at: Instant,
    gateway: u64,
    mock: u64,
    postgres: u64,
    client: u64,
    busy: u64,
}

/// What was used between two moments, in microseconds of processor time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) gateway: u64,
    pub(crate) mock: u64,
    pub(crate) postgres: u64,
    /// This program, and the children that it has waited for.
    pub(crate) client: u64,
    /// By nobody of ours.
    pub(crate) others: u64,
}

impl Who {
    /// Everybody who works for `stack`.
    ///
    /// # Errors
    /// When the server of its cluster has no process.
    pub(crate) fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            gateways: stack.gateways.ids(),
            mock: stack.mock.as_ref().map(crate::stack::Mock::id),
            postmaster: stack.cluster.postmaster()?.0,
        })
    }

    /// What everybody has used until now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) fn mark(&self) -> Result<Mark> {
        let with_children = |id: u32| process(id).map(|used| used.own + used.reaped);
        let mut gateway = 0;
        for id in &self.gateways {
            gateway += with_children(*id)?;
        }
        Ok(Mark {
            at: Instant::now(),
            gateway,
            mock: self.mock.map_or(Ok(0), with_children)?,
            postgres: family(self.postmaster)?,
            client: with_children(std::process::id())?,
            busy: busy(&read("/proc/stat")?).context("/proc/stat has no line cpu")?,
        })
    }
}

impl Mark {
    /// What was used from here to `later`.
    pub(crate) fn until(&self, later: &Self) -> Spent {
        let micros = |later: u64, earlier: u64| later.saturating_sub(earlier).saturating_mul(tick_us());
        let [gateway, mock, postgres, client] = [
            micros(later.gateway, self.gateway),
            micros(later.mock, self.mock),
            micros(later.postgres, self.postgres),
            micros(later.client, self.client),
        ];
        let others = micros(later.busy, self.busy).saturating_sub(gateway + mock + postgres + client);
        Spent { wall: later.at - self.at, gateway, mock, postgres, client, others }
    }
}

impl Spent {
    /// The part of all processors that others took, in hundredths.
    pub(crate) fn others_share(&self) -> u64 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all = u64::try_from(self.wall.as_micros()).unwrap_or(u64::MAX).saturating_mul(cores as u64);
        (self.others * 100).checked_div(all).unwrap_or_default()
    }

    /// Whether the machine was too busy with something else.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.others_share() > OTHERS_MAX
    }
}

/// Ticks of one process, and of its children that have ended and been waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    parent: u32,
    own: u64,
    reaped: u64,
}

fn process(id: u32) -> Result<Used> {
    let path = format!("/proc/{id}/stat");
    parse_stat(&read(&path)?).with_context(|| format!("{path} cannot be understood"))
}

/// A server, its children and those that it has outlived.
fn family(postmaster: u32) -> Result<u64> {
    let used = process(postmaster)?;
    let mut total = used.own + used.reaped;
    for entry in fs::read_dir("/proc").context("cannot read /proc")?.flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // A process that ends meanwhile is counted as reaped the next time.
        if let Some(used) = id.and_then(|id| process(id).ok())
            && used.parent == postmaster
        {
            total += used.own;
        }
    }
    Ok(total)
}

/// Fields 4 (parent) and 14–17 (own and children's time) of `/proc/PID/stat`; the name in field 2 may hold anything.
fn parse_stat(stat: &str) -> Option<Used> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Used {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        reaped: ticks(13)? + ticks(14)?,
    })
}

/// Ticks in which any processor worked: all but idle, waiting for a disk, and guests (who are counted twice).
fn busy(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    Some([0, 1, 2, 5, 6, 7].iter().filter_map(|index| ticks.get(*index)).sum())
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

fn tick_us() -> u64 {
    1_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// Resident memory of a process in kilobytes.
///
/// # Errors
/// When `/proc` does not tell.
pub(crate) fn resident_kb(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    parse_resident(&read(&path)?).with_context(|| format!("{path} has no VmRSS"))
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_any_name() {
        let stat = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 500 60 7 8 20 0 1 0 987654 9 10";
        assert_eq!(parse_stat(stat), Some(Used { parent: 7, own: 560, reaped: 15 }));
        assert_eq!(parse_stat("42 (cut off) S 1"), None);
    }

    #[test]
    fn a_waiting_processor_is_not_busy() {
        let stat = "cpu  10 20 30 4000 500 6 7 8 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy(stat), Some(10 + 20 + 30 + 6 + 7 + 8));
        assert_eq!(busy("intr 5\n"), None);
    }

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(parse_resident("VmPeak:\t  9 kB\nVmRSS:\t   12345 kB\n"), Some(12_345));
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[test]
    fn what_nobody_of_ours_used_was_used_by_others() {
        let at = Instant::now();
        let before = Mark { at, gateway: 100, mock: 10, postgres: 50, client: 5, busy: 1_000 };
        let later = Mark { gateway: 150, mock: 20, postgres: 80, client: 15, busy: 1_120, ..before };
        let spent = before.until(&later);
        assert_eq!(spent.gateway, 50 * tick_us());
        assert_eq!(spent.others, 20 * tick_us());
        let all = Spent { wall: Duration::from_secs(1), others: u64::MAX / 200, ..spent };
        assert!(all.is_disturbed());
        assert!(!Spent { others: 0, ..all }.is_disturbed());
    }

    #[test]
    fn the_time_of_this_very_process_can_be_read() {
        let used = process(std::process::id()).unwrap();
        assert!(family(used.parent).unwrap() >= used.own);
        assert!(resident_kb(std::process::id()).unwrap() > 0);
    }
}
