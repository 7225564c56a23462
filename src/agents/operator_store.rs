//! Rows of people who sign in: their passwords, and the devices they are known on.

use sqlx::PgConnection;

use super::operator::Member;
use super::{Agent, Role};
use crate::domain::{AgentId, PersonId, Timestamp};

/// A person with what proves it.
pub(super) struct Known {
    pub(super) member: Member,
    pub(super) password_hash: String,
    /// The asking device is known for this person.
    pub(super) on_this_device: bool,
    /// The person's outlet asks that a supervisor admits each new device of a cashier.
    pub(super) devices_admitted: bool,
}

/// The columns of a person with its outlet, as one statement brings them.
pub(super) struct MemberRow {
    pub(super) person_id: uuid::Uuid,
    pub(super) username: String,
    pub(super) full_name: Option<String>,
    pub(super) role: String,
    pub(super) agent_id: Option<uuid::Uuid>,
    pub(super) agent_no: Option<i64>,
    pub(super) agent_code: Option<String>,
    pub(super) agent_name: Option<String>,
    pub(super) active: Option<bool>,
}

impl MemberRow {
    pub(super) fn member(self) -> Result<Member, sqlx::Error> {
        let unknown = || sqlx::Error::Decode(format!("unknown role {}", self.role).into());
        let role = Role::named(&self.role).ok_or_else(unknown)?;
        let outlet = match (self.agent_id, self.agent_no, self.agent_code, self.agent_name) {
            (Some(id), Some(agent_no), Some(agent_code), Some(name)) => Some(Agent {
                agent_id: AgentId(id),
                agent_no,
                agent_code,
                name,
                active: self.active.unwrap_or(false),
            }),
            _ => None,
        };
        Ok(Member {
            person_id: PersonId(self.person_id),
            role,
            username: self.username,
            full_name: self.full_name,
            outlet,
        })
    }
}

/// The enabled person of that name, as a device asks.
pub(super) async fn member_by_name(
    connection: &mut PgConnection,
    username: &str,
    device_sha256: &[u8],
) -> Result<Option<Known>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT m.person_id, m.username, m.full_name, m.role, m.password_hash, a.agent_id AS \"agent_id?\", a.agent_no AS \"agent_no?\",
                a.agent_code AS \"agent_code?\", a.name AS \"agent_name?\", a.status = 'active' AS active,
                EXISTS (SELECT FROM person_device d WHERE d.device_sha256 = $2 AND d.person_id = m.person_id
                        AND d.forgotten_at IS NULL) AS \"on_this_device!\",
                coalesce(a.devices_admitted, false) AND EXISTS (SELECT FROM person s WHERE s.agent_id = a.agent_id
                        AND s.role = 'penyelia' AND s.disabled_at IS NULL) AS \"devices_admitted!\"
         FROM person m LEFT JOIN agent a USING (agent_id) WHERE m.username = $1 AND m.disabled_at IS NULL",
        username,
        device_sha256
    )
    .fetch_optional(connection)
    .await?;
    let Some(r) = row else { return Ok(None) };
    let member = MemberRow {
        person_id: r.person_id,
        username: r.username,
        full_name: r.full_name,
        role: r.role,
        agent_id: r.agent_id,
        agent_no: r.agent_no,
        agent_code: r.agent_code,
        agent_name: r.agent_name,
        active: r.active,
    };
    Ok(Some(Known {
        member: member.member()?,
        password_hash: r.password_hash,
        on_this_device: r.on_this_device,
        devices_admitted: r.devices_admitted,
    }))
}

/// The password's hash of an enabled person.
pub(super) async fn password_hash(
    connection: &mut PgConnection,
    id: PersonId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT password_hash FROM person WHERE person_id = $1 AND disabled_at IS NULL", id.0)
        .fetch_optional(connection)
        .await
}

/// Another password; `by_another` makes the person change it before anything else.
pub(super) async fn set_password(
    connection: &mut PgConnection,
    id: PersonId,
    (password_hash, by_another): (&str, bool),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE person SET password_hash = $2, must_change_password = $3 WHERE person_id = $1",
        id.0,
        password_hash,
        by_another
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Disables a person or enables it again; false when there is no such change to make.
pub(super) async fn set_disabled(
    connection: &mut PgConnection,
    username: &str,
    disabled_at: Option<Timestamp>,
) -> Result<Option<PersonId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "UPDATE person SET disabled_at = $2 WHERE username = $1 AND (disabled_at IS NULL) <> ($2::timestamptz IS NULL)
         RETURNING person_id",
        username,
        disabled_at
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(PersonId))
}

/// Remembers that the person signed in from this device with all that is asked: what guesses had locked is free again.
pub(super) async fn know_device(
    connection: &mut PgConnection,
    (id, device_sha256, device_name): (PersonId, &[u8], &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO person_device (device_sha256, person_id, device_name, known_since, seen_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (device_sha256, person_id) DO UPDATE
         SET seen_at = $4, device_name = $3, pin_failures = 0, forgotten_at = NULL, waits_since = NULL,
             known_since = CASE WHEN person_device.forgotten_at IS NULL THEN person_device.known_since ELSE $4 END",
        device_sha256,
        id.0,
        device_name,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes one of five tries at a PIN, before it is looked at; none when there is no PIN or no try left.
pub(super) async fn try_pin(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
) -> Result<Option<String>, sqlx::Error> {
    let hash = sqlx::query_scalar!(
        "UPDATE person_device SET pin_failures = pin_failures + 1
         WHERE device_sha256 = $1 AND person_id = $2 AND forgotten_at IS NULL AND pin_hash IS NOT NULL AND pin_failures < 5
         RETURNING pin_hash",
        device_sha256,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(hash.flatten())
}

/// The PIN was right.
pub(super) async fn forgive_pin(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE person_device SET pin_failures = 0, seen_at = $3 WHERE device_sha256 = $1 AND person_id = $2",
        device_sha256,
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets a PIN on a known device, or takes it away; false when the device is not known for the person.
pub(super) async fn set_pin(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
    pin_hash: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_device SET pin_hash = $3, pin_failures = 0
         WHERE device_sha256 = $1 AND person_id = $2 AND forgotten_at IS NULL",
        device_sha256,
        id.0,
        pin_hash
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// No device is known for the person any more, and no PIN opens anything.
pub(super) async fn forget_devices(
    connection: &mut PgConnection,
    id: PersonId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE person_device SET forgotten_at = coalesce(forgotten_at, $2), waits_since = NULL, pin_hash = NULL, pin_failures = 0
         WHERE person_id = $1 AND (forgotten_at IS NULL OR waits_since IS NOT NULL)",
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Names of the enabled operators that may open this device with a PIN, the latest first. At most four.
pub(super) async fn names_with_pin(
    connection: &mut PgConnection,
    device_sha256: &[u8],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT m.username, coalesce(m.full_name, m.username) AS \"name!\" FROM person_device d JOIN person m USING (person_id)
         WHERE d.device_sha256 = $1 AND d.pin_hash IS NOT NULL AND d.pin_failures < 5 AND d.forgotten_at IS NULL
           AND m.disabled_at IS NULL AND m.role = 'kasir' AND NOT m.must_change_password
         ORDER BY d.seen_at DESC LIMIT 4",
        device_sha256
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|r| (r.username, r.name)).collect())
}

/// Whether the person has a PIN on this device.
pub(super) async fn has_pin(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT EXISTS (SELECT FROM person_device WHERE device_sha256 = $1 AND person_id = $2 AND forgotten_at IS NULL
                        AND pin_hash IS NOT NULL) AS \"has!\"",
        device_sha256,
        id.0
    )
    .fetch_one(connection)
    .await
}

/// Whether the device is known for the person.
pub(super) async fn is_known(
    connection: &mut PgConnection,
    (id, device_sha256): (PersonId, &[u8]),
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT EXISTS (SELECT FROM person_device WHERE device_sha256 = $1 AND person_id = $2 AND forgotten_at IS NULL) AS \"is!\"",
        device_sha256,
        id.0
    )
    .fetch_one(connection)
    .await
}
