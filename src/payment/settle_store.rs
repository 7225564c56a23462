//! The statements of tx B, one a table, for many payments at once.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::change::{After, SettleJob};
use super::state::{Leg, LegState, Payment, ReversalAnswer, State, StateName};
use crate::db::Together;
use crate::domain::{PaymentId, Timestamp};
use crate::upstream::{Booking, Evidence};

type Done<'a> = (&'a SettleJob, &'a Payment);

/// Locks work and payment rows in order and tells fencing number and state of each.
pub(super) async fn guard(
    connection: &mut PgConnection,
    jobs: &[&SettleJob],
) -> Result<HashMap<PaymentId, (i64, StateName)>, sqlx::Error> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.change.payment.id.0).collect();
    let rows = sqlx::query!(
        "SELECT w.payment_id, w.fence, p.state
         FROM unnest($1::uuid[]) wanted JOIN payment_work w ON w.payment_id = wanted JOIN payment p ON p.payment_id = w.payment_id
         ORDER BY w.payment_id FOR NO KEY UPDATE OF w, p",
        &ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let state = StateName::named(&r.state)
                .ok_or_else(|| sqlx::Error::Decode("unknown payment state".into()))?;
            Ok((PaymentId(r.payment_id), (r.fence, state)))
        })
        .collect()
}

struct Dates {
    confirmed: Option<Timestamp>,
    refused: Option<Timestamp>,
    reversed: Option<Timestamp>,
}

fn reason_and_dates(state: &State) -> (Option<String>, Dates) {
    let none = Dates { confirmed: None, refused: None, reversed: None };
    match state {
        State::Held => (None, none),
        State::InDoubt { reason } => (reason.clone(), none),
        State::IntegrityHold { reason } => (Some(reason.clone()), none),
        State::Confirmed { at } => (None, Dates { confirmed: Some(*at), ..none }),
        State::Refused { reason, at } => (Some(reason.clone()), Dates { refused: Some(*at), ..none }),
        State::Reversing { confirmed_at } => (None, Dates { confirmed: *confirmed_at, ..none }),
        State::Reversed { at, confirmed_at } => {
            (None, Dates { confirmed: *confirmed_at, reversed: Some(*at), ..none })
        }
    }
}

/// Writes what payments have become.
pub(super) fn update_payments(together: &mut Together, done: &[Done<'_>]) {
    let ids: Vec<Uuid> = done.iter().map(|(_, p)| p.id.0).collect();
    let states: Vec<&str> = done.iter().map(|(_, p)| p.state.name().as_str()).collect();
    let (reasons, dates): (Vec<Option<String>>, Vec<Dates>) =
        done.iter().map(|(_, p)| reason_and_dates(&p.state)).unzip();
    let titips: Vec<Option<&str>> = done.iter().map(|(_, p)| p.titip_no.as_deref()).collect();
    let numbers: Vec<Option<&str>> = done.iter().map(|(_, p)| p.receipt_no.as_deref()).collect();
    let cancels: Vec<Option<Timestamp>> =
        done.iter().map(|(job, p)| p.cancel_requested.then_some(job.at)).collect();
    let confirmed: Vec<Option<Timestamp>> = dates.iter().map(|d| d.confirmed).collect();
    let refused: Vec<Option<Timestamp>> = dates.iter().map(|d| d.refused).collect();
    let reversed: Vec<Option<Timestamp>> = dates.iter().map(|d| d.reversed).collect();
    let reposted: Vec<Option<Timestamp>> = done.iter().map(|(_, p)| p.reposted_at).collect();
    together
        .call("update_payments")
        .with(ids)
        .with(states)
        .with(reasons)
        .with(titips)
        .with(numbers)
        .with(cancels)
        .with(confirmed)
        .with(refused)
        .with(reversed)
        .with(reposted)
        .done();
}

fn leg_state(state: &LegState) -> &'static str {
    match state {
        LegState::Unsent => "unsent",
        LegState::Sent => "sent",
        LegState::Booked(_) => "booked",
        LegState::Refused(_) => "refused",
        LegState::Absent => "absent",
        LegState::Released => "released",
        LegState::Reversed(_) => "reversed",
    }
}

fn reversal_state(answer: ReversalAnswer) -> &'static str {
    match answer {
        ReversalAnswer::Asked => "asked",
        ReversalAnswer::Agreed(_) => "agreed",
        ReversalAnswer::Refused => "refused",
    }
}

/// Takes the numbers that authorities gave, for ever: a number that another leg has is refused by `leg_number_key`.
pub(super) fn insert_bookings(together: &mut Together, done: &[Done<'_>]) {
    let new = |job: &SettleJob, leg: &Leg| !job.change.booked_before.contains(&leg.ordinal);
    let booked: Vec<(&Payment, &Leg, &Booking)> = done
        .iter()
        .flat_map(|(job, p)| p.legs.iter().filter(|leg| new(job, leg)).map(move |leg| (*p, leg)))
        .filter_map(|(p, leg)| leg.booking().map(|booking| (p, leg, booking)))
        .collect();
    if booked.is_empty() {
        return;
    }
    let authorities: Vec<&str> = booked.iter().map(|(_, l, _)| l.authority.as_str()).collect();
    let numbers: Vec<&str> = booked.iter().map(|(.., b)| b.number.as_str()).collect();
    let ids: Vec<Uuid> = booked.iter().map(|(p, ..)| p.id.0).collect();
    let ordinals: Vec<i16> = booked.iter().map(|(_, l, _)| l.ordinal).collect();
    let days: Vec<chrono::NaiveDate> = booked.iter().map(|(.., b)| b.business_date.date()).collect();
    together
        .call("insert_bookings")
        .with(authorities)
        .with(numbers)
        .with(ids)
        .with(ordinals)
        .with(days)
        .done();
}

/// Writes what legs have become.
pub(super) fn update_legs(together: &mut Together, done: &[Done<'_>]) {
    let legs: Vec<(Uuid, &Leg)> =
        done.iter().flat_map(|(_, p)| p.legs.iter().map(|leg| (p.id.0, leg))).collect();
    let ids: Vec<Uuid> = legs.iter().map(|(id, _)| *id).collect();
    let ordinals: Vec<i16> = legs.iter().map(|(_, l)| l.ordinal).collect();
    let states: Vec<&str> = legs.iter().map(|(_, l)| leg_state(&l.state)).collect();
    let not_after: Vec<Timestamp> = legs.iter().map(|(_, l)| l.not_after).collect();
    let refusals: Vec<Option<&str>> = legs
        .iter()
        .map(|(_, l)| if let LegState::Refused(code) = &l.state { Some(code.as_str()) } else { None })
        .collect();
    let numbers: Vec<Option<&str>> =
        legs.iter().map(|(_, l)| l.booking().map(|b| b.number.as_str())).collect();
    let booked: Vec<Option<Timestamp>> = legs.iter().map(|(_, l)| l.booking().map(|b| b.booked_at)).collect();
    let days: Vec<Option<chrono::NaiveDate>> =
        legs.iter().map(|(_, l)| l.booking().map(|b| b.business_date.date())).collect();
    let references: Vec<Option<Uuid>> =
        legs.iter().map(|(_, l)| l.reversal.as_ref().map(|r| r.reference.0)).collect();
    let answers: Vec<Option<&str>> =
        legs.iter().map(|(_, l)| l.reversal.as_ref().map(|r| reversal_state(r.answer))).collect();
    let reversal_days: Vec<Option<chrono::NaiveDate>> = legs
        .iter()
        .map(|(_, l)| match l.reversal.as_ref().map(|r| r.answer) {
            Some(ReversalAnswer::Agreed(on)) => Some(on.date()),
            Some(ReversalAnswer::Asked | ReversalAnswer::Refused) | None => None,
        })
        .collect();
    together
        .call("update_legs")
        .with(ids)
        .with(ordinals)
        .with(states)
        .with(not_after)
        .with(refusals)
        .with(numbers)
        .with(booked)
        .with(days)
        .with(references)
        .with(answers)
        .with(reversal_days)
        .done();
}

/// A confirmed payment keeps its periods but no longer the vehicle; one that is reversing takes the vehicle again.
pub(super) fn move_locks(together: &mut Together, done: &[Done<'_>]) {
    let changed = done.iter().filter(|(job, p)| job.change.from.is_open() != p.state.name().is_open());
    let (ids, (plates, open)): (Vec<Uuid>, (Vec<&str>, Vec<bool>)) =
        changed.map(|(_, p)| (p.id.0, (p.plate.as_str(), p.state.name().is_open()))).unzip();
    if !ids.is_empty() {
        together.call("move_locks").with(ids).with(plates).with(open).done();
    }
}

/// A confirmed payment holds its periods, not the vehicle.
pub(super) async fn let_vehicle_go(
    connection: &mut PgConnection,
    payment: &Payment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE vehicle_lock SET is_open = false WHERE plate = $1 AND payment_id = $2",
        payment.plate,
        payment.id.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the work on closed payments; gives the lease of open ones back with the time of the next question, or keeps it.
/// The fencing number grows with every change, so that a change whose COMMIT stayed without an answer finds, when it
/// runs again, that it is done.
pub(super) fn move_work(together: &mut Together, done: &[Done<'_>]) {
    let closed: Vec<Uuid> = done.iter().filter(|(_, p)| !p.needs_work()).map(|(_, p)| p.id.0).collect();
    if !closed.is_empty() {
        together.call("end_work").with(closed).done();
    }
    let mut ids = vec![];
    let mut waits = vec![];
    for (job, payment) in done {
        if payment.needs_work() {
            ids.push(payment.id.0);
            waits.push(match job.after {
                After::AskIn(ms) => Some(ms),
                After::KeepLease => None,
            });
        }
    }
    if !ids.is_empty() {
        together.call("move_work").with(ids).with(waits).done();
    }
}

/// Keeps what hosts said.
pub(super) async fn insert_evidence<'a>(
    connection: &mut PgConnection,
    evidence: impl Iterator<Item = &'a Evidence>,
) -> Result<(), sqlx::Error> {
    let mut together = Together::new();
    insert_evidence_with(&mut together, evidence);
    together.run(connection).await
}

/// The same beside what others write.
pub(super) fn insert_evidence_with<'a>(
    together: &mut Together,
    evidence: impl Iterator<Item = &'a Evidence>,
) {
    let all: Vec<&Evidence> = evidence.collect();
    if all.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = all.iter().map(|e| e.id.0).collect();
    let authorities: Vec<&str> = all.iter().map(|e| e.authority.as_str()).collect();
    let operations: Vec<&str> = all.iter().map(|e| e.operation.as_str()).collect();
    let references: Vec<Option<Uuid>> = all.iter().map(|e| e.reference).collect();
    let statuses: Vec<i16> = all.iter().map(|e| i16::try_from(e.status).unwrap_or_default()).collect();
    let paths: Vec<&str> = all.iter().map(|e| e.path.as_str()).collect();
    let digests: Vec<Vec<u8>> =
        all.iter().map(|e| hex::decode(&e.request_sha256).unwrap_or_default()).collect();
    let bodies: Vec<&[u8]> = all.iter().map(|e| e.body.as_slice()).collect();
    let times: Vec<&str> = all.iter().map(|e| e.host_timestamp.as_str()).collect();
    let signatures: Vec<&str> = all.iter().map(|e| e.signature.as_str()).collect();
    let received: Vec<Timestamp> = all.iter().map(|e| e.received_at).collect();
    together
        .call("insert_evidence")
        .with(ids)
        .with(authorities)
        .with(operations)
        .with(references)
        .with(statuses)
        .with(paths)
        .with(digests)
        .with(bodies)
        .with(times)
        .with(signatures)
        .with(received)
        .done();
}

/// Records which doubts settlement files ended, so that every run of the night says so.
pub(super) async fn insert_resolutions(
    connection: &mut PgConnection,
    done: &[Done<'_>],
) -> Result<(), sqlx::Error> {
    for (job, payment) in done {
        let by_file = |leg: &&Leg| Some(leg.reference) == job.change.by_file;
        let Some(leg) = payment.legs.iter().find(by_file) else { continue };
        let Some(booking) = leg.booking() else { continue };
        sqlx::query!(
            "INSERT INTO settlement_resolution (reference, authority, business_date, resolved_at) VALUES ($1, $2, $3, $4)",
            leg.reference.0, leg.authority.as_str(), booking.business_date.date(), job.at
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Records what must go back to citizens who hold a paper. What falls due after an earlier part was given back is a
/// debt of its own again; the earlier return stands in the ledger and in the audit log.
pub(super) async fn insert_debts(
    connection: &mut PgConnection,
    done: &[Done<'_>],
) -> Result<(), sqlx::Error> {
    for (job, payment) in done.iter().filter(|(job, _)| !job.debt.is_zero()) {
        sqlx::query!(
            "INSERT INTO citizen_debt AS d (payment_id, agent_id, amount, since) VALUES ($1, $2, $3, $4)
             ON CONFLICT (payment_id) DO UPDATE
             SET amount = CASE WHEN d.returned_at IS NULL THEN d.amount ELSE 0 END + excluded.amount,
                 since = CASE WHEN d.returned_at IS NULL THEN d.since ELSE excluded.since END,
                 returned_at = NULL, returned_to = NULL, paper_surrendered = NULL",
            payment.id.0,
            payment.agent_id.0,
            job.debt.get(),
            job.at
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
