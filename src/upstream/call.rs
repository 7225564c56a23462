//! One question to a host and what stands around its answer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::host::Operation;

/// A question.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) body: Vec<u8>,
    pub(super) about: Option<Uuid>,
}

/// What was asked, once it is on its way.
pub(super) struct Asked {
    pub(super) operation: Operation,
    pub(super) path: String,
    pub(super) request_sha256: String,
    pub(super) reference: Option<Uuid>,
    pub(super) began: std::time::Instant,
}

/// `X-Timestamp` and `X-Signature`.
pub(super) fn signed_head(response: &reqwest::Response) -> (String, String) {
    let header = |name: &str| {
        response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned).unwrap_or_default()
    };
    (header("X-Timestamp"), header("X-Signature"))
}

/// When a host that is closing its day opens again, if it says so.
pub(super) struct Until(pub(super) Option<DateTime<Utc>>);

/// What a host says while it closes its day; nothing for any other body.
pub(super) fn end_of_day(body: &[u8]) -> Option<Until> {
    #[derive(serde::Deserialize)]
    struct Closed {
        code: String,
        until: Option<String>,
    }
    let closed: Closed = serde_json::from_slice(body).ok().filter(|c: &Closed| c.code == "END_OF_DAY")?;
    let until = closed.until.and_then(|until| DateTime::parse_from_rfc3339(&until).ok());
    Some(Until(until.map(|until| until.with_timezone(&Utc))))
}

/// The innermost reason, without the address it was sent to.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
