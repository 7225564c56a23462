//! Lookups: both authorities asked, their signatures checked, the quote kept. What each costs the gateway and the
//! database.

use anyhow::Result;

use super::Bench;
use super::field::{Field, LOOKED_UP, Outlets};
use super::load::Pace;
use super::measure::{Measure, Milli};
use super::slot::{Slot, enough, seconds, spread};
use crate::out::line;

/// Lookups that nobody times.
const WARM_UP: usize = 2_000;

/// Lookups by many outlets.
///
/// # Errors
/// When a lookup gives no quote or an invariant does not hold.
pub(crate) async fn lookup(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let slots = rounds(bench, &mut field).await?;
    field.close().await?;
    Ok(vec![
        Measure::new("lookup", spread(&slots, |slot| slot.rate).median, "lookups/s"),
        Measure::new(
            "lookup_gateway_cpu_us",
            spread(&slots, |slot| slot.each(slot.spent.gateway)).median,
            "us/lookup",
        ),
        Measure::new(
            "lookup_pg_cpu_us",
            spread(&slots, |slot| slot.each(slot.spent.postgres)).median,
            "us/lookup",
        ),
    ])
}

/// As many stretches as there are rounds, after one that is not kept.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn rounds(bench: &Bench, field: &mut Field) -> Result<Vec<Slot>> {
    let mut rate = stretch(field, Milli::default(), bench.options.seconds).await?.rate;
    let mut slots = Vec::new();
    for round in 1..=bench.options.rounds {
        let slot = stretch(field, rate, bench.options.seconds).await?;
        slot.print(&format!("{round} lookups"));
        rate = rate.max(slot.rate);
        slots.push(slot);
    }
    Ok(slots)
}

async fn stretch(field: &mut Field, rate: Milli, within: u32) -> Result<Slot> {
    let wanted = enough(rate, within, Pace::Closed).max(WARM_UP);
    let (questions, _) = field.questions(wanted, Outlets::All).await?;
    Slot::run(field, field.plan(Pace::Closed, seconds(within), LOOKED_UP), questions).await
}
