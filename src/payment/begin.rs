//! tx A: key, vehicle lock, holds, payment, legs and audit event in one commit, for many payments at once.
//!
//! Tables are touched in one order (keys read, quotes read, vehicle locks, drawers, floats, keys, payments, legs, work,
//! transfers, audit), rows in the order of their keys. Each statement returns what it accepted and only that goes on; what falls out
//! leaves no lock and no hold, only its stored refusal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sqlx::PgConnection;

use super::begin_job::{BeginJob, BeginReply, HostDown, Stored, StoredOutcome, Till};
use super::begin_store as store;
use super::beginning::{began, holds, payment};
use super::caps::Used;
use super::journal::{Batch, Tools};
use super::refusal::BusinessRefusal;
use super::state::Payment;
use crate::db::Together;
use crate::domain::{AgentId, BusinessDate, DrawerId, LookupId, PaymentId};
use crate::ledger::{self, Balance, Caps, Position, Transfer};
use crate::lookup::{self, Lookup};
use crate::{audit, drawer};

impl Batch for BeginJob {
    type Reply = BeginReply;
    const PATIENCE: Duration = Duration::from_secs(12);

    async fn write(
        connection: &mut PgConnection,
        tools: &Tools,
        jobs: &[&Self],
    ) -> Result<Vec<BeginReply>, sqlx::Error> {
        let mut batch = Deciding::read(connection, jobs).await?;
        batch.lock_vehicles(connection).await?;
        batch.refuse_hosts_down();
        batch.lock_drawers(connection).await?;
        let balances = batch.lock_floats(connection).await?;
        let used = Used::read(connection, &batch.capped_days(&balances)).await?;
        let held = batch.claim_keys_and_holds(connection, balances, &used).await?;
        batch.free_what_fell_out(connection).await?;
        batch.write_payments(connection, tools, held).await?;
        Ok(batch.replies())
    }
}

/// A job on its way through the statements.
enum Verdict {
    Going(Box<Payment>),
    Mine(Box<Payment>),
    Refused(BusinessRefusal),
    Out(BeginReply),
}

struct Deciding<'a> {
    jobs: &'a [&'a BeginJob],
    /// One a job, in the jobs' order: who came first is served first.
    verdicts: Vec<Verdict>,
    locked: BTreeMap<PaymentId, String>,
}

struct Held {
    transfers: Vec<(Transfer, Option<Position>)>,
    balances: BTreeMap<AgentId, Balance>,
}

impl<'a> Deciding<'a> {
    async fn read(connection: &mut PgConnection, jobs: &'a [&'a BeginJob]) -> Result<Self, sqlx::Error> {
        let known = store::keys(connection, jobs).await?;
        let lookups: BTreeSet<LookupId> = jobs.iter().map(|job| job.lookup_id).collect();
        let quotes: HashMap<LookupId, Lookup> =
            lookup::load_many(connection, &lookups.into_iter().collect::<Vec<_>>())
                .await?
                .into_iter()
                .map(|lookup| (lookup.lookup_id, lookup))
                .collect();
        let mut seen = BTreeSet::new();
        let verdicts = jobs
            .iter()
            .map(|job| {
                if !seen.insert((job.agent_id, job.key.as_str())) {
                    return Verdict::Out(BeginReply::Again);
                }
                let quote = quotes.get(&job.lookup_id).filter(|quote| quote.agent_id == job.agent_id);
                match known.get(&(job.agent_id, job.key.clone())) {
                    Some(stored) => replay(job, stored, quote),
                    None => admit(job, quote),
                }
            })
            .collect();
        Ok(Self { jobs, verdicts, locked: BTreeMap::new() })
    }

    fn going(&self) -> impl Iterator<Item = (usize, &Payment)> {
        self.verdicts.iter().enumerate().filter_map(|(i, verdict)| match verdict {
            Verdict::Going(payment) => Some((i, &**payment)),
            Verdict::Mine(_) | Verdict::Refused(_) | Verdict::Out(_) => None,
        })
    }

    async fn lock_vehicles(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let wanted: Vec<store::WantedLock> =
            self.going().flat_map(|(_, payment)| store::WantedLock::of(payment)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut counts: BTreeMap<PaymentId, usize> = BTreeMap::new();
        for lock in &wanted {
            *counts.entry(lock.payment_id).or_default() += 1;
        }
        let got = store::insert_locks(connection, &wanted).await?;
        let locked = wanted.iter().filter(|lock| got.contains_key(&lock.payment_id));
        self.locked.extend(locked.map(|lock| (lock.payment_id, lock.plate.clone())));
        let short: BTreeSet<PaymentId> =
            counts.into_iter().filter(|(id, n)| got.get(id) != Some(n)).map(|(id, _)| id).collect();
        if short.is_empty() {
            return Ok(());
        }
        let plates: Vec<String> = wanted
            .iter()
            .filter(|lock| short.contains(&lock.payment_id))
            .map(|lock| lock.plate.clone())
            .collect();
        let paid = store::paid_periods(connection, &plates).await?;
        let losers: Vec<usize> =
            self.going().filter(|(_, p)| short.contains(&p.id)).map(|(i, _)| i).collect();
        for i in losers {
            let was_paid = wanted
                .iter()
                .filter(|lock| Some(lock.payment_id) == self.jobs.get(i).map(|job| job.payment_id))
                .any(|lock| paid.contains(&(lock.plate.clone(), lock.due_on)));
            let refusal = if was_paid { BusinessRefusal::AlreadyPaid } else { BusinessRefusal::VehicleBusy };
            self.put(i, Verdict::Refused(refusal));
        }
        Ok(())
    }

    fn refuse_hosts_down(&mut self) {
        let down: Vec<(usize, HostDown)> = self
            .going()
            .filter_map(|(i, _)| self.jobs.get(i).and_then(|job| job.host_down).map(|why| (i, why)))
            .collect();
        for (i, why) in down {
            self.put(i, Verdict::Out(BeginReply::HostDown(why)));
        }
    }

    /// Keeps the drawers open into which cash goes; programs have none, and then nothing is asked.
    async fn lock_drawers(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let tills: Vec<(usize, Option<DrawerId>)> = self
            .going()
            .filter_map(|(i, _)| match self.jobs.get(i).map(|job| job.till) {
                Some(Till::Drawer(drawer)) => Some((i, drawer)),
                Some(Till::Own) | None => None,
            })
            .collect();
        let named: BTreeSet<DrawerId> = tills.iter().filter_map(|(_, drawer)| *drawer).collect();
        let open =
            if named.is_empty() { BTreeSet::new() } else { drawer::lock_open(connection, &named).await? };
        for (i, drawer) in tills {
            if !drawer.is_some_and(|drawer| open.contains(&drawer)) {
                self.put(i, Verdict::Out(BeginReply::DrawerClosed));
            }
        }
        Ok(())
    }

    async fn lock_floats(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<BTreeMap<AgentId, Balance>, sqlx::Error> {
        let agents: BTreeSet<AgentId> = self.going().map(|(_, payment)| payment.agent_id).collect();
        if agents.is_empty() {
            return Ok(BTreeMap::new());
        }
        let balances = ledger::lock_balances(connection, &agents.into_iter().collect::<Vec<_>>()).await?;
        for verdict in &mut self.verdicts {
            if let Verdict::Going(payment) = verdict
                && !balances.get(&payment.agent_id).is_some_and(|balance| balance.active)
            {
                *verdict = Verdict::Out(BeginReply::Suspended);
            }
        }
        Ok(balances)
    }

    fn capped_days(&self, balances: &BTreeMap<AgentId, Balance>) -> BTreeSet<(AgentId, BusinessDate)> {
        let capped = |agent: &AgentId| balances.get(agent).is_some_and(|balance| balance.caps != Caps::NONE);
        let days = self.going().filter(|(_, payment)| capped(&payment.agent_id));
        days.map(|(_, payment)| (payment.agent_id, BusinessDate::of(payment.taken_at))).collect()
    }

    /// Decides whose float and caps suffice, claims the keys, and computes the holds of those whose key was free.
    async fn claim_keys_and_holds(
        &mut self,
        connection: &mut PgConnection,
        balances: BTreeMap<AgentId, Balance>,
        used: &Used,
    ) -> Result<Held, sqlx::Error> {
        let (_, short) = self.allocate(balances.clone(), used.clone());
        for (i, why) in short {
            self.put(i, Verdict::Refused(why));
        }
        let claims: Vec<store::KeyClaim<'_>> = self
            .verdicts
            .iter()
            .zip(self.jobs)
            .filter_map(|(verdict, job)| match verdict {
                Verdict::Going(payment) => {
                    Some(store::KeyClaim { job, outcome: StoredOutcome::Payment(payment.id) })
                }
                Verdict::Refused(refusal) => {
                    Some(store::KeyClaim { job, outcome: StoredOutcome::Refusal(*refusal) })
                }
                Verdict::Mine(_) | Verdict::Out(_) => None,
            })
            .collect();
        let claimed = store::insert_keys(connection, &claims).await?;
        for (verdict, job) in self.verdicts.iter_mut().zip(self.jobs) {
            let wanted = matches!(verdict, Verdict::Going(_) | Verdict::Refused(_));
            if wanted && !claimed.contains(&(job.agent_id, job.key.clone())) {
                *verdict = Verdict::Out(BeginReply::Again);
            }
        }
        let (held, short) = self.allocate(balances, used.clone());
        if short.is_empty() {
            Ok(held)
        } else {
            Err(sqlx::Error::Decode("holds do not fit their floats".into()))
        }
    }

    /// Holds of every payment still going, in order; and those whose float or caps do not suffice.
    fn allocate(
        &self,
        mut balances: BTreeMap<AgentId, Balance>,
        mut used: Used,
    ) -> (Held, Vec<(usize, BusinessRefusal)>) {
        let mut transfers = Vec::new();
        let mut short = Vec::new();
        let mut touched = BTreeSet::new();
        for (i, payment) in self.going() {
            let (Some(balance), Some(job)) = (balances.get_mut(&payment.agent_id), self.jobs.get(i)) else {
                continue;
            };
            if !balance.covers(payment.amount) {
                short.push((i, BusinessRefusal::FloatInsufficient));
                continue;
            }
            if let Err(why) = used.take(balance.caps, payment) {
                short.push((i, why));
                continue;
            }
            for hold in holds(payment, job) {
                match balance.apply(&hold) {
                    Ok(position) => transfers.push((hold, position)),
                    Err(_) => short.push((i, BusinessRefusal::FloatInsufficient)),
                }
            }
            touched.insert(payment.agent_id);
        }
        balances.retain(|agent, _| touched.contains(agent));
        (Held { transfers, balances }, short)
    }

    async fn free_what_fell_out(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let going: BTreeSet<PaymentId> = self.going().map(|(_, payment)| payment.id).collect();
        let out: Vec<(PaymentId, &str)> = self
            .locked
            .iter()
            .filter(|(id, _)| !going.contains(id))
            .map(|(id, plate)| (*id, plate.as_str()))
            .collect();
        store::delete_locks(connection, &out).await
    }

    async fn write_payments(
        &self,
        connection: &mut PgConnection,
        tools: &Tools,
        held: Held,
    ) -> Result<(), sqlx::Error> {
        let payments: Vec<&Payment> = self.going().map(|(_, payment)| payment).collect();
        if payments.is_empty() {
            return Ok(());
        }
        let mut together = Together::new();
        store::insert_payments(&mut together, &payments);
        store::insert_legs(&mut together, &payments);
        store::insert_work(&mut together, &payments, tools);
        ledger::record_with(&mut together, &held.transfers, held.balances.values());
        let events: Vec<audit::Event> =
            self.going().filter_map(|(i, payment)| self.jobs.get(i).map(|job| began(payment, job))).collect();
        audit::append_with(&mut together, &events);
        let into = |(i, payment): (usize, &Payment)| match self.jobs.get(i)?.till {
            Till::Drawer(drawer) => drawer.map(|drawer| (payment.id, drawer)),
            Till::Own => None,
        };
        drawer::put_payments(&mut together, &self.going().filter_map(into).collect::<Vec<_>>());
        together.run(connection).await
    }

    fn put(&mut self, i: usize, verdict: Verdict) {
        if let Some(slot) = self.verdicts.get_mut(i) {
            *slot = verdict;
        }
    }

    fn replies(self) -> Vec<BeginReply> {
        self.verdicts
            .into_iter()
            .map(|verdict| match verdict {
                Verdict::Going(payment) | Verdict::Mine(payment) => BeginReply::Begun(payment),
                Verdict::Refused(refusal) => BeginReply::Refused(refusal),
                Verdict::Out(reply) => reply,
            })
            .collect()
    }
}

/// A key that was there before: a replay, unless an earlier run of this very transaction stored it.
fn replay(job: &BeginJob, stored: &Stored, quote: Option<&Lookup>) -> Verdict {
    match (stored.outcome, quote) {
        (StoredOutcome::Payment(id), Some(quote)) if id == job.payment_id => {
            Verdict::Mine(Box::new(payment(job, quote)))
        }
        _ => Verdict::Out(BeginReply::Replay(stored.clone())),
    }
}

/// Whether a quote may be paid: it is this agent's, it lives, and the amount is its own. In this order.
fn admit(job: &BeginJob, quote: Option<&Lookup>) -> Verdict {
    let Some(quote) = quote else { return Verdict::Out(BeginReply::LookupNotFound) };
    if job.taken_at >= quote.expires_at {
        return Verdict::Refused(BusinessRefusal::QuoteExpired);
    }
    if job.amount != quote.total {
        return Verdict::Refused(BusinessRefusal::AmountDiffers);
    }
    Verdict::Going(Box::new(payment(job, quote)))
}
