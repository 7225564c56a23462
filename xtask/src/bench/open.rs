//! Memory: what the gateway holds while thousands of connections are open and as much comes as it can take.
//!
//! Lookups and payments take turns, each over all connections; a flat line over minutes says that nothing is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets};
use super::load::{Pace, Plan};
use super::measure::{Measure, Milli};
use super::slot::{Slot, enough, seconds};
use super::usage::resident_kb;
use crate::out::line;

/// One turn of lookups and payments lasts about so long.
const TURN: u32 = 20;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Payments of the first turn, which says how many the next ones need.
const WARM_UP: usize = 2_000;

/// Resident kilobytes, so many milliseconds after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    ms: u64,
    kb: u64,
}

/// Memory under load, with `--connections` open for `--seconds`.
///
/// # Errors
/// When a payment is not confirmed or an invariant does not hold.
pub(crate) async fn open(bench: &Bench) -> Result<Vec<Measure>> {
    allow_open_files(bench.options.connections)?;
    let mut field = Field::new(bench).await?;
    let gateway = *field.stack.gateways.ids().first().context("no gateway")?;
    let samples = Arc::new(Mutex::new(Vec::new()));
    let looking = tokio::spawn(look(gateway, Arc::clone(&samples)));
    let begun = Instant::now();
    let length = seconds(bench.options.seconds);
    let (mut rate, mut turn, mut reopened) = (Milli::default(), 0, 0);
    while begun.elapsed() < length {
        turn += 1;
        let slot = one_turn(bench, &mut field, rate).await?;
        rate = rate.max(slot.rate);
        reopened += slot.reopened;
        slot.print(&format!("{turn} resident {} MB", resident_kb(gateway)? / 1_024));
    }
    looking.abort();
    let samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
    let resting = resident_kb(gateway)?;
    field.close().await?;
    let most = samples.iter().map(|sample| sample.kb).max().unwrap_or_default();
    let growth = growth_a_minute(settled(&samples));
    line(&format!(
        "  {} connections for {} s: at most {} MB; {growth} kB a minute after the first quarter; {} MB when nobody \
         asks; {reopened} connections had to be opened again",
        bench.options.connections,
        begun.elapsed().as_secs(),
        most / 1_024,
        resting / 1_024
    ));
    Ok(vec![
        Measure::new("open_mb", Milli::divided(most, 1_024), "MB"),
        Measure::new("open_growth_kb", Milli::whole(u64::try_from(growth).unwrap_or_default()), "kB/minute"),
    ])
}

/// Quotes and their payments, over all connections.
async fn one_turn(bench: &Bench, field: &mut Field, rate: Milli) -> Result<Slot> {
    let wanted = enough(rate, TURN, Pace::Closed).max(WARM_UP);
    let connections = bench.options.connections;
    let quotes = field.quotes_over(connections, wanted, Outlets::All).await?;
    let orders = field.orders(&quotes);
    let plan = Plan { connections, ..field.plan(Pace::Closed, seconds(TURN), CONFIRMED) };
    Slot::run(field, plan, orders).await
}

async fn look(gateway: u32, samples: Arc<Mutex<Vec<Sample>>>) {
    let begun = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        if let Ok(kb) = resident_kb(gateway) {
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            samples.lock().unwrap_or_else(PoisonError::into_inner).push(Sample { ms, kb });
        }
    }
}

/// Every connection is a file here and one in the gateway, which takes our limit over.
fn allow_open_files(connections: usize) -> Result<()> {
    let needed = u64::try_from(connections)?.saturating_add(500);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .with_context(|| format!("cannot open {needed} files at once: raise the limit (ulimit -Hn)"))
}

/// Without the first quarter, in which pools and buffers reach their size.
fn settled(samples: &[Sample]) -> &[Sample] {
    samples.get(samples.len() / 4..).unwrap_or_default()
}

/// Slope of the straight line through all samples (least squares), in kilobytes a minute.
fn growth_a_minute(samples: &[Sample]) -> i64 {
    let signed = |number: u64| i128::from(number);
    let count = i128::try_from(samples.len()).unwrap_or_default();
    let (mut ms, mut kb, mut both, mut squares) = (0_i128, 0_i128, 0_i128, 0_i128);
    for sample in samples {
        ms += signed(sample.ms);
        kb += signed(sample.kb);
        both += signed(sample.ms) * signed(sample.kb);
        squares += signed(sample.ms) * signed(sample.ms);
    }
    let slope = (60_000 * (count * both - ms * kb)).checked_div(count * squares - ms * ms);
    slope.and_then(|slope| i64::try_from(slope).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_growth_is_found() {
        let samples: Vec<Sample> =
            (0..120).map(|second| Sample { ms: second * 1_000, kb: 50_000 + 3 * second }).collect();
        assert_eq!(growth_a_minute(&samples), 180);
        assert_eq!(settled(&samples).len(), 90);
    }

    #[test]
    fn a_flat_line_grows_by_nothing() {
        let flat: Vec<Sample> = (0..60).map(|second| Sample { ms: second * 1_000, kb: 70_000 }).collect();
        assert_eq!(growth_a_minute(&flat), 0);
        assert_eq!(growth_a_minute(&[]), 0);
        assert_eq!(growth_a_minute(&flat[..1]), 0);
    }
}
