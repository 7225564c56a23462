//! `serve`: until SIGTERM or Ctrl-C, then drained.

use std::process::ExitCode;

use metrics_exporter_prometheus::PrometheusBuilder;
use samsat_gateway::domain::Clock;
use samsat_gateway::http::Gateway;
use tokio::signal::unix::{SignalKind, signal};

pub(super) async fn serve() -> anyhow::Result<ExitCode> {
    let config = super::config()?;
    super::logs_to_stderr(&config);
    let metrics = PrometheusBuilder::new().install_recorder()?;
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
