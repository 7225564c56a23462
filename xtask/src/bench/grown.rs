//! A database as it looks after years: do payments and lookups cost the same as in an empty one?
//!
//! The rows come from `benches/grown/grow.sql`: copies of payments that were paid through the gateway. Nobody has
//! signed them anew, so of `verify` those checks are expected to object, and no other.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets};
use super::load::Pace;
use super::lookup;
use super::measure::{Measure, Milli};
use super::slot::{Slot, enough, seconds, spread};
use super::stats::Spread;
use crate::out::{line, tenths};

/// Payments that become the sample: one at each outlet.
const SAMPLE: u64 = 1_000;
/// Copies of the sample in one transaction.
const COPIES: u64 = 20;
/// How far back the copies reach.
const MONTHS: u32 = 24;
/// Checks that only an authority's or the gateway's signature on each single row can satisfy.
const SIGNED: [&str; 4] = [
    "every receipt is signed by us and says what the payment says",
    "every kept answer is signed by its host",
    "every quote is what both hosts signed",
    "what an authority booked, refused or took back is proven by its own words",
];

/// Rates of one kind of database.
#[derive(Debug, Clone, Copy)]
struct Rates {
    pay: Spread,
    pay_cpu: Spread,
    lookup: Spread,
}

/// Payments and lookups before and after the database has grown.
///
/// # Errors
/// When a payment is not confirmed, or an invariant does not hold that generated rows can satisfy.
pub(crate) async fn grown(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let empty = rates(bench, &mut field, "empty").await?;
    grow(bench, &field).await?;
    let grown = rates(bench, &mut field, "grown").await?;
    line(&format!("  payments/s {}, empty {}", grown.pay, empty.pay));
    line(&format!("  PostgreSQL CPU-µs a payment {}, empty {}", grown.pay_cpu, empty.pay_cpu));
    line(&format!("  lookups/s {}, empty {}", grown.lookup, empty.lookup));
    verify(field).await?;
    let count = bench.options.payments;
    Ok(vec![
        Measure::new("grown", grown.pay.median, "payments/s")
            .against(format!("empty, after {count} payments"), empty.pay.median),
        Measure::new("grown_pg_cpu_us", grown.pay_cpu.median, "us/payment")
            .against("empty", empty.pay_cpu.median),
        Measure::new("grown_lookup", grown.lookup.median, "lookups/s").against("empty", empty.lookup.median),
    ])
}

async fn rates(bench: &Bench, field: &mut Field, what: &str) -> Result<Rates> {
    let mut rate = Milli::default();
    let mut slots = Vec::new();
    for round in 0..=bench.options.rounds {
        let within = bench.options.seconds;
        let wanted = enough(rate, within, Pace::Closed).max(usize::try_from(SAMPLE)? * 2);
        let quotes = field.quotes(wanted, Outlets::All).await?;
        let orders = field.orders(&quotes);
        let slot = Slot::run(field, field.plan(Pace::Closed, seconds(within), CONFIRMED), orders).await?;
        rate = rate.max(slot.rate);
        // The first opens connections, fills caches, and says how many quotes the next ones need.
        if round > 0 {
            slot.print(&format!("{round} {what}"));
            slots.push(slot);
        }
    }
    let lookups = lookup::rounds(bench, field).await?;
    Ok(Rates {
        pay: spread(&slots, |slot| slot.rate),
        pay_cpu: spread(&slots, |slot| slot.each(slot.spent.postgres)),
        lookup: spread(&lookups, |slot| slot.rate),
    })
}

/// Copies the sample until the database has as many payments as asked for.
async fn grow(bench: &Bench, field: &Field) -> Result<()> {
    let begun = Instant::now();
    let copies = (bench.options.payments / SAMPLE).max(1);
    let script = bench.checkout.root.join("benches/grown/grow.sql");
    let sql =
        std::fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))?;
    run(field, format!("{sql}\nSELECT grow.prepare({copies}, {MONTHS});")).await?;
    let mut last = 0;
    while last < copies {
        let first = last + 1;
        last = (last + COPIES).min(copies);
        run(field, format!("SELECT grow.copies({first}, {last});")).await?;
    }
    run(field, format!("SELECT grow.finish({copies});\nVACUUM (ANALYZE);\nCHECKPOINT;")).await?;
    let size = field
        .server
        .query("SELECT count(*), pg_size_pretty(pg_database_size(current_database())) FROM payment")?;
    let (count, size) = size.trim().split_once('|').unwrap_or_default();
    line(&format!("  grown to {count} payments, {size}, in {} s", tenths(begun.elapsed())));
    Ok(())
}

/// Statements without a wait for the disk: the database is thrown away.
async fn run(field: &Field, sql: String) -> Result<()> {
    let server = field.server.clone();
    let all = format!("SET synchronous_commit = off;\n{sql}");
    tokio::task::spawn_blocking(move || server.query(&all)).await.context("psql's thread broke")??;
    Ok(())
}

/// Every invariant, but for signatures that generated rows cannot have.
async fn verify(field: Field) -> Result<()> {
    let begun = Instant::now();
    let verdict = field.stack.gateway_command(&["verify", "--json"]).await?;
    let report: Value = serde_json::from_str(&verdict.printed)
        .with_context(|| format!("verify printed no JSON: {}", verdict.complained))?;
    let (wrong, unsigned) = objections(&report);
    ensure!(wrong.is_empty(), "verify FAILED: {}", wrong.join("; "));
    line(&format!(
        "  ✓ verify: every invariant holds but for {unsigned} of signatures, which copied rows cannot have ({} s)",
        tenths(begun.elapsed())
    ));
    Ok(())
}

/// What is wrong, and how many checks object only because nobody signed the copies.
fn objections(report: &Value) -> (Vec<String>, usize) {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let broken: Vec<&Value> = checks.iter().filter(|check| check["holds"] != true).collect();
    let is_signed = |check: &&&Value| check["name"].as_str().is_some_and(|name| SIGNED.contains(&name));
    let unsigned = broken.iter().filter(is_signed).count();
    let mut wrong: Vec<String> = broken
        .iter()
        .filter(|check| !is_signed(check))
        .map(|check| check["offender"].as_str().unwrap_or("a check without a word").to_owned())
        .collect();
    if checks.is_empty() {
        wrong.push("nothing was checked".to_owned());
    }
    (wrong, unsigned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_missing_signatures_are_passed_over() {
        let report = json!({"checks": [
            {"name": SIGNED[0], "holds": false, "offender": "receipt 1"},
            {"name": "floats", "holds": false, "offender": "agent_float 2"},
            {"name": "books", "holds": true, "offender": null},
        ]});
        assert_eq!(objections(&report), (vec!["agent_float 2".to_owned()], 1));
        assert_eq!(objections(&json!({})).0.len(), 1);
    }
}
