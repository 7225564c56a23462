//! Receipts: how many signed payloads a second anyone can have checked by `POST /v1/receipts/verify`, and what a PDF costs.
//!
//! That route also says what the receipt is worth now; the signature alone needs no gateway (`receipt verify`). A PDF is
//! asked for like any other answer: its processor time is the gateway's, questions to the database and HTTP included.

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

/// How many PDFs a second the first stretch expects; it only has to be enough to measure with.
const PDF_RATE: u64 = 500;

/// Checks of payloads, and PDFs, through HTTP.
///
/// # Errors
/// When a receipt cannot be had, a check is not answered or an invariant does not hold.
pub(crate) async fn receipt(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let receipts = receipts(&mut field).await?;
    let checks: Vec<Request> = receipts.iter().map(check).collect::<Result<_>>()?;
    let checks = slots(bench, &field, ("checks", Milli::whole(2_000)), &checks).await?;
    let pdfs = receipts.iter().map(|receipt| pdf(&field, receipt)).collect::<Vec<_>>();
    let pdfs = slots(bench, &field, ("PDFs", Milli::whole(PDF_RATE)), &pdfs).await?;
    field.close().await?;
    let median = |slots: &[Slot], figure: fn(&Slot) -> Milli| spread(slots, figure).median;
    let gateway = |slot: &Slot| slot.each(slot.spent.gateway);
    Ok(vec![
        Measure::new("receipt", median(&checks, |slot| slot.rate), "checks/s"),
        Measure::new("receipt_gateway_cpu_us", median(&checks, gateway), "us/check"),
        Measure::new("receipt_pg_cpu_us", median(&checks, |slot| slot.each(slot.spent.postgres)), "us/check"),
        Measure::new("pdf", median(&pdfs, |slot| slot.rate), "PDFs/s"),
        Measure::new("pdf_cpu_ms", median(&pdfs, gateway).over(Milli::whole(1_000)), "ms/PDF"),
    ])
}

/// One stretch a round, the requests in turn.
async fn slots(
    bench: &Bench,
    field: &Field,
    (what, first): (&str, Milli),
    requests: &[Request],
) -> Result<Vec<Slot>> {
    let mut rate = first;
    let mut slots = Vec::new();
    for round in 0..=bench.options.rounds {
        let wanted = enough(rate, bench.options.seconds, Pace::Closed);
        let plan = field.plan(Pace::Closed, seconds(bench.options.seconds), FOUND);
        let slot = Slot::run(field, plan, requests.iter().cycle().take(wanted).cloned().collect()).await?;
        rate = rate.max(slot.rate);
        // The first only says how many the next ones need.
        if round > 0 {
            slot.print(&format!("{round} {what}"));
            slots.push(slot);
        }
    }
    Ok(slots)
}

/// A receipt that can be asked for.
struct Issued {
    owner: usize,
    number: String,
    payload: String,
}

fn check(receipt: &Issued) -> Result<Request> {
    let body = serde_json::json!({"payload": receipt.payload});
    let body = serde_json::to_string(&body).context("a payload that is no text")?;
    Ok(Request::post("/v1/receipts/verify", "", None, &body))
}

fn pdf(field: &Field, receipt: &Issued) -> Request {
    let path = format!("/v1/receipts/{}", receipt.number);
    Request::get_as("application/pdf", &path, field.key(receipt.owner))
}

/// Pays, and fetches the receipts.
async fn receipts(field: &mut Field) -> Result<Vec<Issued>> {
    let quotes = field.quotes(RECEIPTS, Outlets::All).await?;
    let owners: Vec<usize> = quotes.iter().map(|quote| quote.outlet).collect();
    let orders = field.orders(&quotes);
    let endless = seconds(600);
    let paid = load::send(field.plan(Pace::Closed, endless, CONFIRMED), Arc::new(orders), |index, body| {
        Some((index, serde_json::from_slice::<Paid>(body).ok()?.receipt_no))
    })
    .await?;
    nothing_else(&paid, "payments")?;
    let paid: Vec<(usize, String)> = paid.kept;
    let owner = |index: &usize| owners.get(*index).copied().unwrap_or_default();
    let ask = |(index, number): &(usize, String)| {
        Request::get(&format!("/v1/receipts/{number}"), field.key(owner(index)))
    };
    let questions = paid.iter().map(ask).collect();
    let plan = field.plan(Pace::Closed, endless, FOUND);
    let receipts = load::send(plan, Arc::new(questions), |index, body| {
        Some((index, serde_json::from_slice::<Receipt>(body).ok()?.payload))
    })
    .await?;
    nothing_else(&receipts, "receipts")?;
    ensure!(receipts.kept.len() == RECEIPTS, "{} of {RECEIPTS} receipts", receipts.kept.len());
    let issued = receipts.kept.into_iter().filter_map(|(asked, payload)| {
        let (index, number) = paid.get(asked)?;
        Some(Issued { owner: owner(index), number: number.clone(), payload })
    });
    Ok(issued.collect())
}

#[derive(Deserialize)]
struct Paid {
    receipt_no: String,
}

#[derive(Deserialize)]
struct Receipt {
    payload: String,
}
