//! Receipts: how many signed payloads a second anyone can have checked by `POST /v1/receipts/verify`.
//!
//! That route also says what the receipt is worth now; the signature alone needs no gateway (`receipt verify`).

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets, nothing_else};
use super::load::{self, Pace};
use super::measure::{Measure, Milli};
use super::slot::{Slot, enough, seconds, spread};
use super::wire::Request;
use crate::out::line;

/// Receipts that are asked about in turn.
const RECEIPTS: usize = 500;
const FOUND: u16 = 200;

/// Checks of payloads through HTTP.
///
/// # Errors
/// When a receipt cannot be had, a check is not answered or an invariant does not hold.
pub(crate) async fn receipt(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let payloads = payloads(&mut field).await?;
    let mut rate = Milli::whole(2_000);
    let mut slots = Vec::new();
    for round in 0..=bench.options.rounds {
        let wanted = enough(rate, bench.options.seconds, Pace::Closed);
        let checks = payloads.iter().cycle().take(wanted).cloned().collect();
        let plan = field.plan(Pace::Closed, seconds(bench.options.seconds), FOUND);
        let slot = Slot::run(&field, plan, checks).await?;
        rate = rate.max(slot.rate);
        // The first only says how many the next ones need.
        if round > 0 {
            slot.print(&format!("{round} receipts"));
            slots.push(slot);
        }
    }
    field.close().await?;
    let median = |figure: fn(&Slot) -> Milli| spread(&slots, figure).median;
    Ok(vec![
        Measure::new("receipt", median(|slot| slot.rate), "checks/s"),
        Measure::new("receipt_gateway_cpu_us", median(|slot| slot.each(slot.spent.gateway)), "us/check"),
        Measure::new("receipt_pg_cpu_us", median(|slot| slot.each(slot.spent.postgres)), "us/check"),
    ])
}

/// Pays, fetches the receipts, and makes a check of each.
async fn payloads(field: &mut Field) -> Result<Vec<Request>> {
    let quotes = field.quotes(RECEIPTS, Outlets::All).await?;
    let owners: Vec<usize> = quotes.iter().map(|quote| quote.outlet).collect();
    let orders = field.orders(&quotes);
    let endless = seconds(600);
    let paid = load::send(field.plan(Pace::Closed, endless, CONFIRMED), Arc::new(orders), |index, body| {
        Some((index, serde_json::from_slice::<Paid>(body).ok()?.receipt_no))
    })
    .await?;
    nothing_else(&paid, "payments")?;
    let ask = |(index, number): &(usize, String)| {
        let owner = owners.get(*index).copied().unwrap_or_default();
        Request::get(&format!("/v1/receipts/{number}"), field.key(owner))
    };
    let questions = paid.kept.iter().map(ask).collect();
    let receipts = load::send(field.plan(Pace::Closed, endless, FOUND), Arc::new(questions), |_, body| {
        Some(serde_json::from_slice::<Receipt>(body).ok()?.payload)
    })
    .await?;
    nothing_else(&receipts, "receipts")?;
    ensure!(receipts.kept.len() == RECEIPTS, "{} of {RECEIPTS} receipts", receipts.kept.len());
    let check = |payload: String| {
        let body = serde_json::to_string(&Receipt { payload }).context("a payload that is no text")?;
        Ok(Request::post("/v1/receipts/verify", "", None, &body))
    };
    receipts.kept.into_iter().map(check).collect()
}

#[derive(Deserialize)]
struct Paid {
    receipt_no: String,
}

#[derive(Deserialize, serde::Serialize)]
struct Receipt {
    payload: String,
}
