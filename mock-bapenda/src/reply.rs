//! What a host answers, before it is signed and put on the wire.

use serde_json::{Value, json};

use crate::clock::Moment;
use crate::host::Operation;

/// An answer that is decided but perhaps not yet on disk.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// The host's clock when it looked into its book; what `X-Timestamp` shows.
    pub(crate) at: Moment,
    /// The journal number that must be on disk before this may be said.
    pub(crate) after: u64,
}

impl Reply {
    pub(crate) fn json(status: u16, content: &Value, at: Moment) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: content.to_string().into_bytes(),
            at,
            after: 0,
        }
    }

    pub(crate) fn csv(body: Vec<u8>, at: Moment) -> Self {
        Self { status: 200, content_type: "text/csv", body, at, after: 0 }
    }

    /// A refusal with the status that the protocol gives its code.
    pub(crate) fn refusal(operation: Operation, code: &str, at: Moment) -> Self {
        let content = if code == "END_OF_DAY" {
            json!({ "code": code, "until": at.plus_ms(CLOSING_MS).to_second() })
        } else {
            json!({ "code": code })
        };
        Self::json(status_of(operation, code), &content, at)
    }

    pub(crate) fn once_written(mut self, after: u64) -> Self {
        self.after = after;
        self
    }
}

/// How long a host says that closing its day will take; our decision, no practice is published.
const CLOSING_MS: i64 = 30_000;

fn status_of(operation: Operation, code: &str) -> u16 {
    match code {
        "BAD_REQUEST" => 400,
        "UNAUTHORIZED" => 401,
        "NOT_FOUND" | "OUTSIDE_JATIM" | "BILL_NOT_FOUND" | "UNKNOWN_REFERENCE" | "NOT_READY" => 404,
        "ALREADY_PAID" if operation == Operation::Inquiry => 422,
        "ALREADY_PAID" | "REFERENCE_REUSED" | "NOT_REVERSIBLE" => 409,
        "BODY_TOO_LARGE" => 413,
        "END_OF_DAY" => 503,
        _ => 422,
    }
}
