//! tx B: outcome, postings or voids, papers, cases, stored words of the hosts and audit event in one commit.
//!
//! One guard for everyone who can move a payment: it compares state and fencing number under the row's lock and goes on
//! only with the rows it returns. Order of locks: work and payment rows, floats, receipt counters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::Datelike;
use sqlx::PgConnection;

use super::change::SettleJob;
use super::event::Effect;
use super::journal::{Batch, Tools};
use super::state::{Leg, LegState, Payment};
use super::{begin_store, case_store, settle_store as store};
use crate::audit;
use crate::db::Together;
use crate::domain::{AgentId, BusinessDate, PaymentId, Rupiah, rfc3339_wib};
use crate::ledger::{self, Balance, Position, Transfer};
use crate::receipt::{self, Counter, Facts, Issued, Kind, LegFacts, SigningKey};

impl Batch for SettleJob {
    type Reply = Option<Payment>;
    const PATIENCE: Duration = Duration::from_secs(30);

    async fn write(
        connection: &mut PgConnection,
        tools: &Tools,
        jobs: &[&Self],
    ) -> Result<Vec<Option<Payment>>, sqlx::Error> {
        let standing = store::guard(connection, jobs).await?;
        let mut mine: Vec<(usize, &Self, Payment)> = jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| {
                standing.get(&job.change.payment.id) == Some(&(job.change.mover.fence, job.change.from))
            })
            .map(|(i, job)| (i, *job, job.change.payment.clone()))
            .collect();
        // Two changes of one payment cannot both hold the guard: the later one waits for its own turn.
        let mut seen = BTreeSet::new();
        mine.retain(|(_, job, _)| seen.insert(job.change.payment.id));
        write_accepted(connection, tools, &mut mine).await?;
        let mut replies: Vec<Option<Payment>> = jobs.iter().map(|_| None).collect();
        for (i, _, payment) in mine {
            if let Some(reply) = replies.get_mut(i) {
                *reply = Some(payment);
            }
        }
        Ok(replies)
    }
}

/// Writes changes whose guard was held. Also used by approvals, which hold the payment's own row lock instead.
pub(super) async fn write_accepted(
    connection: &mut PgConnection,
    tools: &Tools,
    accepted: &mut [(usize, &SettleJob, Payment)],
) -> Result<(), sqlx::Error> {
    if accepted.is_empty() {
        return Ok(());
    }
    let (transfers, balances) = move_money(connection, accepted).await?;
    let receipts = issue(connection, &tools.key, accepted).await?;
    let done: Vec<(&SettleJob, &Payment)> =
        accepted.iter().map(|(_, job, payment)| (*job, payment)).collect();
    let mut together = Together::new();
    store::update_payments(&mut together, &done);
    begin_store::insert_leg_rows(&mut together, &new_legs(&done));
    store::insert_bookings(&mut together, &done);
    store::update_legs(&mut together, &done);
    store::move_locks(&mut together, &done);
    store::move_work(&mut together, &done);
    ledger::record_with(&mut together, &transfers, balances.values());
    receipt::insert_with(&mut together, &receipts);
    store::insert_evidence_with(&mut together, done.iter().flat_map(|(job, _)| &job.change.evidence));
    let events: Vec<audit::Event> = done.iter().map(|(job, _)| job.audit.clone()).collect();
    audit::append_with(&mut together, &events);
    together.run(connection).await?;
    let ended: Vec<(PaymentId, &str)> =
        done.iter().filter(|(_, p)| frees_vehicle(p)).map(|(_, p)| (p.id, p.plate.as_str())).collect();
    begin_store::delete_locks(connection, &ended).await?;
    store::insert_resolutions(connection, &done).await?;
    case_store::insert_cases(connection, &done).await?;
    case_store::close_cases(connection, &done).await?;
    store::insert_debts(connection, &done).await
}

/// Legs that a fresh assessment adds. What has become of them is written with all others.
fn new_legs<'a>(done: &[(&SettleJob, &'a Payment)]) -> Vec<(&'a Payment, &'a Leg)> {
    let added = |job: &SettleJob, leg: &Leg| {
        job.change.effects.iter().any(|e| matches!(e, Effect::Replace { new, .. } if *new == leg.ordinal))
    };
    done.iter()
        .flat_map(|(job, payment)| {
            payment.legs.iter().filter(|leg| added(job, leg)).map(|leg| (*payment, leg))
        })
        .collect()
}

fn frees_vehicle(payment: &Payment) -> bool {
    use super::state::StateName::{Confirmed, Held, InDoubt, IntegrityHold, Refused, Reversed, Reversing};
    match payment.state.name() {
        Refused | Reversed => true,
        Held | InDoubt | IntegrityHold | Confirmed | Reversing => false,
    }
}

type Moved = (Vec<(Transfer, Option<Position>)>, BTreeMap<AgentId, Balance>);

async fn move_money(
    connection: &mut PgConnection,
    accepted: &[(usize, &SettleJob, Payment)],
) -> Result<Moved, sqlx::Error> {
    let rows = accepted.iter().flat_map(|(_, job, payment)| {
        job.transfers.iter().map(|row| (row, Balance::is_moved_by(payment.agent_no, row)))
    });
    let rows: Vec<(&Transfer, bool)> = rows.collect();
    let agents: BTreeSet<AgentId> =
        rows.iter().filter(|(_, moves)| *moves).map(|(row, _)| row.agent_id).collect();
    let mut balances = if agents.is_empty() {
        BTreeMap::new()
    } else {
        ledger::lock_balances(connection, &agents.into_iter().collect::<Vec<_>>()).await?
    };
    let mut transfers = Vec::with_capacity(rows.len());
    for (row, moves) in rows {
        let position = if moves {
            let balance =
                balances.get_mut(&row.agent_id).ok_or_else(|| sqlx::Error::Decode("no such float".into()))?;
            balance.apply(row).map_err(|e| sqlx::Error::Decode(Box::new(e)))?
        } else {
            None
        };
        transfers.push((row.clone(), position));
    }
    Ok((transfers, balances))
}

/// Takes numbers, signs, and writes them onto the payments.
async fn issue(
    connection: &mut PgConnection,
    key: &SigningKey,
    accepted: &mut [(usize, &SettleJob, Payment)],
) -> Result<Vec<Issued>, sqlx::Error> {
    let wants = |job: &SettleJob| -> Vec<Kind> {
        let kind = |effect: &Effect| if let Effect::Issue(kind) = effect { Some(*kind) } else { None };
        job.change.effects.iter().filter_map(kind).collect()
    };
    let series = |job: &SettleJob, kind| -> Counter {
        let year = BusinessDate::of(job.at).date().year();
        (job.change.payment.agent_id, kind, i16::try_from(year).unwrap_or(i16::MAX))
    };
    let mut wanted: BTreeMap<Counter, i64> = BTreeMap::new();
    for (_, job, _) in &*accepted {
        for kind in wants(job) {
            *wanted.entry(series(job, kind)).or_default() += 1;
        }
    }
    let last = receipt::take_numbers(connection, &wanted).await?;
    let mut next: HashMap<Counter, i64> =
        last.iter().map(|(counter, last)| (*counter, last - wanted.get(counter).unwrap_or(&0))).collect();
    let mut receipts = Vec::new();
    for (_, job, payment) in accepted {
        for kind in wants(job) {
            let counter = series(job, kind);
            let n = next.entry(counter).or_default();
            *n += 1;
            let receipt_no = receipt::receipt_no(&payment.agent_code, kind, counter.2, *n);
            let payload = facts(payment, kind, &receipt_no, job).sign(key);
            match kind {
                Kind::Titip => payment.titip_no = Some(receipt_no.clone()),
                Kind::Lunas => payment.receipt_no = Some(receipt_no.clone()),
            }
            let issued =
                Issued { receipt_no, payment_id: payment.id, counter, n: *n, payload, issued_at: job.at };
            receipts.push(issued);
        }
    }
    Ok(receipts)
}

fn facts(payment: &Payment, kind: Kind, receipt_no: &str, job: &SettleJob) -> Facts {
    // A Lunas speaks of what was booked; what two people released is owed to the citizen, but for a leg whose place a
    // fresh assessment took: the citizen's amount is the same then, and the difference is ours.
    let spoken_of = |leg: &&Leg| kind == Kind::Titip || leg.state != LegState::Released;
    let owed = |leg: &&Leg| !spoken_of(leg) && !payment.is_replaced(leg);
    let released = payment.legs.iter().filter(owed).map(|leg| payment.quoted_for(leg).get()).sum::<i64>();
    let leg = |leg: &Leg| LegFacts {
        amount: leg.amount,
        authority: leg.authority,
        business_date: leg.booking().map(|booking| booking.business_date),
        number: leg.booking().map(|booking| booking.number.clone()),
    };
    // What was reposted after a refusal earned no fee.
    let reposted = kind == Kind::Lunas && payment.reposted_at.is_some();
    let (fee, returned) = if reposted { (Rupiah::ZERO, payment.fee) } else { (payment.fee, Rupiah::ZERO) };
    Facts {
        agent_code: payment.agent_code.clone(),
        amount: Rupiah::new(payment.amount.get() - released - returned.get()).unwrap_or(payment.amount),
        fee,
        issued_at: rfc3339_wib(job.at),
        kind,
        legs: payment.legs.iter().filter(spoken_of).map(leg).collect(),
        next_due_on: (kind == Kind::Lunas).then_some(payment.next_due_on),
        payment_id: payment.id,
        plate: payment.plate.clone(),
        receipt_no: receipt_no.to_owned(),
        taken_at: rfc3339_wib(payment.taken_at),
    }
}
