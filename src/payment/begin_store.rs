//! The statements of tx A, one a table, for many payments at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::begin_job::{BeginJob, Stored, StoredOutcome};
use super::journal::Tools;
use super::outlet_store::CLOCKS_DIFFER;
use super::refusal::BusinessRefusal;
use super::state::{Leg, Payment};
use crate::db::Together;
use crate::domain::{AgentId, BusinessDate, PaymentId, Timestamp};

type Key = (AgentId, String);

/// Keys of these jobs that were used before.
pub(super) async fn keys(
    connection: &mut PgConnection,
    jobs: &[&BeginJob],
) -> Result<HashMap<Key, Stored>, sqlx::Error> {
    let agents: Vec<Uuid> = jobs.iter().map(|job| job.agent_id.0).collect();
    let keys: Vec<String> = jobs.iter().map(|job| job.key.clone()).collect();
    let rows = sqlx::query!(
        "SELECT k.agent_id, k.key, k.request, k.payment_id, k.refusal AS \"refusal: Json<BusinessRefusal>\"
         FROM unnest($1::uuid[], $2::text[]) u (agent_id, key) JOIN idempotency_key k USING (agent_id, key)",
        &agents,
        &keys
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let outcome = stored_outcome(r.payment_id, r.refusal)?;
            Ok(((AgentId(r.agent_id), r.key), Stored { request: r.request, outcome }))
        })
        .collect()
}

/// What one key was used for.
pub(super) async fn key(
    connection: &mut PgConnection,
    agent: AgentId,
    key: &str,
) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT request, payment_id, refusal AS \"refusal: Json<BusinessRefusal>\" FROM idempotency_key WHERE agent_id = $1 AND key = $2",
        agent.0, key
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| Ok(Stored { outcome: stored_outcome(r.payment_id, r.refusal)?, request: r.request }))
        .transpose()
}

fn stored_outcome(
    payment: Option<Uuid>,
    refusal: Option<Json<BusinessRefusal>>,
) -> Result<StoredOutcome, sqlx::Error> {
    match (payment, refusal) {
        (Some(id), None) => Ok(StoredOutcome::Payment(PaymentId(id))),
        (None, Some(Json(refusal))) => Ok(StoredOutcome::Refusal(refusal)),
        _ => Err(sqlx::Error::Decode("a key names a payment or a refusal".into())),
    }
}

/// A key with its outcome.
pub(super) struct KeyClaim<'a> {
    pub(super) job: &'a BeginJob,
    pub(super) outcome: StoredOutcome,
}

/// Stores keys; tells those that were free. Waits for another transaction that is storing the same.
pub(super) async fn insert_keys(
    connection: &mut PgConnection,
    claims: &[KeyClaim<'_>],
) -> Result<BTreeSet<Key>, sqlx::Error> {
    if claims.is_empty() {
        return Ok(BTreeSet::new());
    }
    let agents: Vec<Uuid> = claims.iter().map(|c| c.job.agent_id.0).collect();
    let keys: Vec<String> = claims.iter().map(|c| c.job.key.clone()).collect();
    let requests: Vec<serde_json::Value> = claims.iter().map(|c| c.job.request()).collect();
    let (mut payments, mut refusals) = (vec![], vec![]);
    for claim in claims {
        let (payment, refusal) = match claim.outcome {
            StoredOutcome::Payment(id) => (Some(id.0), None),
            StoredOutcome::Refusal(refusal) => (None, Some(Json(refusal))),
        };
        payments.push(payment);
        refusals.push(refusal);
    }
    let ats: Vec<Timestamp> = claims.iter().map(|c| c.job.at).collect();
    let rows = sqlx::query!(
        "INSERT INTO idempotency_key (agent_id, key, request, payment_id, refusal, created_at)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::uuid[], $5::jsonb[], $6::timestamptz[]) ORDER BY 1, 2
         ON CONFLICT DO NOTHING RETURNING agent_id, key",
        &agents, &keys, &requests, &payments as &[Option<Uuid>], &refusals as &[Option<Json<BusinessRefusal>>], &ats
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|r| (AgentId(r.agent_id), r.key)).collect())
}

/// A lock that a payment needs: one a period, the first stands for the vehicle.
pub(super) struct WantedLock {
    pub(super) plate: String,
    pub(super) due_on: BusinessDate,
    pub(super) payment_id: PaymentId,
    leads: bool,
}

impl WantedLock {
    pub(super) fn of(payment: &Payment) -> Vec<Self> {
        let dates: BTreeSet<BusinessDate> =
            payment.legs.iter().flat_map(|l| &l.periods).map(|p| p.due_on).collect();
        dates
            .into_iter()
            .enumerate()
            .map(|(i, due_on)| Self {
                plate: payment.plate.clone(),
                due_on,
                payment_id: payment.id,
                leads: i == 0,
            })
            .collect()
    }
}

/// Takes the locks that are free; tells how many each payment got. Waits for a transaction that is taking the same.
pub(super) async fn insert_locks(
    connection: &mut PgConnection,
    wanted: &[WantedLock],
) -> Result<BTreeMap<PaymentId, usize>, sqlx::Error> {
    let plates: Vec<String> = wanted.iter().map(|l| l.plate.clone()).collect();
    let dates: Vec<chrono::NaiveDate> = wanted.iter().map(|l| l.due_on.date()).collect();
    let payments: Vec<Uuid> = wanted.iter().map(|l| l.payment_id.0).collect();
    let leads: Vec<bool> = wanted.iter().map(|l| l.leads).collect();
    let rows = sqlx::query_scalar!(
        "INSERT INTO vehicle_lock (plate, due_on, payment_id, is_open, leads)
         SELECT plate, due_on, payment_id, true, leads
         FROM unnest($1::text[], $2::date[], $3::uuid[], $4::boolean[]) WITH ORDINALITY u (plate, due_on, payment_id, leads, n)
         ORDER BY plate, due_on, n
         ON CONFLICT DO NOTHING RETURNING payment_id",
        &plates, &dates, &payments, &leads
    )
    .fetch_all(connection)
    .await?;
    let mut got = BTreeMap::new();
    for id in rows {
        *got.entry(PaymentId(id)).or_default() += 1;
    }
    Ok(got)
}

/// Periods of these plates that are paid.
pub(super) async fn paid_periods(
    connection: &mut PgConnection,
    plates: &[String],
) -> Result<BTreeSet<(String, BusinessDate)>, sqlx::Error> {
    let rows =
        sqlx::query!("SELECT plate, due_on FROM vehicle_lock WHERE plate = ANY($1) AND NOT is_open", plates)
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|r| (r.plate, r.due_on.into())).collect())
}

/// Frees the locks of payments that ended.
pub(super) async fn delete_locks(
    connection: &mut PgConnection,
    payments: &[(PaymentId, &str)],
) -> Result<(), sqlx::Error> {
    if payments.is_empty() {
        return Ok(());
    }
    let (ids, plates): (Vec<Uuid>, Vec<String>) =
        payments.iter().map(|(id, plate)| (id.0, (*plate).to_owned())).unzip();
    sqlx::query!(
        "DELETE FROM vehicle_lock v USING unnest($1::uuid[], $2::text[]) u (payment_id, plate)
         WHERE v.plate = u.plate AND v.payment_id = u.payment_id",
        &ids,
        &plates
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What an outlet has taken on a day, and what of it or of other days is open, rupiah.
pub(super) struct Taken {
    pub(super) agent_id: AgentId,
    pub(super) day: BusinessDate,
    pub(super) daily: i64,
    pub(super) open: i64,
}

/// What these outlets have taken on these days (WIB). Read under the locks of their floats.
pub(super) async fn taken(
    connection: &mut PgConnection,
    wanted: &BTreeSet<(AgentId, BusinessDate)>,
) -> Result<Vec<Taken>, sqlx::Error> {
    let agents: Vec<Uuid> = wanted.iter().map(|(agent, _)| agent.0).collect();
    let days: Vec<chrono::NaiveDate> = wanted.iter().map(|(_, day)| day.date()).collect();
    let begin: Vec<Timestamp> = wanted.iter().map(|(_, day)| day.begins_at()).collect();
    let end: Vec<Timestamp> = wanted.iter().map(|(_, day)| day.next().begins_at()).collect();
    let first = begin.iter().map(|at| PaymentId::earliest_of(*at - CLOCKS_DIFFER).0).collect::<Vec<Uuid>>();
    let rows = sqlx::query!(
        "SELECT u.agent_id AS \"agent_id!\", u.day AS \"day!\",
                (SELECT coalesce(sum(p.amount), 0) FROM payment p WHERE p.agent_id = u.agent_id AND p.payment_id >= u.first_id
                   AND p.taken_at >= u.begins AND p.taken_at < u.ends AND p.state NOT IN ('refused', 'reversed'))::bigint AS \"daily!\",
                (SELECT coalesce(sum(o.amount), 0) FROM payment_work w CROSS JOIN LATERAL (
                   SELECT p.amount FROM payment p WHERE p.payment_id = w.payment_id AND p.agent_id = u.agent_id
                     AND p.state IN ('held', 'in_doubt', 'integrity_hold') OFFSET 0) o)::bigint AS \"open!\"
         FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::timestamptz[], $5::timestamptz[]) u (agent_id, day, first_id, begins, ends)",
        &agents, &days, &first, &begin, &end
    )
    .fetch_all(connection)
    .await?;
    let taken = rows.into_iter().map(|r| Taken {
        agent_id: AgentId(r.agent_id),
        day: r.day.into(),
        daily: r.daily,
        open: r.open,
    });
    Ok(taken.collect())
}

/// Writes payments that begin.
pub(super) fn insert_payments(together: &mut Together, payments: &[&Payment]) {
    let uuids = |f: &dyn Fn(&Payment) -> Uuid| -> Vec<Uuid> { payments.iter().map(|p| f(p)).collect() };
    let plates: Vec<&str> = payments.iter().map(|p| p.plate.as_str()).collect();
    let amounts: Vec<i64> = payments.iter().map(|p| p.amount.get()).collect();
    let fees: Vec<i64> = payments.iter().map(|p| p.fee.get()).collect();
    let fee_holds: Vec<Option<Uuid>> = payments.iter().map(|p| p.fee_hold.map(|id| id.0)).collect();
    let taken: Vec<Timestamp> = payments.iter().map(|p| p.taken_at).collect();
    let expires: Vec<Timestamp> = payments.iter().map(|p| p.quote_expires_at).collect();
    together
        .call("insert_payments")
        .with(uuids(&|p| p.id.0))
        .with(uuids(&|p| p.agent_id.0))
        .with(uuids(&|p| p.lookup_id.0))
        .with(plates)
        .with(amounts)
        .with(fees)
        .with(fee_holds)
        .with(taken)
        .with(expires)
        .done();
}

/// Writes their legs, counted as sent: the first copies may leave as soon as this is committed.
pub(super) fn insert_legs(together: &mut Together, payments: &[&Payment]) {
    let legs: Vec<(&Payment, &Leg)> =
        payments.iter().flat_map(|p| p.legs.iter().map(move |leg| (*p, leg))).collect();
    insert_leg_rows(together, &legs);
}

/// Writes legs of payments, counted as sent.
pub(super) fn insert_leg_rows(together: &mut Together, legs: &[(&Payment, &Leg)]) {
    if legs.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = legs.iter().map(|(p, _)| p.id.0).collect();
    let ordinals: Vec<i16> = legs.iter().map(|(_, l)| l.ordinal).collect();
    let authorities: Vec<&str> = legs.iter().map(|(_, l)| l.authority.as_str()).collect();
    let references: Vec<Uuid> = legs.iter().map(|(_, l)| l.reference.0).collect();
    let documents: Vec<&str> = legs.iter().map(|(_, l)| l.document_id.as_str()).collect();
    let amounts: Vec<i64> = legs.iter().map(|(_, l)| l.amount.get()).collect();
    // No text at all is no JSON: the database would refuse it.
    let periods: Vec<String> =
        legs.iter().map(|(_, l)| serde_json::to_string(&l.periods).unwrap_or_default()).collect();
    let holds: Vec<Option<Uuid>> = legs.iter().map(|(_, l)| l.hold.map(|id| id.0)).collect();
    let not_after: Vec<Timestamp> = legs.iter().map(|(_, l)| l.not_after).collect();
    together
        .call("insert_legs")
        .with(ids)
        .with(ordinals)
        .with(authorities)
        .with(references)
        .with(documents)
        .with(amounts)
        .with(periods)
        .with(holds)
        .with(not_after)
        .done();
}

/// Leases them to the task that begins them: fencing number 1, by the database's clock.
pub(super) fn insert_work(together: &mut Together, payments: &[&Payment], tools: &Tools) {
    let ids: Vec<Uuid> = payments.iter().map(|p| p.id.0).collect();
    together.call("insert_work").with(ids).with(&*tools.instance).with(f64::from(tools.lease_s)).done();
}

/// Takes a key for a payment that is given up; false when something has arrived under it.
pub(super) async fn withdraw_key(
    connection: &mut PgConnection,
    agent: AgentId,
    given_up: &super::withdraw::GivenUp,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let request = serde_json::json!({"lookup_id": given_up.lookup_id, "amount": given_up.amount});
    let done = sqlx::query!(
        "INSERT INTO idempotency_key (agent_id, key, request, refusal, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        agent.0, given_up.key, request, Json(BusinessRefusal::Withdrawn) as _, at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
