//! The way to `PostgreSQL`: pools, settings that money needs, and what an error means.
//!
//! Promises that no connection returns to a pool inside an open transaction (sqlx 0.9.0 can leave one there after a
//! cancelled `begin`, and the next write would be lost), and that a gateway does not start on a server that could
//! forget a commit. Never opens a transaction itself.

mod gather;
mod together;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgConnection, PgPool};

pub use gather::{Gather, Question};
pub use together::{Call, Together};

use crate::config;
use crate::domain::BusinessDate;

/// Every migration, in order; tests and the command use the same.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection, or a statement failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A migration failed or has been changed after it ran.
    #[error("migrations: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A setting under which an acknowledged payment could vanish.
    #[error("refusing to run: PostgreSQL has {setting} = {value}; {needs} is needed")]
    NotDurable {
        /// The setting's name.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        needs: &'static str,
    },
    /// Not all migrations have run, or others than ours have.
    #[error("the database's migrations differ from this program's: run `samsat-gateway migrate`")]
    MigrationsDiffer,
}

/// The gateway's two pools: requests cannot starve the workers.
#[derive(Debug, Clone)]
pub struct Db {
    /// For requests.
    pub requests: PgPool,
    /// For the resolver and the night.
    pub workers: PgPool,
    options: Arc<PgConnectOptions>,
    acquire_timeout: Duration,
    commit_deadline: Duration,
}

/// The journal and gathered questions go by key alone. Their statements are planned once, perhaps on tables that are empty still;
/// without this a plan that reads a whole table would stay while the table grows.
const BY_KEY_ONLY: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

impl Db {
    /// Opens both pools and refuses a server that is not durable.
    ///
    /// # Errors
    /// [`DbError`] when there is no server, or one that must not be trusted with money.
    pub async fn open(config: &config::Database) -> Result<Self, DbError> {
        let options = session(PgConnectOptions::from_str(config.url.expose_secret())?);
        let wait = Duration::from_millis(config.acquire_timeout_ms);
        let requests = pool(config.pool_max, wait).connect_with(options.clone()).await?;
        let workers = pool(config.worker_pool_max, wait).connect_with(options.clone()).await?;
        if config.require_durable {
            refuse_unless_durable(&requests).await?;
        }
        Ok(Self {
            requests,
            workers,
            options: Arc::new(options),
            acquire_timeout: wait,
            commit_deadline: config.commit_deadline(),
        })
    }

    /// A connection of one's own, outside the pools, that reads by key alone: for the journal and for gathered questions,
    /// which drop it when anything about it is unknown.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the server does not answer.
    pub async fn connection(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::clone(&self.options).options(BY_KEY_ONLY).connect().await
    }

    /// How long a COMMIT may stay without an answer.
    #[must_use]
    pub const fn commit_deadline(&self) -> Duration {
        self.commit_deadline
    }

    /// Makes the parts of the growing tables for this month and the next, where they are missing.
    ///
    /// # Errors
    /// [`sqlx::Error`]; nothing is lost then: what has no part of its own goes into the table's rest.
    pub async fn make_months(&self, today: BusinessDate) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT sum(make_month((date_trunc('month', $1::date) + n * interval '1 month')::date)) FROM generate_series(0, 1) n",
        )
        .bind(today.date())
        .fetch_one(&self.workers)
        .await
    }

    /// True when the database answers and has exactly our migrations.
    ///
    /// # Errors
    /// [`DbError`] saying what is wrong.
    pub async fn ready(&self) -> Result<(), DbError> {
        let applied: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version")
                .fetch_all(&self.requests)
                .await?;
        let ours = MIGRATOR.iter().map(|m| (m.version, m.checksum.to_vec()));
        if applied.iter().cloned().eq(ours) { Ok(()) } else { Err(DbError::MigrationsDiffer) }
    }
}

/// Runs every migration as the owner.
///
/// # Errors
/// [`DbError`] when one fails; those before it stay, that one leaves nothing.
pub async fn migrate(owner_url: &str) -> Result<(), DbError> {
    let mut connection = PgConnectOptions::from_str(owner_url)?.connect().await?;
    connection.execute("SET lock_timeout = '3s'").await?;
    MIGRATOR.run(&mut connection).await?;
    Ok(())
}

fn session(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("samsat-gateway").options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("client_min_messages", "error"),
        ("timezone", "UTC"),
    ])
}

fn pool(max: u32, wait: Duration) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(max).acquire_timeout(wait).test_before_acquire(false).after_release(
        // Without this a begin() that was cancelled hands its open transaction to the next user, whose write is lost.
        |connection, _| Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| true) }),
    )
}

async fn refuse_unless_durable(pool: &PgPool) -> Result<(), DbError> {
    for (setting, needs) in
        [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("data_checksums", "on")]
    {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(pool).await?;
        let stronger =
            setting == "synchronous_commit" && matches!(value.as_str(), "remote_apply" | "remote_write");
        if value != needs && !stronger {
            return Err(DbError::NotDurable { setting, value, needs });
        }
    }
    Ok(())
}

/// The named constraint that refused a statement, if one did.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}

/// True for a transaction that `PostgreSQL` rolled back for its own reasons and that may simply run again:
/// serialization failure, deadlock, lock timeout, statement timeout.
#[must_use]
pub fn is_retryable(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    passes(code.as_deref().unwrap_or_default())
}

fn passes(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "55P03" | "57014")
}

/// True when the server said nothing or went away: what a COMMIT did is then unknown, and nothing else was done.
/// Covers a lost socket, a shutdown (57P01–57P03), a read-only primary after failover (25006), a session that idled too
/// long (25P03), a server without disk, memory or connections (class 53), its own I/O errors (class 58), a starved pool.
#[must_use]
pub fn is_connection_loss(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => {
            let code = database.code();
            is_server_trouble(code.as_deref().unwrap_or_default())
        }
        _ => false,
    }
}

fn is_server_trouble(code: &str) -> bool {
    ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        || matches!(code, "25006" | "25P03" | "40003")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_refuses_for_good_is_no_trouble_that_passes() {
        for trouble in [
            "40001", "40P01", "55P03", "57014", "08006", "53100", "53200", "57P01", "58030", "25006", "25P03",
        ] {
            assert!(passes(trouble) || is_server_trouble(trouble), "{trouble}");
        }
        for refusal in ["23505", "23514", "23001", "22003", "42501", "42P01", "P0001", "XX000", ""] {
            assert!(!passes(refusal) && !is_server_trouble(refusal), "{refusal}");
        }
    }
}
