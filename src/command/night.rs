//! `reconcile` and `verify`.

use std::io::Write;
use std::process::ExitCode;

use samsat_gateway::domain::BusinessDate;

pub(super) async fn reconcile(date: BusinessDate, json: bool) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    gateway.app.db.ready().await?;
    let report = gateway.night.run(date).await?;
    super::print(json, &serde_json::to_value(&report)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn verify(json: bool) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    gateway.app.db.ready().await?;
    drop(json);
    writeln!(std::io::stdout().lock(), "not built")?;
    Ok(ExitCode::from(1))
}
