//! Rows of cashiers' devices as their supervisor sees them.

use sqlx::PgConnection;

use super::device::{DeviceLine, mark};
use super::operator::Operator;
use crate::domain::{AgentId, PersonId, Timestamp};

/// Devices in one list.
const LISTED_MAX: i64 = 200;

struct Row {
    device_sha256: Vec<u8>,
    device_name: String,
    waits_since: Option<Timestamp>,
    known_since: Timestamp,
    seen_at: Timestamp,
    has_pin: bool,
    person_id: uuid::Uuid,
    person: String,
}

/// A device asks to be admitted: it stays unknown.
pub(super) async fn asks(
    connection: &mut PgConnection,
    (id, device_sha256, device_name): (PersonId, &[u8], &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO person_device (device_sha256, person_id, device_name, known_since, seen_at, forgotten_at, waits_since)
         VALUES ($1, $2, $3, $4, $4, $4, $4)
         ON CONFLICT (device_sha256, person_id) DO UPDATE
         SET device_name = $3, seen_at = $4, waits_since = coalesce(person_device.waits_since, $4)
         WHERE person_device.forgotten_at IS NOT NULL",
        device_sha256,
        id.0,
        device_name,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn of_outlet(
    connection: &mut PgConnection,
    outlet: AgentId,
) -> Result<Vec<DeviceLine>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT d.device_sha256, d.device_name, d.waits_since, d.known_since, d.seen_at, d.pin_hash IS NOT NULL AS \"has_pin!\",
                m.person_id, coalesce(m.full_name, m.username) AS \"person!\"
         FROM person m JOIN person_device d USING (person_id)
         WHERE m.agent_id = $1 AND m.role = 'kasir' AND m.disabled_at IS NULL
           AND (d.forgotten_at IS NULL OR d.waits_since IS NOT NULL)
         ORDER BY d.waits_since NULLS LAST, d.seen_at DESC LIMIT $2",
        outlet.0,
        LISTED_MAX
    )
    .fetch_all(connection)
    .await?;
    let line = |r: Row| DeviceLine {
        person_id: PersonId(r.person_id),
        person: r.person,
        device: hex::encode(&r.device_sha256),
        mark: mark(&r.device_sha256),
        device_name: r.device_name,
        waits: r.waits_since.is_some(),
        has_pin: r.has_pin,
        since: r.waits_since.unwrap_or(r.known_since),
        seen_at: r.seen_at,
    };
    Ok(rows.into_iter().map(line).collect())
}

pub(super) async fn rule(connection: &mut PgConnection, outlet: AgentId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!("SELECT devices_admitted FROM agent WHERE agent_id = $1", outlet.0)
        .fetch_one(connection)
        .await
}

pub(super) async fn set_rule(
    connection: &mut PgConnection,
    outlet: AgentId,
    on: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE agent SET devices_admitted = $2 WHERE agent_id = $1", outlet.0, on)
        .execute(connection)
        .await?;
    Ok(())
}

/// A waiting device is known from now on; another outlet's looks like none.
pub(super) async fn admit(
    connection: &mut PgConnection,
    by: &Operator,
    (id, device_sha256): (PersonId, &[u8]),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_device d SET forgotten_at = NULL, waits_since = NULL, known_since = $5, admitted_by = $4, pin_failures = 0
         FROM person m
         WHERE m.person_id = d.person_id AND m.agent_id = $3 AND m.role = 'kasir' AND m.disabled_at IS NULL
           AND d.person_id = $1 AND d.device_sha256 = $2 AND d.waits_since IS NOT NULL",
        id.0,
        device_sha256,
        by.outlet.agent_id.0,
        by.person_id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A device is unknown from now on and waits for nothing; another outlet's looks like none.
pub(super) async fn remove(
    connection: &mut PgConnection,
    by: &Operator,
    (id, device_sha256): (PersonId, &[u8]),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_device d SET forgotten_at = coalesce(d.forgotten_at, $4), waits_since = NULL, pin_hash = NULL, pin_failures = 0
         FROM person m
         WHERE m.person_id = d.person_id AND m.agent_id = $3 AND m.role = 'kasir'
           AND d.person_id = $1 AND d.device_sha256 = $2 AND (d.forgotten_at IS NULL OR d.waits_since IS NOT NULL)",
        id.0,
        device_sha256,
        by.outlet.agent_id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the sign-ins of a person from one device; tells how many.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_session SET revoked_at = $3 WHERE person_id = $1 AND device_sha256 = $2 AND revoked_at IS NULL",
        id.0,
        device_sha256,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
