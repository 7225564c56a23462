//! The night: every business date's lines, ours against the authorities', to the rupiah.
//!
//! Promises: a broken file changes nothing; every line of both sides stands in exactly one class, or nothing is
//! published; the same files and facts give the same hash; only rows under our own reference that are the quote, line
//! for line, move a payment, and only through the guarded transition. A published run is never changed, only superseded.
//! Never decides a break: it opens a case, and two people do.
//!
//! In reading order: `settlement` (a file, strictly) · `staging` (the same as it comes, beside memory) · `chain` (whether
//! it fits its predecessors) · `ours` (our legs) · `plain` (what matches at once) · `matching` (the passes over the rest)
//! · `classify` (one file against our side) · `balance` (the proof) · `result`, `canonical` (canonical bytes) · `matched`
//! (lines in few bytes) · `publish` · `run` (the use case) · `schedule` (by itself) · `reading` (what was published).

pub mod balance;
mod canonical;
pub mod chain;
pub mod class;
mod classify;
mod fields;
pub(crate) mod matched;
pub mod matching;
mod merge;
pub mod ours;
mod packed;
mod plain;
mod publish;
pub mod reading;
pub mod report;
pub mod result;
pub mod row;
mod run;
#[cfg(test)]
mod sample;
mod schedule;
pub mod settlement;
mod spool;
mod staging;

pub use classify::ClassifyError;
pub use publish::PublishError;
pub use run::{Night, NightError};
pub use schedule::{InvalidHour, Lease, Schedule, Turn};
pub use spool::SpoolDir;
