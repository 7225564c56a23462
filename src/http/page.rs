//! What pages have in common: one style sheet, and the answer that a template makes.

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use super::problem::Problem;
use crate::paper::Status;
pub(super) use crate::paper::{line_name, receiver_name};

/// Its style sheet.
pub(super) const STYLE: &str = include_str!("../../templates/style.css");

/// `GET /assets/style.css`
pub(super) async fn style() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")],
        STYLE,
    )
        .into_response()
}

/// The answer that a template makes.
///
/// # Errors
/// When it fails, our bug.
pub(super) fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Problem::internal()
    })?;
    Ok(Html(html).into_response())
}

/// The style of a status.
pub(super) const fn tone(status: Status) -> &'static str {
    match status {
        Status::Paid => "good",
        Status::Open => "wait",
        Status::NotPaid | Status::Revoked | Status::Unknown => "bad",
    }
}
