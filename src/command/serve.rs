//! `serve`: until SIGTERM or Ctrl-C, then drained.

use std::process::ExitCode;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use samsat_gateway::domain::Clock;
use samsat_gateway::http::Gateway;
use tokio::signal::unix::{SignalKind, signal};

/// Buckets of `payment_own_seconds`: close enough together that a quantile can be read off them.
const OWN_SECONDS: [f64; 34] = [
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03,
    0.04, 0.05, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
];

pub(super) async fn serve() -> anyhow::Result<ExitCode> {
    let config = super::config()?;
    super::logs_to_stderr(&config);
    let own = Matcher::Full("payment_own_seconds".to_owned());
    let metrics = PrometheusBuilder::new().set_buckets_for_metric(own, &OWN_SECONDS)?.install_recorder()?;
    tokio::spawn(keep_up(metrics.clone()));
    let running = Gateway::open(config, Clock::system()).await?.start(Some(metrics)).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Each recorded duration stays in memory until it is summed up, which otherwise only a reader of `/metrics` makes happen.
async fn keep_up(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}
