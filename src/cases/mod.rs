//! Cases: what people must settle. Opened by payments and the night, closed by two people; read here.

mod store;

use serde::Serialize;
use uuid::Uuid;

pub use store::{find, list};

/// Something that people must settle.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Its id.
    pub case_id: Uuid,
    /// `JR_REFUSED`, `LATE_SUCCESS`, `MISSING_HERE` …
    pub class: String,
    /// `HERE`, `BAPENDA`, `JASA_RAHARJA`, `BANK`.
    pub side: String,
    /// What it is about, unique within class and side.
    pub line_key: String,
    /// The payment it is about.
    pub payment_id: Option<Uuid>,
    /// What found it.
    pub origin: String,
    /// The role that must settle it.
    pub owner: String,
    /// What is known.
    pub facts: serde_json::Value,
    /// RFC 3339, WIB.
    pub opened_at: String,
    /// Whole days since then, or until it was closed.
    pub age_days: i64,
    /// RFC 3339, WIB.
    pub closed_at: Option<String>,
    /// How it was settled.
    pub resolution: Option<String>,
}
