//! Rows of second factors: the sealed secret of a person, and the one that a session shows while it is being set.

use sqlx::PgConnection;

use crate::domain::{PersonId, SessionId, Timestamp};

/// The sealed secret of an enabled person who has set one.
pub(super) async fn secret(
    connection: &mut PgConnection,
    id: PersonId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        "SELECT totp_secret FROM person WHERE person_id = $1 AND totp_since IS NOT NULL AND disabled_at IS NULL",
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.flatten())
}

/// Sets a person's second factor for the first time; false when there is one already.
pub(super) async fn set(
    connection: &mut PgConnection,
    (id, sealed): (PersonId, &[u8]),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person SET totp_secret = $2, totp_since = $3 WHERE person_id = $1 AND totp_since IS NULL",
        id.0,
        sealed,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a person's second factor away; false when there is none.
pub(super) async fn take_away(connection: &mut PgConnection, id: PersonId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person SET totp_secret = NULL, totp_since = NULL WHERE person_id = $1 AND totp_since IS NOT NULL",
        id.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses a step up: of two copies of one code, at however many gateways, one is taken.
pub(super) async fn use_step(
    connection: &mut PgConnection,
    (id, step): (PersonId, i64),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person SET totp_last_step = $2 WHERE person_id = $1 AND totp_last_step < $2",
        id.0,
        step
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The sealed secret that a session shows; the given one if it shows none yet.
pub(super) async fn shown(
    connection: &mut PgConnection,
    session: SessionId,
    fresh: &[u8],
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        "UPDATE person_session SET enrolling = coalesce(enrolling, $2) WHERE session_id = $1 AND revoked_at IS NULL RETURNING enrolling",
        session.0,
        fresh
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.flatten())
}

/// The same, without showing one.
pub(super) async fn was_shown(
    connection: &mut PgConnection,
    session: SessionId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        "SELECT enrolling FROM person_session WHERE session_id = $1 AND revoked_at IS NULL",
        session.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.flatten())
}
