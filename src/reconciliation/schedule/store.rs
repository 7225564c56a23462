//! The schedule's rows: the lease, the tries, and which dates are published.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Lease;
use crate::domain::{BusinessDate, Timestamp};

/// Takes or renews the lease for 90 s of the database's clock; none while another gateway holds it.
pub(crate) async fn lease(connection: &mut PgConnection, holder: Uuid) -> Result<Option<Lease>, sqlx::Error> {
    let fence = sqlx::query_scalar!(
        "INSERT INTO job_lease AS l (name, holder, fence, until) VALUES ('night', $1, 1, now() + interval '90 seconds')
         ON CONFLICT (name) DO UPDATE
           SET holder = $1, until = excluded.until, fence = l.fence + CASE WHEN l.holder = $1 THEN 0 ELSE 1 END
           WHERE l.holder = $1 OR l.until < now()
         RETURNING fence",
        holder
    )
    .fetch_optional(connection)
    .await?;
    Ok(fence.map(|fence| Lease { holder, fence }))
}

/// Prolongs the lease if it is still this gateway's.
pub(crate) async fn renew(connection: &mut PgConnection, lease: Lease) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE job_lease SET until = now() + interval '90 seconds' WHERE name = 'night' AND holder = $1 AND fence = $2",
        lease.holder,
        lease.fence
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Holds the lease's row until the transaction ends; says whether it is still this gateway's.
pub(crate) async fn hold(connection: &mut PgConnection, lease: Lease) -> Result<bool, sqlx::Error> {
    let held = sqlx::query_scalar!(
        "SELECT fence FROM job_lease WHERE name = 'night' AND holder = $1 AND fence = $2 AND until > now() FOR UPDATE",
        lease.holder,
        lease.fence
    )
    .fetch_optional(connection)
    .await?;
    Ok(held.is_some())
}

/// The business date of the first payment: its first leg's, or the WIB day its cash was taken while no leg is booked.
pub(crate) async fn first_business_date(
    connection: &mut PgConnection,
) -> Result<Option<BusinessDate>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT p.taken_at, (SELECT min(l.business_date) FROM payment_leg l WHERE l.payment_id = p.payment_id) AS booked_on
           FROM payment p ORDER BY p.payment_id LIMIT 1"#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.booked_on.map_or_else(|| BusinessDate::of(row.taken_at), BusinessDate::from)))
}

/// The dates from `first` on that have a published night.
pub(crate) async fn published_since(
    connection: &mut PgConnection,
    first: BusinessDate,
) -> Result<BTreeSet<BusinessDate>, sqlx::Error> {
    let dates = sqlx::query_scalar!(
        "SELECT DISTINCT business_date FROM night_run WHERE business_date >= $1",
        first.date()
    )
    .fetch_all(connection)
    .await?;
    Ok(dates.into_iter().map(BusinessDate::from).collect())
}

/// How often a date was tried in vain, and when it is tried next.
pub(crate) async fn attempt(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<Option<(i32, Timestamp)>, sqlx::Error> {
    let row =
        sqlx::query!("SELECT tries, next_try_at FROM night_attempt WHERE business_date = $1", date.date())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|row| (row.tries, row.next_try_at)))
}

/// Notes a try in vain.
pub(crate) async fn note_attempt(
    connection: &mut PgConnection,
    date: BusinessDate,
    (tries, next_try_at): (i32, Timestamp),
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO night_attempt (business_date, tries, next_try_at, reason) VALUES ($1, $2, $3, $4)
         ON CONFLICT (business_date) DO UPDATE SET tries = excluded.tries, next_try_at = excluded.next_try_at, reason = excluded.reason",
        date.date(),
        tries,
        next_try_at,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the tries of a date that is published.
pub(crate) async fn forget_attempt(
    connection: &mut PgConnection,
    date: BusinessDate,
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM night_attempt WHERE business_date = $1", date.date())
        .execute(connection)
        .await?;
    Ok(())
}
