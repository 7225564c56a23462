//! Payments through HTTP: signatures, both authorities' calls and the mock's own disk writes included, beside plain SQL.
//!
//! Quotes are made before the clock starts. Yardsticks and gateway take turns on the same server.

use anyhow::{Result, ensure};

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets};
use super::load::Pace;
use super::measure::{Measure, Milli};
use super::slot::{Slot, enough, millis, seconds, spread, warn_if_disturbed};
use super::stats::{Histogram, Spread};
use super::yardstick::{Shape, Stretch, Yardstick};
use crate::out::line;

/// Payments that nobody times: they open connections and say how many quotes a stretch needs.
const WARM_UP: usize = 2_000;
/// The gateway's own span of new payments.
const OWN_SPAN: &str = "payment_own_seconds";

/// Payments at many outlets, and their delay at half of the top rate.
///
/// # Errors
/// When a payment is not confirmed or an invariant does not hold.
pub(crate) async fn pay(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    let turns = turns(bench, &mut field, &[Shape::Plain, Shape::Batch], Outlets::All).await?;
    let (plain, batch) = (turns.yardstick(Shape::Plain), turns.yardstick(Shape::Batch));
    let rate = spread(&turns.slots, |slot| slot.rate);
    line(&format!("  payments/s {rate}; {} {plain}; {} {batch}", Shape::Plain.name(), Shape::Batch.name()));
    line(&format!("  ÷ batch 128: {}", rate.median.over(batch.median)));
    let own = at_half_rate(bench, &mut field, rate.median).await?;
    field.close().await?;
    let median = |figure: fn(&Slot) -> Milli| spread(&turns.slots, figure).median;
    let batch_cpu = turns.yardstick_cpu(Shape::Batch);
    Ok(vec![
        Measure::new("pay", rate.median, "payments/s").against(Shape::Plain.name(), plain.median),
        Measure::new("pg_cpu_us", median(|slot| slot.each(slot.spent.postgres)), "us/payment")
            .against(Shape::Batch.name(), batch_cpu),
        Measure::new("gateway_cpu_us", median(|slot| slot.each(slot.spent.gateway)), "us/payment"),
        Measure::new("pay_p99_ms", Milli(own.quantile(9_900)), "ms"),
    ])
}

/// Payments at one outlet alone.
///
/// # Errors
/// When a payment is not confirmed or an invariant does not hold.
pub(crate) async fn hot(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    let turns = turns(bench, &mut field, &[Shape::PlainHot], Outlets::One).await?;
    field.close().await?;
    let (rate, plain) = (spread(&turns.slots, |slot| slot.rate), turns.yardstick(Shape::PlainHot));
    line(&format!("  payments/s {rate}; {} {plain}", Shape::PlainHot.name()));
    let measure = Measure::new("pay_hot", rate.median, "payments/s");
    Ok(vec![measure.against(Shape::PlainHot.name(), plain.median)])
}

/// What all rounds gave.
#[derive(Debug)]
struct Turns {
    slots: Vec<Slot>,
    stretches: Vec<(Shape, Stretch)>,
}

impl Turns {
    fn yardstick(&self, shape: Shape) -> Spread {
        Spread::of(self.of(shape).map(|stretch| stretch.rate))
    }

    fn yardstick_cpu(&self, shape: Shape) -> Milli {
        Spread::of(self.of(shape).map(|stretch| stretch.pg_cpu_us)).median
    }

    fn of(&self, shape: Shape) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(move |(other, _)| *other == shape).map(|(_, stretch)| stretch)
    }
}

async fn turns(bench: &Bench, field: &mut Field, shapes: &[Shape], outlets: Outlets) -> Result<Turns> {
    line(&format!("  {}", field.server.settings()?));
    let mut yardstick = Yardstick::beside(&field.stack, &bench.checkout.root)?;
    let mut turns = Turns { slots: Vec::new(), stretches: Vec::new() };
    let mut rate = stretch(field, (Milli::default(), 60), Pace::Closed, outlets).await?.rate;
    for round in 1..=bench.options.rounds {
        for shape in shapes {
            let stretch = yardstick.run(*shape, bench.options.seconds).await?;
            line(&format!(
                "  {:<22} {:>7}/s  CPU-µs each: PostgreSQL {:>5}",
                format!("{round} {}", shape.name()),
                stretch.rate.to_string(),
                stretch.pg_cpu_us.to_string()
            ));
            warn_if_disturbed(&stretch.spent);
            turns.stretches.push((*shape, stretch));
        }
        let slot = stretch(field, (rate, bench.options.seconds), Pace::Closed, outlets).await?;
        slot.print(&format!("{round} gateway"));
        rate = rate.max(slot.rate);
        turns.slots.push(slot);
    }
    Ok(turns)
}

/// One stretch of payments; every one must be confirmed.
async fn stretch(
    field: &mut Field,
    (rate, within): (Milli, u32),
    pace: Pace,
    outlets: Outlets,
) -> Result<Slot> {
    let quotes = field.quotes(enough(rate, within, pace).max(WARM_UP), outlets).await?;
    let orders = field.orders(&quotes);
    Slot::run(field, field.plan(pace, seconds(within), CONFIRMED), orders).await
}

/// The gateway's own span while half as much comes as it could take.
async fn at_half_rate(bench: &Bench, field: &mut Field, top: Milli) -> Result<Histogram> {
    let half = (top.0 / 2_000).max(1);
    let pace = Pace::Open(half);
    let quotes = field.quotes(enough(top, bench.options.seconds, pace).max(WARM_UP), Outlets::All).await?;
    let orders = field.orders(&quotes);
    let before = Histogram::read(&field.metrics().await?, OWN_SPAN);
    let plan = field.plan(pace, seconds(bench.options.seconds), CONFIRMED);
    let slot = Slot::run(field, plan, orders).await?;
    let own = Histogram::read(&field.metrics().await?, OWN_SPAN).since(&before);
    slot.print("half rate");
    ensure!(own.count() >= slot.good, "{OWN_SPAN} counts {} of {} payments", own.count(), slot.good);
    let at = |of_10_000| millis(u32::try_from(own.quantile(of_10_000)).unwrap_or(u32::MAX));
    line(&format!(
        "  at {half}/s the gateway's own span without the authorities' time: p50 {}, p99 {}, p99.9 {} ms",
        at(5_000),
        at(9_900),
        at(9_990)
    ));
    Ok(own)
}
