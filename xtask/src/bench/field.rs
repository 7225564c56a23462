//! Where a benchmark takes place: a running stack with many outlets, and vehicles that nobody has paid for yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Bench;
use super::load::{self, Pace, Plan, Seen};
use super::server::Server;
use super::usage::Who;
use super::verdict;
use super::wire::Request;
use crate::out::Steps;
use crate::stack::{self, Seed, Stack};

/// Clients at once: with fewer it is the waiting for commits and authorities that is measured.
pub(crate) const CLIENTS: usize = 256;
/// As many outlets as the yardstick has floats.
const OUTLETS: u32 = 1_000;
/// Rupiah each: no stretch may end because one outlet has run dry.
const FLOAT: u64 = 4_000_000_000_000;
/// Vehicles asked of the mock the first time.
const VEHICLES: u32 = 100_000;
/// Longer than any preparation takes.
const ENDLESS: Duration = Duration::from_hours(1);

/// A stack under test.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) stack: Stack,
    pub(crate) who: Who,
    pub(crate) server: Server,
    pub(crate) port: u16,
    keys: Vec<String>,
    vehicles: VecDeque<Vehicle>,
    /// How many payable ones the mock has been asked for.
    vehicles_known: u32,
    /// Makes idempotency keys.
    counter: u64,
}

#[derive(Debug, Deserialize)]
struct Vehicle {
    plate: String,
    chassis_last5: String,
    case: String,
}

/// What a lookup answered, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) outlet: usize,
    lookup_id: String,
    total: u64,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlets {
    All,
    /// One alone.
    One,
}

impl Field {
    /// Sets a new cluster and a whole stack up.
    ///
    /// # Errors
    /// When the stack does not start.
    pub(crate) async fn new(bench: &Bench) -> Result<Self> {
        let plan = stack::Plan {
            fresh: true,
            gateways: 1,
            external: None,
            upstream_tuning: &[],
            seed: Seed { agents: OUTLETS, float: FLOAT },
        };
        let stack = Stack::up(&bench.checkout, plan, bench.programs.clone(), &mut Steps::silent()).await?;
        let key = |agent: &serde_json::Value| agent["api_key"].as_str().map(str::to_owned);
        let keys: Vec<String> = stack.demo_file.list("agents").iter().filter_map(key).collect();
        ensure!(!keys.is_empty(), "the seed made no outlets");
        Ok(Self {
            who: Who::of(&stack)?,
            server: Server::of(&stack)?,
            port: stack.first()?.port,
            stack,
            keys,
            vehicles: VecDeque::new(),
            vehicles_known: 0,
            counter: 0,
        })
    }

    /// Has every invariant recomputed and takes the stack down.
    ///
    /// # Errors
    /// When one does not hold.
    pub(crate) async fn close(self) -> Result<()> {
        verdict::green(&self.stack).await
    }

    /// Questions about vehicles that have not been paid for, `wanted` of them, and whose they are.
    ///
    /// # Errors
    /// When the mock does not name more vehicles.
    pub(crate) async fn questions(
        &mut self,
        wanted: usize,
        outlets: Outlets,
    ) -> Result<(Vec<Request>, Vec<usize>)> {
        while self.vehicles.len() < wanted {
            self.more_vehicles().await?;
        }
        let among = if outlets == Outlets::One { 1 } else { self.keys.len() };
        let owners: Vec<usize> = (0..wanted).map(|index| index % among).collect();
        let questions = owners.iter().zip(self.vehicles.drain(..wanted)).map(|(owner, vehicle)| {
            let body = serde_json::json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis_last5});
            let key = self.keys.get(*owner).map(String::as_str).unwrap_or_default();
            Request::post("/v1/lookups", key, None, &body.to_string())
        });
        Ok((questions.collect(), owners))
    }

    /// Quotes to pay, `wanted` of them. Nothing here is timed.
    ///
    /// # Errors
    /// When a lookup is answered with anything but a quote.
    pub(crate) async fn quotes(&mut self, wanted: usize, outlets: Outlets) -> Result<Vec<Quote>> {
        self.quotes_over(CLIENTS, wanted, outlets).await
    }

    /// The same over so many connections.
    ///
    /// # Errors
    /// When a lookup is answered with anything but a quote.
    pub(crate) async fn quotes_over(
        &mut self,
        connections: usize,
        wanted: usize,
        outlets: Outlets,
    ) -> Result<Vec<Quote>> {
        let (questions, owners) = self.questions(wanted, outlets).await?;
        let plan = Plan { connections, ..self.plan(Pace::Closed, ENDLESS, LOOKED_UP) };
        let seen = load::send(plan, Arc::new(questions), move |index, body| quote(*owners.get(index)?, body))
            .await?;
        nothing_else(&seen, "lookups")?;
        Ok(seen.kept)
    }

    /// Requests that pay those quotes, each under a key of its own.
    pub(crate) fn orders(&mut self, quotes: &[Quote]) -> Vec<Request> {
        let orders = quotes.iter().map(|quote| {
            self.counter += 1;
            let body = format!("{{\"lookup_id\":\"{}\",\"amount\":{}}}", quote.lookup_id, quote.total);
            let key = self.keys.get(quote.outlet).map(String::as_str).unwrap_or_default();
            Request::post("/v1/payments", key, Some(&idempotency_key(self.counter)), &body)
        });
        orders.collect()
    }

    /// The key of an outlet.
    pub(crate) fn key(&self, outlet: usize) -> &str {
        self.keys.get(outlet).map(String::as_str).unwrap_or_default()
    }

    /// Load on this stack by [`CLIENTS`] clients.
    pub(crate) fn plan(&self, pace: Pace, within: Duration, expected: u16) -> Plan {
        Plan { port: self.port, clients: CLIENTS, connections: CLIENTS, pace, within, expected }
    }

    /// The gateway's metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.stack.first()?.ops_url());
        let client = reqwest::Client::builder().no_proxy().build().context("cannot build an HTTP client")?;
        client.get(url).send().await?.text().await.context("cannot read the metrics")
    }

    async fn more_vehicles(&mut self) -> Result<()> {
        let known = self.vehicles_known;
        self.vehicles_known = if known == 0 { VEHICLES } else { known.saturating_mul(2) };
        let printed = self.stack.vehicles(self.vehicles_known).await?;
        let all: Vec<Vehicle> =
            serde_json::from_str(&printed).context("mock-bapenda vehicles printed no JSON")?;
        // A longer list begins with the shorter one.
        let payable = all.into_iter().filter(|vehicle| vehicle.case == "PAYABLE");
        let before = self.vehicles.len();
        self.vehicles.extend(payable.skip(usize::try_from(known)?));
        ensure!(self.vehicles.len() > before, "the mock knows no more vehicles than {known}");
        Ok(())
    }
}

/// The status of a quote and of a confirmed payment.
pub(crate) const LOOKED_UP: u16 = 201;
pub(crate) const CONFIRMED: u16 = 201;

/// Says so when an answer was not what it had to be.
///
/// # Errors
/// Then: with the first of them.
pub(crate) fn nothing_else<T>(seen: &Seen<T>, what: &str) -> Result<()> {
    let first = seen.complaint.as_deref().unwrap_or_default();
    ensure!(seen.others.is_empty(), "{what} answered otherwise {:?}; the first: {first}", seen.others);
    Ok(())
}

#[derive(Deserialize)]
struct QuoteBody<'a> {
    lookup_id: &'a str,
    total: u64,
}

fn quote(outlet: usize, body: &[u8]) -> Option<Quote> {
    let body: QuoteBody<'_> = serde_json::from_slice(body).ok()?;
    Some(Quote { outlet, lookup_id: body.lookup_id.to_owned(), total: body.total })
}

/// As scattered as the random keys of real programs, for the index they go into.
fn idempotency_key(counter: u64) -> String {
    let (one, two) = (scattered(counter), scattered(!counter));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        one >> 32,
        one >> 16 & 0xffff,
        one & 0xfff,
        two >> 52,
        two & 0xffff_ffff_ffff
    )
}

/// `SplitMix64`'s last step: different for different numbers.
fn scattered(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_what_must_be_paid() {
        let body = br#"{"lookup_id": "a-b", "pay_code": "1", "total": 605000, "vehicle": {}}"#;
        assert_eq!(quote(3, body), Some(Quote { outlet: 3, lookup_id: "a-b".into(), total: 605_000 }));
        assert_eq!(quote(3, b"{}"), None);
    }

    #[test]
    fn no_two_keys_are_the_same() {
        let keys: std::collections::HashSet<String> = (0..10_000).map(idempotency_key).collect();
        assert_eq!(keys.len(), 10_000);
        assert!(keys.iter().all(|key| key.len() == 36));
    }
}
