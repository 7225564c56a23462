//! The business day: twenty outlets serve citizens side by side, and a gateway is killed in the middle.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::task::JoinSet;

use super::api::Api;
use super::cashier::{Cashier, Visitor};
use super::tally::Tally;
use crate::out;
use crate::stack::{Address, Stack};

/// What the day is made of.
pub(crate) const OUTLETS: usize = 20;
pub(crate) const PAYMENTS: u32 = 1_000;
/// Every so many visitors one comes whose bill cannot be paid.
const UNPAYABLE_EVERY: usize = 15;
/// How long doubts may take to settle once the authorities behave again.
const SETTLE: Duration = Duration::from_secs(40);

/// Those who come, and how many have paid.
#[derive(Debug)]
pub(crate) struct Day {
    queue: Mutex<VecDeque<Visitor>>,
    taken: AtomicU32,
    bar: ProgressBar,
}

impl Day {
    /// A queue of visitors from the vehicles in `DEMO_FILE`.
    pub(crate) fn new(vehicles: &[Value]) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(PAYMENTS.into())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos:>4}/{len} payments, {elapsed}") {
            bar.set_style(style);
        }
        Self { queue: Mutex::new(queue(vehicles)), taken: AtomicU32::new(0), bar }
    }

    /// The next in the queue.
    pub(crate) fn next(&self) -> Option<Visitor> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether the day's payments are all taken; if not, one is to be taken now.
    fn claim(&self) -> bool {
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                (taken < PAYMENTS).then_some(taken + 1)
            })
            .is_ok()
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }

    fn show(&self) {
        self.bar.inc(1);
        let done = self.bar.position();
        if self.bar.is_hidden() && done.is_multiple_of(u64::from(PAYMENTS / 10)) {
            out::line(&format!("    {done:>4}/{PAYMENTS} payments"));
        }
    }
}

/// One cashier per outlet.
///
/// # Errors
/// When `DEMO_FILE` has too few agents.
pub(crate) fn cashiers(stack: &Stack) -> Result<Vec<Cashier>> {
    let urls: Vec<String> = stack.addresses.iter().map(Address::url).collect();
    let agents = stack.demo_file.list("agents");
    anyhow::ensure!(agents.len() >= OUTLETS, "the seed made {} outlets, {OUTLETS} are needed", agents.len());
    agents
        .iter()
        .take(OUTLETS)
        .enumerate()
        .map(|(index, agent)| {
            let member =
                |name: &str| agent[name].as_str().with_context(|| format!("an agent without {name}"));
            let key_prefix = format!("{}-{}", stack.run.id, member("agent_code")?);
            Ok(Cashier::new(Api::new(&urls, member("api_key")?, index)?, key_prefix))
        })
        .collect()
}

/// The first payment of the day, before anything goes wrong.
///
/// # Errors
/// When it is not confirmed at once.
pub(crate) async fn first_payment(day: &Day, cashier: &mut Cashier) -> Result<()> {
    let visitor = day.next().context("no vehicle can be paid for")?;
    day.claim();
    cashier.serve(&visitor).await;
    day.show();
    anyhow::ensure!(cashier.tally.confirmed_all() == 1, "the first payment failed: {:?}", cashier.tally);
    Ok(())
}

/// The rest of the day. A gateway is killed when half of the payments are taken.
///
/// # Errors
/// When a cashier's task breaks.
pub(crate) async fn work(stack: &Stack, day: &Arc<Day>, cashiers: Vec<Cashier>) -> Result<Vec<Cashier>> {
    let mut counters = JoinSet::new();
    for mut cashier in cashiers {
        let day = Arc::clone(day);
        counters.spawn(async move {
            while day.claim() {
                let Some(visitor) = day.next() else { break };
                if cashier.serve(&visitor).await {
                    day.show();
                } else {
                    day.give_back();
                }
            }
            cashier
        });
    }
    let half = async {
        while day.bar.position() < u64::from(PAYMENTS / 2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stack.gateways.kill(0);
    };
    let everybody = async {
        let mut done = Vec::new();
        while let Some(cashier) = counters.join_next().await {
            done.push(cashier.context("a cashier's task broke")?);
        }
        anyhow::Ok(done)
    };
    tokio::pin!(everybody);
    let done = tokio::select! {
        done = &mut everybody => done?,
        () = half => everybody.await?,
    };
    day.bar.finish_and_clear();
    Ok(done)
}

/// Waits until every doubt has an end or waits for people.
///
/// # Errors
/// When a cashier's task breaks.
pub(crate) async fn settle(cashiers: Vec<Cashier>) -> Result<Vec<Cashier>> {
    let deadline = Instant::now() + SETTLE;
    let mut counters = JoinSet::new();
    for mut cashier in cashiers {
        counters.spawn(async move {
            cashier.settle(deadline).await;
            cashier
        });
    }
    let mut done = Vec::new();
    while let Some(cashier) = counters.join_next().await {
        done.push(cashier.context("a cashier's task broke")?);
    }
    Ok(done)
}

/// What all outlets did.
pub(crate) fn add_up(cashiers: Vec<Cashier>) -> Tally {
    let mut all = Tally::default();
    for cashier in cashiers {
        all.merge(cashier.tally);
    }
    all
}

/// Those who can pay, with one of another case now and then, each case in turn.
fn queue(vehicles: &[Value]) -> VecDeque<Visitor> {
    let (mut payable, mut others) = (Vec::new(), Vec::new());
    for vehicle in vehicles {
        let member = |name: &str| vehicle[name].as_str().unwrap_or_default().to_owned();
        let case = member("case");
        let visitor = Visitor {
            plate: member("plate"),
            chassis_last5: member("chassis_last5"),
            payable: case == "PAYABLE",
        };
        if visitor.payable { payable.push(visitor) } else { others.push((case, visitor)) }
    }
    let mut others = in_turn(others).into_iter();
    let mut queue = VecDeque::with_capacity(vehicles.len());
    for (index, visitor) in payable.into_iter().enumerate() {
        queue.push_back(visitor);
        if index % UNPAYABLE_EVERY == UNPAYABLE_EVERY - 1 {
            queue.extend(others.next());
        }
    }
    queue
}

/// One of each case, then the second of each, and so on.
fn in_turn(visitors: Vec<(String, Visitor)>) -> Vec<Visitor> {
    let mut seen: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    let mut ranked: Vec<(u32, Visitor)> = visitors
        .into_iter()
        .map(|(case, visitor)| {
            let rank = seen.entry(case).or_default();
            *rank += 1;
            (*rank, visitor)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, visitor)| visitor).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_other_case_comes_in_turn() {
        let vehicle = |plate: usize, case: &str| json!({"plate": plate.to_string(), "chassis_last5": "1", "case": case});
        let mut vehicles: Vec<Value> = (0..60).map(|plate| vehicle(plate, "PAYABLE")).collect();
        vehicles.extend([vehicle(100, "NOT_FOUND"), vehicle(101, "NOT_FOUND"), vehicle(102, "CORPORATE")]);
        let queue = queue(&vehicles);
        let others: Vec<&str> =
            queue.iter().filter(|visitor| !visitor.payable).map(|visitor| visitor.plate.as_str()).collect();
        assert_eq!(others, ["100", "102", "101"]);
        assert!(queue[0].payable);
        assert_eq!(queue.len(), 63);
    }

    #[test]
    fn no_more_payments_are_claimed_than_the_day_has() {
        let day = Day::new(&[]);
        let claimed = (0..PAYMENTS + 10).filter(|_| day.claim()).count();
        assert_eq!(claimed, usize::try_from(PAYMENTS).unwrap());
        day.give_back();
        assert!(day.claim());
        assert!(!day.claim());
    }
}
