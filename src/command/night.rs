//! `reconcile` and `verify`: both read everything and print what they found.

use std::io::Write;
use std::process::ExitCode;

use samsat_gateway::domain::BusinessDate;
use samsat_gateway::upstream::PublicKey;
use samsat_gateway::verify::{self, VerifyKeys};

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
    let upstream = &gateway.app.config.upstream;
    let keys = VerifyKeys {
        receipts: gateway.app.public_key.clone(),
        bapenda: PublicKey::from_pem(&upstream.bapenda.public_key_pem)?,
        jasa_raharja: PublicKey::from_pem(&upstream.jasa_raharja.public_key_pem)?,
    };
    let mut connection = gateway.app.db.connection().await?;
    let report = verify::verify(&mut connection, &keys).await?;
    super::print(json, &serde_json::to_value(&report)?)?;
    for check in report.checks.iter().filter(|check| !check.holds) {
        let offender = check.offender.as_deref().unwrap_or_default();
        writeln!(
            std::io::stderr().lock(),
            "invariant {} is broken: {}: {offender}",
            check.invariant,
            check.name
        )?;
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
