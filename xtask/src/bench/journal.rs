//! The journal alone, in process and without HTTP, beside the batched yardstick: `examples/journal.rs` of the gateway.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Bench;
use super::field::Field;
use super::measure::{Measure, Milli};
use super::stats::Spread;
use super::yardstick::{Shape, Yardstick};
use crate::out::{line, note};
use crate::process::Proc;
use crate::stack;

const EXAMPLE: &str = "journal";
/// Payments that are under way at once.
const CLIENTS: &str = "256";
/// Payments of the first run, which says how many the next ones need.
const WARM_UP: u64 = 5_000;

/// One line of what the example prints.
#[derive(Debug, Deserialize)]
struct Printed {
    measure: String,
    value: serde_json::Number,
}

/// Payments written by the journal alone.
///
/// # Errors
/// When the example fails or an invariant does not hold.
pub(crate) async fn journal(bench: &Bench) -> Result<Vec<Measure>> {
    if !bench.checkout.root.join("examples").join(EXAMPLE).with_extension("rs").is_file() {
        note("  ! not measured: this checkout has no examples/journal.rs");
        return Ok(Vec::new());
    }
    let program = build(bench).await?;
    let field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let mut yardstick = Yardstick::beside(&field.stack, &bench.checkout.root)?;
    let mut rate = run(&field, &program, WARM_UP).await?.0;
    let (mut rates, mut cpus, mut limits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=bench.options.rounds {
        let stretch = yardstick.run(Shape::Batch, bench.options.seconds).await?;
        let payments = rate.0.div_ceil(1_000) * u64::from(bench.options.seconds);
        let (its, cpu) = run(&field, &program, payments.max(WARM_UP)).await?;
        line(&format!(
            "  {round} {} {}/s; journal {its}/s, PostgreSQL {cpu} CPU-µs each",
            Shape::Batch.name(),
            stretch.rate
        ));
        rate = its;
        rates.push(its);
        cpus.push(cpu);
        limits.push(stretch.rate);
    }
    drop(yardstick);
    field.close().await?;
    let (rates, cpus, limits) = (Spread::of(rates), Spread::of(cpus), Spread::of(limits));
    line(&format!("  payments/s {rates}; {} {limits}", Shape::Batch.name()));
    Ok(vec![
        Measure::new("journal", rates.median, "payments/s").against(Shape::Batch.name(), limits.median),
        Measure::new("journal_pg_cpu_us", cpus.median, "us/payment"),
    ])
}

async fn build(bench: &Bench) -> Result<PathBuf> {
    let mut cargo = bench.checkout.cargo();
    cargo.args(["build", "--release", "--package", "samsat-gateway", "--features", "measure"]);
    cargo.args(["--example", EXAMPLE]);
    let status = Proc::spawn("cargo build", &mut cargo)?.wait().await?;
    ensure!(status.success(), "`cargo build --example {EXAMPLE}` failed ({status})");
    Ok(bench.programs.gateway.with_file_name("examples").join(EXAMPLE))
}

/// Writes so many payments: the rate, and `PostgreSQL`'s processor time for each.
async fn run(field: &Field, program: &std::path::Path, payments: u64) -> Result<(Milli, Milli)> {
    let mut command = Command::new(program);
    crate::cluster::without_pg_settings(&mut command);
    command.args([&payments.to_string(), CLIENTS]).env("SAMSAT_CONFIG", &field.stack.first()?.config);
    let before = field.who.mark()?;
    let finished = stack::finish(&field.stack.run, "journal", &mut command).await?;
    super::slot::warn_if_disturbed(&before.until(&field.who.mark()?));
    ensure!(finished.success, "the journal failed: {}", finished.complained.trim());
    let value = |name: &str| {
        let found = printed(&finished.printed, name);
        found.with_context(|| format!("the journal printed no {name}: {}", finished.printed.trim()))
    };
    Ok((value("journal")?, value("journal_pg_cpu_us")?))
}

fn printed(text: &str, measure: &str) -> Option<Milli> {
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Printed>(line).ok());
    let found = lines.rfind(|line| line.measure == measure)?;
    Milli::parse(&found.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_one_measure() {
        let text = "{\"measure\":\"journal\",\"value\":8123.4,\"unit\":\"payments/s\"}\nnot JSON\n\
                    {\"measure\":\"journal_pg_cpu_us\",\"value\":110,\"unit\":\"us\"}\n";
        assert_eq!(printed(text, "journal"), Some(Milli(8_123_400)));
        assert_eq!(printed(text, "journal_pg_cpu_us"), Some(Milli(110_000)));
        assert_eq!(printed(text, "other"), None);
    }
}
