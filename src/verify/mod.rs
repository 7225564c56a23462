//! `samsat-gateway verify`: every invariant recomputed from business rows, over the whole database.
//!
//! Promises: one `REPEATABLE READ READ ONLY` snapshot, so what it says was true at one moment; it changes nothing; sums
//! are computed by the database, signatures checked row by row, no table is ever held in memory; each broken invariant
//! names its first offender. It believes no stored total and shares no arithmetic with the code that wrote the rows.
//!
//! Numbers are those of the design's list of invariants; 16 to 20 are ours: what hosts signed verifies, what is booked is
//! proven by signed bytes, the database still refuses what it must, drawers close at nothing, and top-ups are those that
//! were asked for. Number 10 has no rows yet.

mod authority;
mod books;
mod cases;
mod drawers;
mod evidence;
mod floats;
mod fresh;
mod keys;
mod lines;
mod locks;
mod log;
mod night;
mod night_lines;
mod outcome;
mod papers;
mod settings;

use std::time::Instant;

use serde::Serialize;
use sqlx::{Connection, Executor, PgConnection};

use crate::domain::Authority;
use crate::receipt::VerifyingKey;
use crate::upstream::PublicKey;

/// The public keys that signatures are checked with.
#[derive(Debug, Clone)]
pub struct VerifyKeys {
    /// Ours, of receipts.
    pub receipts: VerifyingKey,
    /// Bapenda's.
    pub bapenda: PublicKey,
    /// Jasa Raharja's.
    pub jasa_raharja: PublicKey,
}

impl VerifyKeys {
    const fn of(&self, authority: Authority) -> &PublicKey {
        match authority {
            Authority::Bapenda => &self.bapenda,
            Authority::JasaRaharja => &self.jasa_raharja,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True when every check holds.
    pub holds: bool,
    /// Each check, in the order of invariants.
    pub checks: Vec<Check>,
    /// How long it took.
    pub seconds: u64,
}

/// One check of one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Number in the list of invariants.
    pub invariant: u8,
    /// What must be true.
    pub name: &'static str,
    /// Whether it is.
    pub holds: bool,
    /// Rows looked at.
    pub checked: i64,
    /// The first row that breaks it: its table, its id and what is wrong.
    pub offender: Option<String>,
}

impl Check {
    const fn new(invariant: u8, name: &'static str, checked: i64, offender: Option<String>) -> Self {
        Self { invariant, name, holds: offender.is_none(), checked, offender }
    }
}

/// Nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database failed or refused.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// A look at everything takes longer than any request may. It reads whole tables to find the one row that is wrong, while
/// `LIMIT 1` makes the planner hope to meet it at once, with a nested loop that never ends where all is well.
const SETTINGS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
                        SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off";

/// Checks everything.
///
/// # Errors
/// [`VerifyError`] when the database fails; a broken invariant is no error but a check that does not hold.
pub async fn verify(connection: &mut PgConnection, keys: &VerifyKeys) -> Result<Report, VerifyError> {
    let began = Instant::now();
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    snapshot.execute(SETTINGS).await?;
    let mut checks = Vec::new();
    checks.extend(books::check(&mut snapshot).await?);
    checks.extend(floats::check(&mut snapshot).await?);
    checks.extend(locks::check(&mut snapshot).await?);
    checks.extend(keys::check(&mut snapshot).await?);
    checks.extend(outcome::check(&mut snapshot).await?);
    checks.extend(lines::check(&mut snapshot).await?);
    checks.extend(papers::check(&mut snapshot, &keys.receipts).await?);
    checks.extend(log::check(&mut snapshot).await?);
    checks.extend(night::check(&mut snapshot, keys).await?);
    checks.extend(authority::check(&mut snapshot).await?);
    checks.extend(cases::check(&mut snapshot).await?);
    checks.extend(evidence::check(&mut snapshot, keys).await?);
    checks.extend(fresh::check(&mut snapshot).await?);
    checks.extend(settings::check(&mut snapshot).await?);
    checks.extend(drawers::check(&mut snapshot).await?);
    snapshot.rollback().await?;
    checks.sort_by_key(|check| check.invariant);
    Ok(Report { holds: checks.iter().all(|check| check.holds), checks, seconds: began.elapsed().as_secs() })
}
