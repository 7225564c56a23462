//! What a run tells, as the command prints it and the API serves it (interfaces, "Reconciliation").

use std::collections::BTreeMap;

use serde::Serialize;

use super::settlement::Settlement;
use crate::domain::{BusinessDate, RunId, Rupiah};

/// A published run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// The business date.
    #[schema(value_type = String)]
    pub date: BusinessDate,
    /// This run.
    #[schema(value_type = String)]
    pub run_id: RunId,
    /// 1 for the first run of the date, then higher; the highest is in force.
    pub revision: i32,
    /// The files.
    pub inputs: Vec<Input>,
    /// Lines by class.
    pub counts: BTreeMap<String, u64>,
    /// Rupiah by class: the file's amounts, ours where the file has no row.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub amounts: BTreeMap<String, Rupiah>,
    /// Both sides came out as they went in; a night that does not balance is not published.
    pub balanced: bool,
    /// Lower hex.
    pub result_sha256: String,
    /// Cases that this run opened.
    pub cases_opened: u64,
    /// Breaks whose case stood already.
    pub cases_carried: u64,
    /// Legs in doubt that these files ended, in this run or an earlier one.
    pub doubts_resolved: u64,
    /// How long the run took, whole seconds.
    pub seconds: u64,
    /// Classified lines.
    #[serde(skip)]
    pub lines: u64,
}

impl Report {
    /// What is signed of a run: its date, revision and hash.
    #[must_use]
    pub fn statement(&self) -> String {
        format!("samsat-night {} {} {} {}", self.date, self.revision, self.run_id, self.result_sha256)
    }
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Input {
    /// The sender.
    pub source: String,
    /// Of its exact bytes, lower hex.
    pub sha256: String,
    /// `D` rows.
    pub rows: u64,
    /// Σ principal + penalty, reversals with their sign.
    #[schema(value_type = i64)]
    pub total: Rupiah,
}

impl Input {
    /// A file as a run's input.
    #[must_use]
    pub fn of(file: &Settlement) -> Self {
        Self {
            source: file.header.sender.as_str().to_owned(),
            sha256: hex::encode(file.sha256),
            rows: u64::from(file.count),
            total: file.total,
        }
    }
}
