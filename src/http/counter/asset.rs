//! The script and the icon: our own, small, without a build step.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = include_str!("../../../templates/counter.js");
const ICON: &str = include_str!("../../../templates/icon.svg");
/// An hour: a new version reaches every counter the same morning.
const KEPT: &str = "public, max-age=3600";

/// `GET /assets/counter.js`
pub(in crate::http) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, KEPT)], SCRIPT)
        .into_response()
}

/// `GET /assets/icon.svg`
pub(in crate::http) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, KEPT)], ICON).into_response()
}
