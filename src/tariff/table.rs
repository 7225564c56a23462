//! A timeline of dated rules: which row holds on which day, and who says so.
//!
//! A loaded [`Table`] answers for every day from [`RULES_BEGIN`] on with exactly one row. A file with a gap, an
//! overlap, an end, a row without a source or a key that nobody reads is refused as a whole; nothing is repaired.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::BusinessDate;

use super::request::AssessError;

/// The first day that every table must answer for. Older bills are refused as absurd.
pub(super) const RULES_BEGIN: &str = "2000-01-01";

/// Which of a period's two dates chooses the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyedBy {
    /// The period's due date, which is its first day.
    DueOn,
    /// The day of payment.
    PaidOn,
}

/// The two dates of one assessed period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dates {
    pub(super) due_on: BusinessDate,
    pub(super) paid_on: BusinessDate,
}

/// How well a row is known: as in the fact sheet from which the rows were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Confidence {
    /// Text of the law read, or several sources that agree.
    High,
    /// One decent source, or a firm derivation.
    Medium,
    /// Our own choice where no source was found; the source then says `assumption: …`.
    Assumption,
}

/// A value, the days on which it holds, and its legal source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<T> {
    valid_from: BusinessDate,
    /// The first day on which the row no longer holds; absent in the last row only.
    valid_to: Option<BusinessDate>,
    pub(super) value: T,
    /// The law, decree or practice; printed with every assessment that used the row.
    pub(super) source: String,
    confidence: Confidence,
}

/// A table as its file spells it, not yet believed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableForm<T> {
    keyed_by: KeyedBy,
    row: Vec<Row<T>>,
}

/// Rows in order of time, without gap, overlap or end.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    name: String,
    keyed_by: KeyedBy,
    rows: Vec<Row<T>>,
}

/// What a value of a rule must satisfy beyond its types.
pub(super) trait RuleValue: DeserializeOwned {
    /// Says what is wrong with the value, if anything is.
    fn refuse_absurd(&self) -> Result<(), String>;
}

/// Why a rule file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not TOML, a key missing, mistyped or unknown.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The rule file.
        file: String,
        /// What the reader said.
        reason: String,
    },
    /// No row holds between two days.
    #[error("{file}: no rule holds from {from} to before {to}")]
    Gap {
        /// The rule file.
        file: String,
        /// First day without a rule.
        from: String,
        /// First day with a rule again.
        to: String,
    },
    /// Two rows hold on one day.
    #[error("{file}: the row from {row} overlaps the one before it")]
    Overlap {
        /// The rule file.
        file: String,
        /// First day of the later row.
        row: String,
    },
    /// The last row has an end, so that some day no rule would hold.
    #[error("{file}: the last row ends on {end}; it must have no valid_to")]
    Ends {
        /// The rule file.
        file: String,
        /// Its end.
        end: String,
    },
    /// A row that says what cannot be.
    #[error("{file}: row from {row}: {reason}")]
    Row {
        /// The rule file.
        file: String,
        /// First day of the row.
        row: String,
        /// What is wrong.
        reason: String,
    },
}

impl<T: RuleValue> Table<T> {
    /// Reads a rule file.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let form = toml::from_str(text)
            .map_err(|error| RuleError::Unreadable { file: file.to_owned(), reason: error.to_string() })?;
        Self::proven(file, form)
    }

    /// Believes a table once its rows follow each other without gap, overlap or end.
    pub(super) fn proven(file: &str, form: TableForm<T>) -> Result<Self, RuleError> {
        let name = file.to_owned();
        let mut covered_to = Some(rules_begin(file)?);
        for row in &form.row {
            refuse_row(file, row)?;
            let from = row.valid_from;
            // An open row before this one holds for ever, so this one overlaps it whatever its date.
            let Some(covered) = covered_to else {
                return Err(RuleError::Overlap { file: name, row: from.to_string() });
            };
            if from > covered {
                return Err(RuleError::Gap { file: name, from: covered.to_string(), to: from.to_string() });
            }
            if from < covered {
                return Err(RuleError::Overlap { file: name, row: from.to_string() });
            }
            covered_to = row.valid_to;
        }
        match covered_to {
            None => Ok(Self { name, keyed_by: form.keyed_by, rows: form.row }),
            Some(end) => Err(RuleError::Ends { file: name, end: end.to_string() }),
        }
    }
}

impl<T> Table<T> {
    /// The one row that holds for a period.
    ///
    /// # Errors
    /// [`AssessError::NoRule`] for a day before the first row.
    pub(super) fn in_force(&self, dates: Dates) -> Result<&Row<T>, AssessError> {
        let day = match self.keyed_by {
            KeyedBy::DueOn => dates.due_on,
            KeyedBy::PaidOn => dates.paid_on,
        };
        // Rows are contiguous, so the last one that has begun is the one that holds.
        let row = self.rows.iter().rev().find(|row| row.valid_from <= day);
        row.ok_or_else(|| AssessError::NoRule { table: self.name.clone(), day })
    }
}

fn rules_begin(file: &str) -> Result<BusinessDate, RuleError> {
    BusinessDate::parse(RULES_BEGIN)
        .map_err(|error| RuleError::Unreadable { file: file.to_owned(), reason: error.to_string() })
}

fn refuse_row<T: RuleValue>(file: &str, row: &Row<T>) -> Result<(), RuleError> {
    let refusal = |reason: &str| {
        Err(RuleError::Row {
            file: file.to_owned(),
            row: row.valid_from.to_string(),
            reason: reason.to_owned(),
        })
    };
    if row.source.trim().is_empty() {
        return refusal("the legal source is missing");
    }
    if row.source.starts_with("assumption: ") != (row.confidence == Confidence::Assumption) {
        return refusal("an assumption must be called so in both `source` and `confidence`");
    }
    if row.valid_to.is_some_and(|end| end <= row.valid_from) {
        return refusal("it ends before it begins");
    }
    row.value.refuse_absurd().or_else(|reason| refusal(&reason))
}
