//! Clients that send what was prepared: as fast as they are answered, or at a steady rate whatever the answers do.
//!
//! They run on a thread of their own with a runtime of one thread: fewer wake-ups, less of the machine taken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::wire::{Connection, Request};

/// How the clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each client sends again as soon as it is answered.
    Closed,
    /// So many a second in all, at times fixed beforehand; an answer's delay counts from its fixed time.
    Open(u64),
}

/// A stretch of load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) port: u16,
    /// Requests at once.
    pub(crate) clients: usize,
    /// Open connections, which each client uses in turn; at least one a client.
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// Ends then, or when all requests are sent.
    pub(crate) within: Duration,
    /// The status that counts as success.
    pub(crate) expected: u16,
}

/// What the clients saw.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    /// Microseconds to each expected answer, ascending.
    pub(crate) latencies: Vec<u32>,
    /// What was kept of each expected answer.
    pub(crate) kept: Vec<T>,
    /// Other answers by status.
    pub(crate) others: BTreeMap<u16, u64>,
    /// The first of those, whole.
    pub(crate) complaint: Option<String>,
    pub(crate) elapsed: Duration,
    /// Connections that the gateway had closed, and that were opened again.
    pub(crate) reopened: u64,
}

impl<T> Seen<T> {
    /// Expected answers.
    pub(crate) fn good(&self) -> u64 {
        self.latencies.len() as u64
    }

    fn empty() -> Self {
        Self {
            latencies: Vec::new(),
            kept: Vec::new(),
            others: BTreeMap::new(),
            complaint: None,
            elapsed: Duration::ZERO,
            reopened: 0,
        }
    }

    fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.kept.extend(other.kept);
        for (status, count) in other.others {
            *self.others.entry(status).or_default() += count;
        }
        self.complaint = self.complaint.take().or(other.complaint);
        self.reopened += other.reopened;
    }

    /// Takes an answer in.
    fn take(&mut self, expected: u16, (status, body): (u16, &[u8]), waited: Duration, kept: Option<T>) {
        if status == expected {
            self.latencies.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
            self.kept.extend(kept);
            return;
        }
        *self.others.entry(status).or_default() += 1;
        if self.complaint.is_none() {
            self.complaint = Some(format!("{status} {}", String::from_utf8_lossy(body)));
        }
    }
}

/// Sends `requests` in their order, and keeps of each expected answer what `keep` makes of its number and body.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn send<T, K>(plan: Plan, requests: Arc<Vec<Request>>, keep: K) -> Result<Seen<T>>
where
    T: Send + 'static,
    K: Fn(usize, &[u8]) -> Option<T> + Send + Sync + 'static,
{
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(all(plan, requests, Arc::new(keep)))
    };
    tokio::task::spawn_blocking(work).await.context("the clients' thread broke")?
}

async fn all<T, K>(plan: Plan, requests: Arc<Vec<Request>>, keep: Arc<K>) -> Result<Seen<T>>
where
    T: Send + 'static,
    K: Fn(usize, &[u8]) -> Option<T> + Send + Sync + 'static,
{
    let mut lines: Vec<Line> = Vec::with_capacity(plan.clients);
    lines.resize_with(plan.clients, || Line { port: plan.port, free: VecDeque::new(), reopened: 0 });
    for index in 0..plan.connections.max(plan.clients) {
        if let Some(line) = lines.get_mut(index % plan.clients) {
            line.free.push_back(Connection::open(plan.port).await?);
        }
    }
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for line in lines {
        clients.spawn(client(
            plan,
            begun,
            line,
            (Arc::clone(&next), Arc::clone(&requests)),
            Arc::clone(&keep),
        ));
    }
    let mut seen = Seen::empty();
    while let Some(one) = clients.join_next().await {
        seen.merge(one.context("a client's task broke")??);
    }
    seen.elapsed = begun.elapsed();
    seen.latencies.sort_unstable();
    Ok(seen)
}

/// The connections of one client.
struct Line {
    port: u16,
    free: VecDeque<Connection>,
    reopened: u64,
}

impl Line {
    /// Sends on the connection that has rested longest.
    async fn call(&mut self, request: &Request) -> Result<(u16, &[u8])> {
        let Some(mut connection) = self.free.pop_front() else {
            anyhow::bail!("a client without a connection");
        };
        // One that rested too long may have been closed. The same request again is safe: it has the same key.
        if connection.call(request).await.is_err() {
            self.reopened += 1;
            connection = Connection::open(self.port).await?;
            connection.call(request).await?;
        }
        self.free.push_back(connection);
        self.free.back().context("a connection was just put back")?.answer()
    }
}

async fn client<T, K>(
    plan: Plan,
    begun: Instant,
    mut line: Line,
    (next, requests): (Arc<AtomicUsize>, Arc<Vec<Request>>),
    keep: Arc<K>,
) -> Result<Seen<T>>
where
    K: Fn(usize, &[u8]) -> Option<T>,
{
    let mut seen = Seen::empty();
    let end = begun + plan.within;
    while Instant::now() < end {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(index) else { break };
        let due = match plan.pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => {
                let due = begun + due_after(index, rate);
                if due >= end {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                due
            }
        };
        let answer = line.call(request).await?;
        let waited = due.elapsed();
        let kept = if answer.0 == plan.expected { keep(index, answer.1) } else { None };
        seen.take(plan.expected, answer, waited, kept);
    }
    seen.reopened = line.reopened;
    Ok(seen)
}

/// When the request of that number is due, after the first.
fn due_after(index: usize, rate: u64) -> Duration {
    let nanos = u128::try_from(index).unwrap_or_default() * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_spaces_requests_evenly() {
        assert_eq!(due_after(0, 500), Duration::ZERO);
        assert_eq!(due_after(1, 500), Duration::from_millis(2));
        assert_eq!(due_after(1_500, 500), Duration::from_secs(3));
    }

    #[test]
    fn unexpected_answers_are_counted_and_the_first_is_kept() {
        let mut seen: Seen<u8> = Seen::empty();
        seen.take(201, (201, b"{}"), Duration::from_micros(40), Some(1));
        seen.take(201, (503, b"busy"), Duration::from_micros(1), None);
        let mut other = Seen::empty();
        other.take(201, (503, b"later"), Duration::from_micros(1), None);
        seen.merge(other);
        assert_eq!((seen.good(), seen.kept.len()), (1, 1));
        assert_eq!(seen.others, BTreeMap::from([(503, 2)]));
        assert_eq!(seen.complaint.as_deref(), Some("503 busy"));
    }
}
