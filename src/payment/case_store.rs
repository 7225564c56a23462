//! Cases about payments: opened with what made them necessary, closed with what ended it.

use sqlx::PgConnection;
use uuid::Uuid;

use super::change::SettleJob;
use super::event::Effect;
use super::state::{Payment, State, StateName};
use crate::domain::{CaseId, Timestamp};

type Done<'a> = (&'a SettleJob, &'a Payment);

/// Opens the cases that changes made necessary.
pub(super) async fn insert_cases(
    connection: &mut PgConnection,
    done: &[Done<'_>],
) -> Result<(), sqlx::Error> {
    for (job, payment) in done {
        for effect in &job.change.effects {
            if let Effect::Case(class, facts) = effect {
                open_case(connection, class, payment, "payment", (facts, job.at)).await?;
                reopen_case(connection, class, payment).await?;
            }
        }
    }
    Ok(())
}

/// Closes what two people have settled: the cases of a payment that has ended, by the proposal that ended it.
pub(super) async fn close_cases(connection: &mut PgConnection, done: &[Done<'_>]) -> Result<(), sqlx::Error> {
    let ended = |job: &SettleJob, p: &Payment| {
        job.change.from != StateName::Held
            && !p.needs_work()
            && !(matches!(p.state, State::Refused { .. }) && p.any_late())
    };
    let (ids, ats): (Vec<Uuid>, Vec<Timestamp>) =
        done.iter().filter(|(job, p)| ended(job, p)).map(|(job, p)| (p.id.0, job.at)).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE case_file c SET closed_at = u.at, closed_by = d.proposal_id, resolution = d.resolution
         FROM unnest($1::uuid[], $2::timestamptz[]) u (payment_id, at)
         CROSS JOIN LATERAL (SELECT p.proposal_id, concat_ws(': ', p.terms->>'decision', p.terms->>'reason') AS resolution FROM proposal p
                             WHERE p.subject = u.payment_id AND p.approved_at IS NOT NULL ORDER BY p.approved_at DESC LIMIT 1) d
         WHERE c.payment_id = u.payment_id AND c.closed_at IS NULL AND c.class IN ('INTEGRITY_HOLD', 'JR_REFUSED', 'LATE_SUCCESS')",
        &ids, &ats
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens a payment's case again when the same thing happens after it was closed: no hold is without an open case. Who
/// closed it, and why, stands in the proposal and in the audit log.
async fn reopen_case(
    connection: &mut PgConnection,
    class: &str,
    payment: &Payment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE case_file SET closed_at = NULL, resolution = NULL, closed_by = NULL
         WHERE class = $1 AND side = 'HERE' AND line_key = $2 AND closed_at IS NOT NULL",
        class,
        payment.id.to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens a case about a payment, once.
pub(super) async fn open_case(
    connection: &mut PgConnection,
    class: &str,
    payment: &Payment,
    origin: &str,
    (facts, at): (&serde_json::Value, Timestamp),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO case_file (case_id, class, side, line_key, payment_id, origin, owner, facts, opened_at)
         VALUES ($1, $2, 'HERE', $3, $4, $5, 'bapenda', $6, $7) ON CONFLICT (class, side, line_key) DO NOTHING",
        CaseId::new().0, class, payment.id.to_string(), payment.id.0, origin, facts, at
    )
    .execute(connection)
    .await?;
    Ok(())
}
