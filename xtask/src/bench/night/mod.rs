//! A night of a million lines: staged, matched and published by `samsat-gateway reconcile`, beside `DuckDB`'s join of the
//! same files with our payments, which were exported for it beforehand.
//!
//! The payments are copies of real ones (`benches/grown`, `benches/night`), the files hold planted differences of nine
//! kinds, and exactly those must be found. Every turn brings the files under a new revision, so that each is stored.

mod duck;
mod files;

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use self::files::Files;
use super::field::{CONFIRMED, Field, Outlets};
use super::load::Pace;
use super::measure::{Measure, Milli};
use super::slot::Slot;
use super::stats::Spread;
use super::verdict;
use super::{Bench, usage};
use crate::out::{line, tenths};
use crate::process::Proc;

/// Payments that become the sample: one at each outlet.
const SAMPLE: usize = 1_000;
/// Longer than any preparation takes.
const ENDLESS: Duration = Duration::from_hours(1);
/// How often the memory of a night under way is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// One night.
#[derive(Debug, Clone, Copy)]
struct Night {
    staging: Milli,
    matching: Milli,
    publishing: Milli,
    peak_mb: Milli,
}

/// What the log says of a published night.
#[derive(Debug, Deserialize)]
struct Logged {
    #[serde(rename = "night.staging_ms")]
    staging: u64,
    #[serde(rename = "night.matching_ms")]
    matching: u64,
    #[serde(rename = "night.publishing_ms")]
    publishing: u64,
}

/// A night, `--rounds` times, each beside the yardstick.
///
/// # Errors
/// When something else is found than was planted, or an invariant does not hold.
pub(crate) async fn night(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    pay_sample(&mut field).await?;
    let files = Files::build(bench, &field).await?;
    let yardstick = duck::Yardstick::find(&bench.checkout.root, &files.folder);
    if yardstick.is_none() {
        line("  ! no ratio: neither `duckdb` nor python3 with the module duckdb is here");
    }
    let (mut nights, mut joins) = (Vec::new(), Vec::new());
    for round in 1..=bench.options.rounds {
        if let Some(yardstick) = &yardstick {
            let join = yardstick.join().await?;
            line(&format!("  {round} DuckDB   {join:>7} s"));
            joins.push(join);
        }
        files.offer(&field, round).await?;
        nights.push(one(&field, &files, round).await?);
    }
    verdict::but_for_signatures(&field.stack).await?;
    Ok(measures(&files, &nights, &joins))
}

/// Pays one vehicle's tax at each outlet.
async fn pay_sample(field: &mut Field) -> Result<()> {
    let quotes = field.quotes(SAMPLE, Outlets::All).await?;
    let orders = field.orders(&quotes);
    let slot = Slot::run(field, field.plan(Pace::Closed, ENDLESS, CONFIRMED), orders).await?;
    ensure!(slot.good == SAMPLE as u64, "only {} of {SAMPLE} payments are confirmed", slot.good);
    Ok(())
}

/// Runs one night and compares what it finds with what was planted.
async fn one(field: &Field, files: &Files, round: u32) -> Result<Night> {
    let folder = &field.stack.run.folder;
    let (printed, logged) = (folder.join("night.json"), folder.join("night.log"));
    let mut command = Command::new(&field.stack.programs.gateway);
    command
        .args(["reconcile", "--date", &files.date, "--json"])
        .env("SAMSAT_CONFIG", &field.stack.first()?.config)
        .env("SAMSAT__LOG__FILTER", "samsat_gateway::reconciliation=info")
        .env_remove("SAMSAT_TOKEN")
        .stdin(Stdio::null())
        .stdout(File::create(&printed)?)
        .stderr(File::create(&logged)?);
    let before = field.who.mark()?;
    let begun = Instant::now();
    let mut process = Proc::spawn("samsat-gateway reconcile", &mut command)?;
    let mut peak_kb = 0;
    let status = loop {
        peak_kb = usage::peak_kb(process.id()).unwrap_or(0).max(peak_kb);
        match process.ended()? {
            Some(status) => break status,
            None => tokio::time::sleep(LOOK).await,
        }
    };
    let wall = begun.elapsed();
    let spent = before.until(&field.who.mark()?);
    let log = std::fs::read_to_string(&logged)?;
    ensure!(status.success(), "the night is not published: {log}");
    let report: Value = serde_json::from_slice(&std::fs::read(&printed)?).context("no report")?;
    ensure!(report["balanced"] == true, "the night does not balance: {report}");
    let found: BTreeMap<String, u64> = serde_json::from_value(report["counts"].clone())?;
    let found: BTreeMap<String, u64> = found.into_iter().filter(|(_, lines)| *lines > 0).collect();
    ensure!(found == files.expected, "planted {:?}, found {found:?}", files.expected);
    let parts = log.lines().find_map(parts).context("the log does not say how long the night took")?;
    let milli = |millis: u64| Milli(millis);
    let night = Night {
        staging: milli(parts.staging),
        matching: milli(parts.matching),
        publishing: milli(parts.publishing),
        peak_mb: Milli::divided(peak_kb, 1_000),
    };
    line(&format!(
        "  {round} gateway  {:>7} s: staging {}, matching {}, publishing {}; memory {} MB; CPU-s: gateway {}, PostgreSQL {}, mock {}; process {} s",
        night.wall(),
        night.staging,
        night.matching,
        night.publishing,
        night.peak_mb,
        Milli::divided(spent.client, 1_000_000),
        Milli::divided(spent.postgres, 1_000_000),
        Milli::divided(spent.mock, 1_000_000),
        tenths(wall)
    ));
    if spent.is_disturbed() {
        line(&format!("  ! others took {} of 100 of all processors", spent.others_share()));
    }
    Ok(night)
}

fn parts(logged: &str) -> Option<Logged> {
    let logged: Value = serde_json::from_str(logged).ok()?;
    serde_json::from_value(logged.get("fields")?.clone()).ok()
}

impl Night {
    fn wall(self) -> Milli {
        Milli(self.staging.0 + self.matching.0 + self.publishing.0)
    }
}

fn measures(files: &Files, nights: &[Night], joins: &[Milli]) -> Vec<Measure> {
    let median = |part: fn(Night) -> Milli| Spread::of(nights.iter().map(|night| part(*night))).median;
    let name = files.name();
    let peak = nights.iter().map(|night| night.peak_mb).max().unwrap_or_default();
    let join = Spread::of(joins.iter().copied()).median;
    let beside = |measure: Measure| {
        if joins.is_empty() { measure } else { measure.against("DuckDB's join of the same files", join) }
    };
    vec![
        beside(Measure::new(name.clone(), median(Night::wall), "s")),
        beside(Measure::new(format!("{name}_match"), median(|night| night.matching), "s")),
        Measure::new(format!("{name}_mb"), peak, "MB"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_night_stand_in_its_log() {
        let logged = r#"{"level":"INFO","fields":{"message":"The night is published.","night.staging_ms":1,"night.matching_ms":2,"night.publishing_ms":3}}"#;
        let found = parts(logged).unwrap();
        assert_eq!((found.staging, found.matching, found.publishing), (1, 2, 3));
        assert!(parts("{}").is_none() && parts("x").is_none());
    }
}
