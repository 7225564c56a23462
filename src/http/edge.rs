//! What every request passes: an id, a log line without personal data, headers that browsers obey, a net for panics.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use super::problem::Problem;

const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// On the answer to a new payment: how much of its time the authorities took.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostsTook(pub(super) Duration);

/// Wraps the whole router.
pub(super) async fn edge(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = Uuid::now_v7();
    let method = request.method().clone();
    // The pattern, not the path: plates and receipt numbers stay out of logs and metrics.
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |p| p.as_str().to_owned());
    let span = tracing::info_span!("request", request_id = %id);
    let mut response = if let Ok(response) =
        AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await
    {
        response
    } else {
        span.in_scope(|| tracing::error!(path, "a handler panicked"));
        Problem::internal().into_response()
    };
    let status = response.status().as_u16();
    let elapsed = began.elapsed();
    let labels = [("method", method.to_string()), ("path", path.clone()), ("status", status.to_string())];
    metrics::histogram!("http_seconds", &labels).record(elapsed);
    if let Some(HostsTook(hosts)) = response.extensions().get() {
        metrics::histogram!("payment_own_seconds").record(elapsed.saturating_sub(*hosts));
    }
    span.in_scope(|| {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%method, path, status, ms, "answered");
    });
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // A page with a script says so itself; nothing else may run one.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", value);
    }
    response
}
