//! Cashiers who wait: what it costs when two hundred pages follow a payment, each as often as the counter's script does.
//!
//! Each cashier stands at an outlet of its own, with a session and a payment of its own. The payments are paid ones: their
//! question and its answer (`304`, two rows by key) are those of an open one, and nothing but the following is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::Bench;
use super::field::{CONFIRMED, Field, Outlets, nothing_else};
use super::load::{self, Pace};
use super::measure::{Measure, Milli};
use super::slot::{millis, seconds, warn_if_disturbed};
use super::stats::percentile;
use super::wire::{Connection, Request};
use crate::out::line;

/// Pages that wait at once.
const CASHIERS: usize = 200;
/// As `templates/counter.js` has it: the first question, and the longest pause; each pause is half as long again.
const FIRST_MS: u64 = 3_000;
const LONGEST_MS: u64 = 30_000;
/// Nothing has changed.
const UNCHANGED: u16 = 304;

/// People and their sign-ins, one at each of the first outlets. The token is as good as one that the gateway made.
const PEOPLE: &str = "
  INSERT INTO person (person_id, username, password_hash, role, created_at, agent_id)
  SELECT gen_random_uuid(), 'kasir.' || agent_no, 'none', 'kasir', now(), agent_id FROM agent WHERE agent_no <= 200;
  INSERT INTO person_session (token_sha256, session_id, person_id, device_sha256, device_name, created_at, seen_at)
  SELECT sha256(('ses_bench_' || a.agent_no)::bytea), gen_random_uuid(), m.person_id, sha256(('dev_' || a.agent_no)::bytea),
         'Chrome di Android', now(), now()
  FROM person m JOIN agent a USING (agent_id) WHERE m.username = 'kasir.' || a.agent_no;
  ANALYZE person, person_session;";

#[derive(Deserialize)]
struct Paid {
    payment_id: String,
    receipt_no: String,
}

/// The gateway's part of one core while all of them wait.
///
/// # Errors
/// When a payment is not confirmed, a question is answered otherwise or an invariant does not hold.
pub(crate) async fn follow(bench: &Bench) -> Result<Vec<Measure>> {
    let mut field = Field::new(bench).await?;
    line(&format!("  {}", field.server.settings()?));
    let questions = questions(&mut field).await?;
    let length = seconds(bench.options.seconds);
    let before = field.who.mark()?;
    let mut waits = wait_all(field.port, questions, length).await?;
    let spent = before.until(&field.who.mark()?);
    warn_if_disturbed(&spent);
    waits.sort_unstable();
    let wall = u64::try_from(spent.wall.as_micros()).unwrap_or(u64::MAX);
    let share = |micros: u64| Milli::divided(micros.saturating_mul(100), wall);
    let (gateway, postgres) = (share(spent.gateway), share(spent.postgres));
    line(&format!(
        "  {CASHIERS} cashiers, {} questions in {} s: gateway {gateway} %, PostgreSQL {postgres} % of one core; p99 {} ms",
        waits.len(),
        spent.wall.as_secs(),
        millis(percentile(&waits, 9_900)),
    ));
    field.close().await?;
    let asked = u64::try_from(waits.len()).unwrap_or(u64::MAX);
    Ok(vec![
        Measure::new("follow_gateway_percent", gateway, "% of a core"),
        Measure::new("follow_pg_percent", postgres, "% of a core"),
        Measure::new("follow_gateway_cpu_us", Milli::divided(spent.gateway, asked), "us/question"),
    ])
}

/// What each cashier's page asks, again and again.
async fn questions(field: &mut Field) -> Result<Vec<Request>> {
    let quotes = field.quotes(CASHIERS, Outlets::All).await?;
    let owners: Vec<usize> = quotes.iter().map(|quote| quote.outlet).collect();
    let orders = field.orders(&quotes);
    let plan = field.plan(Pace::Closed, seconds(600), CONFIRMED);
    let paid = load::send(plan, Arc::new(orders), move |index, body| {
        Some((*owners.get(index)?, serde_json::from_slice::<Paid>(body).ok()?))
    })
    .await?;
    nothing_else(&paid, "payments")?;
    ensure!(paid.kept.len() == CASHIERS, "{} of {CASHIERS} payments", paid.kept.len());
    field.server.query(PEOPLE)?;
    let question = |(outlet, paid): &(usize, Paid)| {
        let number = outlet + 1;
        let cookies = format!("__Host-sesi=ses_bench_{number}; __Host-perangkat=dev_{number}");
        let etag = format!("\"confirmed.-.{}\"", paid.receipt_no);
        Request::page(&format!("/bayar/{}/keadaan", paid.payment_id), &cookies, &etag)
    };
    Ok(paid.kept.iter().map(question).collect())
}

/// Everybody waits until the time is over; tells how long each answer took, in microseconds.
async fn wait_all(port: u16, questions: Vec<Request>, length: Duration) -> Result<Vec<u32>> {
    let begun = Instant::now();
    let mut pages = JoinSet::new();
    for (index, question) in questions.into_iter().enumerate() {
        // Not all in the same moment.
        let offset = FIRST_MS * u64::try_from(index)? / u64::try_from(CASHIERS)?;
        let first = begun + Duration::from_millis(offset);
        pages.spawn(wait(port, question, first, begun + length));
    }
    let mut waits = Vec::new();
    while let Some(page) = pages.join_next().await {
        waits.extend(page.context("a page broke")??);
    }
    // The last pause belongs to the time in which they wait.
    tokio::time::sleep_until((begun + length).into()).await;
    Ok(waits)
}

/// One page: as `follow` in `templates/counter.js`.
async fn wait(port: u16, question: Request, begun: Instant, end: Instant) -> Result<Vec<u32>> {
    let (mut due, mut pause, mut waits) = (begun, FIRST_MS, Vec::new());
    let mut connection: Option<Connection> = None;
    loop {
        due += Duration::from_millis(pause);
        if due >= end {
            return Ok(waits);
        }
        tokio::time::sleep_until(due.into()).await;
        let asked = Instant::now();
        // The gateway closes what rests for long, and a browser connects again.
        let answered = match &mut connection {
            Some(kept) => kept.call(&question).await.is_ok(),
            None => false,
        };
        if !answered {
            let mut fresh = Connection::open(port).await?;
            fresh.call(&question).await?;
            connection = Some(fresh);
        }
        let (status, body) = connection.as_ref().context("a connection was just opened")?.answer()?;
        ensure!(status == UNCHANGED, "a waiting page was told {status}: {}", String::from_utf8_lossy(body));
        waits.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        pause = longer(pause);
    }
}

fn longer(pause: u64) -> u64 {
    (pause * 3 / 2).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_ask_less_and_less_often() {
        let pauses: Vec<u64> =
            std::iter::successors(Some(FIRST_MS), |pause| Some(longer(*pause))).take(8).collect();
        assert_eq!(pauses, [3_000, 4_500, 6_750, 10_125, 15_187, 22_780, 30_000, 30_000]);
    }

    #[test]
    fn the_script_has_the_same_pauses() {
        let script = include_str!("../../../templates/counter.js");
        for word in ["FIRST_MS = 3000", "LONGEST_MS = 30000", "wait * 1.5, LONGEST_MS"] {
            assert!(script.contains(word), "{word}");
        }
    }
}
