//! `reconcile` and `verify`: both read everything and print what they found.

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

/// Every broken invariant is named on standard error.
pub(super) async fn verify(json: bool) -> anyhow::Result<ExitCode> {
    let gateway = super::gateway().await?;
    gateway.app.db.ready().await?;
    let report = gateway.app.verify().await?;
    if json {
        super::print(true, &serde_json::to_value(&report)?)?;
    } else {
        let mut out = std::io::stdout().lock();
        for check in &report.checks {
            let mark = if check.holds { "ok" } else { "BROKEN" };
            writeln!(out, "{:>2} {mark:<6} {} ({} rows)", check.invariant, check.name, check.checked)?;
        }
    }
    let broken = report
        .checks
        .iter()
        .filter_map(|check| check.offender.as_ref().map(|offender| (check.invariant, offender)));
    let mut errors = std::io::stderr().lock();
    for (invariant, offender) in broken {
        writeln!(errors, "invariant {invariant} is broken: {offender}")?;
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
