//! What the database server is told and what it writes.

use anyhow::{Context, Result};

use crate::cluster::Psql;
use crate::stack::Stack;

/// Settings without which a comparison says nothing.
const SETTINGS: &str = "SELECT string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name) FROM pg_settings
  WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'shared_buffers',
  'max_wal_size', 'commit_delay', 'wal_compression')";

/// The server of a stack, asked as the superuser.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    psql: Psql,
    major: u32,
    database: String,
}

/// Write-ahead log so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    /// Flushes, as the sessions have reported them: the last second of a busy one may be missing.
    pub(crate) syncs: u64,
}

impl Server {
    /// The server that `stack` uses.
    ///
    /// # Errors
    /// When it has no process.
    pub(crate) fn of(stack: &Stack) -> Result<Self> {
        let (_, major) = stack.cluster.postmaster()?;
        let database = stack.database.name.clone();
        Ok(Self { psql: stack.cluster.psql_as_superuser(), major, database })
    }

    /// Runs statements in the gateway's database and gives back their rows.
    ///
    /// # Errors
    /// When a statement is refused.
    pub(crate) fn query(&self, sql: &str) -> Result<String> {
        self.psql.query(&self.database, sql)
    }

    /// How durable it is and what memory it has, on one line.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn settings(&self) -> Result<String> {
        Ok(self.query(SETTINGS)?.trim().to_owned())
    }

    /// What it has written.
    ///
    /// # Errors
    /// When it does not answer in numbers.
    pub(crate) fn written(&self) -> Result<Written> {
        let syncs = if self.major < 18 {
            "SELECT wal_sync FROM pg_stat_wal"
        } else {
            "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'"
        };
        let bytes = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
        let row = self.query(&format!("SELECT ({bytes}), ({syncs})"))?;
        let (bytes, syncs) = row.trim().split_once('|').context("two numbers are wanted")?;
        Ok(Written { bytes: bytes.parse()?, syncs: syncs.parse()? })
    }
}

impl Written {
    /// What was written from here to `later`.
    pub(crate) fn until(self, later: Self) -> Self {
        Self { bytes: later.bytes.saturating_sub(self.bytes), syncs: later.syncs.saturating_sub(self.syncs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_between_is_the_difference() {
        let (before, later) = (Written { bytes: 10, syncs: 4 }, Written { bytes: 25, syncs: 4 });
        assert_eq!(before.until(later), Written { bytes: 15, syncs: 0 });
        assert_eq!(later.until(before), Written::default());
    }
}
