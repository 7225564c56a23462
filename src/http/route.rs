//! Every route of the gateway, in one table.

use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{from_fn, map_request};
use axum::routing::{get, post};

use super::api::{float, lookups, payments, receipts, reconciliations};
use super::problem::{Problem, Retry};
use super::{App, body, edge, openapi, ops, page};

/// The API and the public pages.
pub(super) fn router(app: App) -> Router {
    let body_max = app.config.http.body_max_bytes;
    // A slow line at a village counter takes that long with a body; a client that says nothing more gets no longer.
    let body_within = Duration::from_secs(3 * app.config.http.header_timeout_s);
    Router::new()
        .route("/v1/lookups", post(lookups::create))
        .route("/v1/payments", post(payments::create).get(payments::list))
        .route("/v1/payments/{payment_id}", get(payments::show))
        .route("/v1/payments/{payment_id}/cancel", post(payments::cancel))
        .route("/v1/payments/{payment_id}/return", post(payments::give_back))
        .route("/v1/receipts", get(receipts::list))
        .route("/v1/receipts/verify", post(receipts::verify))
        .route("/v1/receipts/{receipt_no}", get(receipts::show))
        .route("/v1/float", get(float::show))
        .route("/v1/float/entries", get(float::entries))
        .route("/v1/reconciliations/{date}", get(reconciliations::show))
        .route("/v1/reconciliations/{date}/items", get(reconciliations::items))
        .route("/v1/reconciliations/{date}/export.csv", get(reconciliations::export_csv))
        .route("/verify", get(page::verify_form).post(page::verify))
        .route("/verify/{receipt_no}", get(page::verify_form))
        .route("/assets/style.css", get(page::style))
        .route("/openapi.json", get(openapi::serve))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                Retry::Never,
                "this path does not take this method",
            )
        })
        .layer(DefaultBodyLimit::max(body_max))
        .layer(map_request(move |request: Request| ready(body::in_time(request, body_within))))
        .layer(from_fn(edge::edge))
        .with_state(app)
}

/// What operators ask, on a port of its own.
pub(super) fn ops_router(ops: ops::Ops) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .with_state(ops)
}
