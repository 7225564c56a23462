//! Invariant 5: a vehicle's periods are locked by the one payment that is open or confirmed, and by no other.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let locks = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM vehicle_lock"#)
        .fetch_one(&mut *connection)
        .await?;
    let payments =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment"#).fetch_one(&mut *connection).await?;
    let shared = match two_leaders_or_none(connection).await? {
        None => two_open_payments(connection).await?,
        found => found,
    };
    Ok(vec![
        Check::new(
            5,
            "each lock has one live payment and each live payment all its locks",
            locks,
            lock_without_payment(connection).await?,
        ),
        Check::new(5, "at most one open payment per vehicle, one lock of each leading", locks, shared),
        Check::new(
            5,
            "exactly the open payments are somebody's work",
            payments,
            work_without_payment(connection).await?,
        ),
    ])
}

async fn lock_without_payment(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT DISTINCT p.plate, (period->>'due_on')::date AS due_on, p.payment_id, p.state <> 'confirmed' AS is_open
             FROM payment p JOIN payment_leg l USING (payment_id), json_array_elements(l.periods) period
             WHERE p.state IN ('held', 'in_doubt', 'integrity_hold', 'reversing', 'confirmed'))
           SELECT format('vehicle_lock %s %s: payment %s %s', coalesce(v.plate, due.plate), coalesce(v.due_on, due.due_on), coalesce(v.payment_id, due.payment_id),
                         CASE WHEN due.payment_id IS NULL THEN 'is neither open nor confirmed for this period'
                              WHEN v.payment_id IS NULL THEN 'lives without this lock'
                              WHEN v.is_open THEN 'is confirmed but still holds the vehicle'
                              ELSE 'is open but does not hold the vehicle' END) AS "offender!"
           FROM due FULL JOIN vehicle_lock v ON v.plate = due.plate AND v.due_on = due.due_on AND v.payment_id = due.payment_id
           WHERE v.is_open IS DISTINCT FROM due.is_open
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn two_leaders_or_none(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('vehicle_lock of payment %s: %s locks lead, the oldest period must alone', payment_id, count(*) FILTER (WHERE leads)) AS "offender!"
           FROM vehicle_lock GROUP BY payment_id
           HAVING count(*) FILTER (WHERE leads) <> 1 OR min(due_on) FILTER (WHERE leads) <> min(due_on)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn two_open_payments(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('vehicle_lock %s: payments %s are all open', plate, string_agg(DISTINCT payment_id::text, ', ')) AS "offender!"
           FROM vehicle_lock WHERE is_open GROUP BY plate HAVING count(DISTINCT payment_id) > 1
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn work_without_payment(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT CASE WHEN w.payment_id IS NULL THEN format('payment %s is %s and nobody asks about it', p.payment_id, p.state)
                       ELSE format('payment_work %s: its payment is %s', w.payment_id, coalesce(p.state, 'not there')) END AS "offender!"
           FROM payment p FULL JOIN payment_work w USING (payment_id)
           WHERE (w.payment_id IS NOT NULL) <> coalesce(p.state IN ('held', 'in_doubt', 'integrity_hold', 'reversing')
              OR p.state = 'refused' AND EXISTS (SELECT FROM payment_leg l WHERE l.payment_id = p.payment_id AND l.reversal_state = 'asked'), false)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
