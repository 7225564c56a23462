//! A payment's time within the gateway, without the authorities': at half of the top rate, and alone.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets};
use super::load::{Pace, Plan};
use super::measure::Milli;
use super::pay::WARM_UP;
use super::slot::{Slot, enough, millis, seconds};
use super::stats::Histogram;
use crate::out::line;

/// The gateway's own span of new payments, as its metrics name it.
const METRIC: &str = "payment_own_seconds";
/// Payments one after the other.
const ALONE: usize = 200;
/// After this a session at rest has reported what it flushed (`PGSTAT_IDLE_INTERVAL` is 10 s).
const REPORTED: Duration = Duration::from_millis(10_500);

/// The span while half as much comes as the gateway could take.
///
/// # Errors
/// When a connection breaks or the gateway does not count its payments.
pub(crate) async fn at_half_rate(bench: &Bench, field: &mut Field, top: Milli) -> Result<Histogram> {
    let half = (top.0 / 2_000).max(1);
    let pace = Pace::Open(half);
    let wanted = enough(top, bench.options.seconds, pace).max(WARM_UP);
    let plan = field.plan(pace, seconds(bench.options.seconds), CONFIRMED);
    let (slot, own) = stretch(field, plan, wanted).await?;
    slot.print("half rate");
    say(&format!("at {half}/s"), &own);
    Ok(own)
}

/// The span of payments that meet no other, and how often each waits for the disk.
///
/// # Errors
/// When a connection breaks or the gateway does not count its payments.
pub(crate) async fn alone(field: &mut Field) -> Result<()> {
    let plan = Plan { clients: 1, connections: 1, ..field.plan(Pace::Closed, seconds(600), CONFIRMED) };
    let quotes = field.quotes(ALONE, Outlets::All).await?;
    tokio::time::sleep(REPORTED).await;
    let before = field.server.written()?;
    let orders = field.orders(&quotes);
    let (slot, own) = paid(field, plan, orders).await?;
    tokio::time::sleep(REPORTED).await;
    let written = before.until(field.server.written()?);
    slot.print("alone");
    say("alone", &own);
    line(&format!("  alone each payment flushed the log {} times", Milli::divided(written.syncs, slot.good)));
    Ok(())
}

async fn stretch(field: &mut Field, plan: Plan, wanted: usize) -> Result<(Slot, Histogram)> {
    let quotes = field.quotes(wanted, Outlets::All).await?;
    let orders = field.orders(&quotes);
    paid(field, plan, orders).await
}

async fn paid(field: &Field, plan: Plan, orders: Vec<super::wire::Request>) -> Result<(Slot, Histogram)> {
    let before = Histogram::read(&field.metrics().await?, METRIC);
    let slot = Slot::run(field, plan, orders).await?;
    let own = Histogram::read(&field.metrics().await?, METRIC).since(&before);
    ensure!(own.count() >= slot.good, "{METRIC} counts {} of {} payments", own.count(), slot.good);
    Ok((slot, own))
}

fn say(when: &str, own: &Histogram) {
    let at = |of_10_000| millis(u32::try_from(own.quantile(of_10_000)).unwrap_or(u32::MAX));
    line(&format!(
        "  {when} the gateway's own span without the authorities' time: p50 {}, p99 {}, p99.9 {} ms",
        at(5_000),
        at(9_900),
        at(9_990)
    ));
}
