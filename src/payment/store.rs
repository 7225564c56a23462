//! Reads payments back: rows that fit no state refuse to load. And the queue of open work.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::state::{Leg, LegReversal, LegState, Payment, ReversalAnswer, State, StateName};
use crate::domain::{
    AgentId, Authority, BillPeriod, BusinessDate, EvidenceId, LookupId, PaymentId, Reference, Rupiah,
    Timestamp, TransferId,
};
use crate::upstream::{Booking, Evidence, Operation};

fn inconsistent(what: &str, id: Uuid) -> sqlx::Error {
    sqlx::Error::Decode(format!("payment {id}: {what} fits no state").into())
}

fn rupiah(amount: i64) -> Result<Rupiah, sqlx::Error> {
    Rupiah::new(amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// The payment of that id.
pub(super) async fn load(
    connection: &mut PgConnection,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT p.payment_id, p.agent_id, a.agent_no, a.agent_code, p.lookup_id, p.plate, p.amount, p.fee, p.fee_hold_id, p.state,
                p.taken_at, p.quote_expires_at, p.reason, p.titip_no, p.receipt_no, p.cancel_requested_at,
                p.confirmed_at, p.refused_at, p.reversed_at, p.reposted_at, q.quote->>'next_due_on' AS \"next_due_on!\"
         FROM payment p JOIN agent a USING (agent_id) JOIN lookup q USING (lookup_id) WHERE p.payment_id = $1",
        id.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(r) = row else { return Ok(None) };
    let name = StateName::named(&r.state).ok_or_else(|| inconsistent("its state", id.0))?;
    let state = match (name, r.reason, r.confirmed_at, r.refused_at, r.reversed_at) {
        (StateName::Held, None, None, None, None) => State::Held,
        (StateName::InDoubt, reason, None, None, None) => State::InDoubt { reason },
        (StateName::IntegrityHold, Some(reason), None, None, None) => State::IntegrityHold { reason },
        (StateName::Confirmed, None, Some(at), None, None) => State::Confirmed { at },
        (StateName::Refused, Some(reason), None, Some(at), None) => State::Refused { reason, at },
        (StateName::Reversing, None, confirmed_at, None, None) => State::Reversing { confirmed_at },
        (StateName::Reversed, None, confirmed_at, None, Some(at)) => State::Reversed { at, confirmed_at },
        _ => return Err(inconsistent("the row", id.0)),
    };
    Ok(Some(Payment {
        id,
        agent_id: AgentId(r.agent_id),
        agent_no: r.agent_no,
        agent_code: r.agent_code,
        lookup_id: LookupId(r.lookup_id),
        plate: r.plate,
        amount: rupiah(r.amount)?,
        fee: rupiah(r.fee)?,
        fee_hold: r.fee_hold_id.map(TransferId),
        taken_at: r.taken_at,
        quote_expires_at: r.quote_expires_at,
        next_due_on: BusinessDate::parse(&r.next_due_on).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
        titip_no: r.titip_no,
        receipt_no: r.receipt_no,
        cancel_requested: r.cancel_requested_at.is_some(),
        reposted_at: r.reposted_at,
        state,
        legs: load_legs(connection, id).await?,
    }))
}

async fn load_legs(connection: &mut PgConnection, id: PaymentId) -> Result<Vec<Leg>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT ordinal, authority, reference, document_id, amount, periods AS \"periods: Json<Vec<BillPeriod>>\", hold_id, state,
                not_after, refusal, number, booked_at, business_date, reversal_reference, reversal_state, reversal_business_date
         FROM payment_leg WHERE payment_id = $1 ORDER BY ordinal",
        id.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let booking = match (r.number, r.booked_at, r.business_date) {
                (Some(number), Some(booked_at), Some(date)) => {
                    Some(Booking { number, booked_at, business_date: date.into() })
                }
                (None, None, None) => None,
                _ => return Err(inconsistent("half a booking", id.0)),
            };
            let state = match (r.state.as_str(), booking, r.refusal) {
                ("unsent", None, None) => LegState::Unsent,
                ("sent", None, None) => LegState::Sent,
                ("booked", Some(booking), None) => LegState::Booked(booking),
                ("refused", None, Some(code)) => LegState::Refused(code),
                ("absent", None, None) => LegState::Absent,
                ("released", None, None) => LegState::Released,
                ("reversed", Some(booking), None) => LegState::Reversed(booking),
                _ => return Err(inconsistent("a leg", id.0)),
            };
            let reversal = match (r.reversal_reference, r.reversal_state.as_deref(), r.reversal_business_date)
            {
                (None, None, None) => None,
                (Some(reference), Some("asked"), None) => Some((reference, ReversalAnswer::Asked)),
                (Some(reference), Some("agreed"), Some(on)) => {
                    Some((reference, ReversalAnswer::Agreed(on.into())))
                }
                (Some(reference), Some("refused"), None) => Some((reference, ReversalAnswer::Refused)),
                _ => return Err(inconsistent("a reversal", id.0)),
            };
            Ok(Leg {
                ordinal: r.ordinal,
                authority: Authority::named(&r.authority)
                    .ok_or_else(|| inconsistent("an authority", id.0))?,
                reference: Reference(r.reference),
                document_id: r.document_id,
                amount: rupiah(r.amount)?,
                periods: r.periods.0,
                hold: r.hold_id.map(TransferId),
                not_after: r.not_after,
                state,
                reversal: reversal
                    .map(|(reference, answer)| LegReversal { reference: Reference(reference), answer }),
            })
        })
        .collect()
}

/// What a host said about money, as kept.
pub(super) async fn evidence(
    connection: &mut PgConnection,
    id: EvidenceId,
) -> Result<Option<Evidence>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT authority, operation, reference, status, path, request_sha256, body, host_timestamp, signature, received_at
         FROM evidence WHERE evidence_id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(r) = row else { return Ok(None) };
    let unknown = |what: &str| sqlx::Error::Decode(format!("evidence {id}: unknown {what}").into());
    Ok(Some(Evidence {
        id,
        authority: Authority::named(&r.authority).ok_or_else(|| unknown("authority"))?,
        operation: Operation::named(&r.operation).ok_or_else(|| unknown("operation"))?,
        reference: r.reference,
        status: u16::try_from(r.status).map_err(|_| unknown("status"))?,
        path: r.path,
        request_sha256: hex::encode(r.request_sha256),
        body: r.body,
        host_timestamp: r.host_timestamp,
        signature: r.signature,
        received_at: r.received_at,
    }))
}

/// Who may go on with a payment now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) payment_id: PaymentId,
    pub(super) fence: i64,
    pub(super) tries: i32,
}

/// Leases up to `limit` open payments that are due and that nobody works on. `early` asks before they are due.
pub(super) async fn claim_due(
    connection: &mut PgConnection,
    (holder, lease_s): (&str, i32),
    limit: i64,
    early: bool,
) -> Result<Vec<Lease>, sqlx::Error> {
    let rows = sqlx::query!(
        "UPDATE payment_work w SET fence = fence + 1, tries = tries + 1, holder = $1, lease_until = now() + make_interval(secs => $2)
         WHERE payment_id IN (SELECT payment_id FROM payment_work
                              WHERE lease_until <= now() AND ($4 OR due_at <= now())
                              ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING payment_id, fence, tries",
        holder, f64::from(lease_s), limit, early
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Lease { payment_id: PaymentId(r.payment_id), fence: r.fence, tries: r.tries })
        .collect())
}

/// Leases one open payment; none while somebody works on it or when it is closed.
pub(super) async fn claim_one(
    connection: &mut PgConnection,
    (holder, lease_s): (&str, i32),
    id: PaymentId,
) -> Result<Option<Lease>, sqlx::Error> {
    let row = sqlx::query!(
        "UPDATE payment_work SET fence = fence + 1, holder = $1, lease_until = now() + make_interval(secs => $2)
         WHERE payment_id = $3 AND lease_until <= now() RETURNING fence, tries",
        holder, f64::from(lease_s), id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|r| Lease { payment_id: id, fence: r.fence, tries: r.tries }))
}

/// Takes the work on a payment from whoever has it: a settlement file has said how a leg ended. None when no work is left.
pub(super) async fn seize(
    connection: &mut PgConnection,
    (holder, lease_s): (&str, i32),
    id: PaymentId,
) -> Result<Option<Lease>, sqlx::Error> {
    let row = sqlx::query!(
        "UPDATE payment_work SET fence = fence + 1, holder = $1, lease_until = now() + make_interval(secs => $2)
         WHERE payment_id = $3 RETURNING fence, tries",
        holder, f64::from(lease_s), id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|r| Lease { payment_id: id, fence: r.fence, tries: r.tries }))
}

/// Gives a lease back without having moved the payment.
pub(super) async fn release(
    connection: &mut PgConnection,
    lease: Lease,
    ask_in_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payment_work SET lease_until = now(), due_at = now() + $3::bigint * interval '1 millisecond'
         WHERE payment_id = $1 AND fence = $2",
        lease.payment_id.0,
        lease.fence,
        ask_in_ms
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the leases of a former run of this very gateway: its tasks are gone.
pub(super) async fn release_all_of(connection: &mut PgConnection, holder: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE payment_work SET lease_until = now() WHERE holder = $1 AND lease_until > now()",
        holder
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Records that the cashier wants a payment ended; nothing for one that is closed.
pub(super) async fn request_cancel(
    connection: &mut PgConnection,
    id: PaymentId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payment SET cancel_requested_at = coalesce(cancel_requested_at, $2)
         WHERE payment_id = $1 AND state IN ('held', 'in_doubt')",
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// References under which this plate and period were refused before, at Bapenda: one of them may be booked after all.
pub(super) async fn refused_before(
    connection: &mut PgConnection,
    payment: &Payment,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "SELECT payment_id FROM payment WHERE plate = $1 AND payment_id <> $2 AND state = 'refused' ORDER BY payment_id DESC LIMIT 20",
        payment.plate, payment.id.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(PaymentId).collect())
}
