//! Problems (RFC 9457): a stable code, what to do next, and a sentence. One catalogue for the whole API.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Whether the same request may be tried again, and under which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request with the same key.
    SameKey,
    /// A new request with a new key, once the reason is gone.
    NewKey,
    /// Not at all.
    Never,
}

/// A refusal as the API tells it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: String,
    retry: Retry,
    detail: String,
    differs: Option<Vec<&'static str>>,
    headers: Vec<(HeaderName, String)>,
}

/// The body of a problem.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// `urn:samsat-opop:problem:<code>`.
    pub r#type: String,
    /// What it is, the same for every problem of that code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This one, in a sentence.
    pub detail: String,
    /// Stable, upper snake case.
    pub code: String,
    /// What to do next.
    pub retry: Retry,
    /// Fields in which a reused key's request differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<Vec<&'static str>>,
}

impl Problem {
    /// A problem of that code.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<String>, retry: Retry, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), retry, detail: detail.into(), differs: None, headers: vec![] }
    }

    /// `400 BAD_REQUEST`
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", Retry::Never, detail)
    }

    /// `401 UNAUTHORIZED`
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "a valid bearer key or token is needed";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", Retry::SameKey, detail)
            .with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// `403 FORBIDDEN`
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", Retry::SameKey, detail)
    }

    /// `404 NOT_FOUND`: what does not exist and what is another's look alike.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", Retry::Never, "there is no such thing here")
    }

    /// `500 INTERNAL`: our bug; the log has the rest under the request's id.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "something is broken here; the same key tells the truth later";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", Retry::SameKey, detail)
    }

    /// `503 UPSTREAM_UNAVAILABLE`
    #[must_use]
    pub fn upstream_unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", Retry::SameKey, detail)
            .retry_after(15)
    }

    /// `503 OVERLOADED`: keep the money, repeat with the same key.
    #[must_use]
    pub fn try_again() -> Self {
        let detail = "simpan uangnya, ulangi: keep the money and repeat with the same key";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", Retry::SameKey, detail).retry_after(2)
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Its HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub(super) fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with(header::RETRY_AFTER, seconds.to_string())
    }

    /// Names the fields that differ.
    #[must_use]
    pub fn differing(mut self, fields: Vec<&'static str>) -> Self {
        self.differs = Some(fields);
        self
    }
}

fn title(code: &str) -> &'static str {
    match code {
        "KEY_MISSING" => "Idempotency-Key is missing",
        "KEY_REUSED" => "Idempotency-Key was used with other content",
        "IN_PROGRESS" => "The first request is still at work",
        "QUOTE_EXPIRED" => "The quote has expired",
        "AMOUNT_DIFFERS" => "The amount is not the quote's total",
        "FLOAT_INSUFFICIENT" => "The float does not cover the payment",
        "DAILY_LIMIT" => "The payment would pass the agent's cap of the day",
        "EXPOSURE_LIMIT" => "The payment would pass the agent's cap on open outcomes",
        "DRAWER_CLOSED" | "RETURN_NEEDS_DRAWER" => "The operator has no drawer open",
        "ALREADY_RETURNED" => "The cash has been returned",
        "WITHDRAWN" => "The payment was given up before it arrived",
        "VEHICLE_BUSY" => "Another payment for this vehicle is open",
        "ALREADY_PAID" => "This period has been paid",
        "LOOKUP_NOT_FOUND" => "There is no such lookup",
        "UPSTREAM_UNAVAILABLE" => "An authority does not answer",
        "END_OF_DAY" => "An authority is closing its day",
        "BAD_REQUEST" => "The request is malformed",
        "UNAUTHORIZED" => "Not authenticated",
        "FORBIDDEN" => "Not allowed",
        "NOT_FOUND" => "Not found",
        "METHOD_NOT_ALLOWED" => "Method not allowed",
        "NOT_ACCEPTABLE" => "No such representation",
        "BODY_TOO_LARGE" => "The body is too large",
        "INTERNAL" => "Internal error",
        "UNAVAILABLE" => "Not available now",
        "INVALID_PLATE" => "Not a plate number",
        "INVALID_CHASSIS" => "Not the last five characters of a chassis number",
        "PARTLY_PAID" => "One authority has been paid, the other has not",
        "QUOTE_CONTRADICTS" => "The authorities' answers contradict each other",
        "TOO_MANY_ATTEMPTS" => "Too many wrong plates or chassis numbers",
        "OUTSIDE_JATIM" => "A plate of another province",
        _ => "The authority refuses",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:samsat-opop:problem:{}", self.code.to_ascii_lowercase()),
            title: title(&self.code).to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            retry: self.retry,
            differs: self.differs,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The database failed: nothing is known to have happened, the same key tells.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if crate::db::is_connection_loss(&error) || crate::db::is_retryable(&error) {
            tracing::warn!(%error, "the database does not answer");
            Self::try_again()
        } else {
            tracing::error!(%error, "the database refuses");
            Self::internal()
        }
    }
}
