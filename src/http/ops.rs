//! The operations port: lives, is ready, and how it goes.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::domain::Authority;

/// What the operations port needs.
#[derive(Clone)]
pub(super) struct Ops {
    pub(super) app: App,
    pub(super) metrics: Option<PrometheusHandle>,
    pub(super) draining: CancellationToken,
}

/// `200` while the process lives.
pub(super) async fn healthz() -> &'static str {
    "lives\n"
}

/// `200` only with database and migrations in order, and not while draining.
pub(super) async fn readyz(State(ops): State<Ops>) -> (StatusCode, String) {
    if ops.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    if !ops.app.payments.lives() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the journal has died: restart this gateway\n".to_owned());
    }
    match ops.app.db.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Prometheus text.
pub(super) async fn metrics(State(ops): State<Ops>) -> Response {
    for authority in Authority::ALL {
        let open = ops.app.upstream.host(authority).breaker().is_open();
        metrics::gauge!("breaker_open", "host" => authority.as_str()).set(if open { 1.0 } else { 0.0 });
    }
    metrics::gauge!("money_tasks").set(u32::try_from(ops.app.tasks.len()).unwrap_or(u32::MAX));
    if let Ok(open) = crate::payment::open_by_state(&ops.app.db).await {
        for (state, count) in open {
            metrics::gauge!("payments_open", "state" => state).set(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
    let text = ops.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
