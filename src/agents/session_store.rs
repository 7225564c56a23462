//! Rows of sign-ins. A session lives while it is neither revoked nor idle nor old and its person is enabled; one that
//! still owes a second factor lives ten minutes.

use chrono::TimeDelta;
use sqlx::PgConnection;

use super::Role;
use super::operator::{SecondFactor, SessionLine, SignIn};
use super::operator_store::MemberRow;
use crate::domain::{PersonId, SessionId, Timestamp};

/// Without an act of the person for this long, a session ends: a page left open on a counter is a drawer left open.
pub const IDLE: TimeDelta = TimeDelta::minutes(30);
/// No session is older: a working day with its evening.
pub const OLDEST: TimeDelta = TimeDelta::hours(12);
/// So long a right password waits for its code.
pub const HALF: TimeDelta = TimeDelta::minutes(10);
/// An act is written down at most this often.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Sign-ins in one list.
const LISTED_MAX: i64 = 50;

/// What a new session is made of.
pub(super) struct NewSession<'a> {
    pub(super) token_sha256: &'a [u8],
    pub(super) device_sha256: &'a [u8],
    pub(super) device_name: &'a str,
    pub(super) person_id: PersonId,
    pub(super) session_id: SessionId,
    /// When the second factor was given.
    pub(super) code_at: Option<Timestamp>,
}

pub(super) async fn insert_session(
    connection: &mut PgConnection,
    new: &NewSession<'_>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO person_session (token_sha256, session_id, person_id, device_sha256, device_name, created_at, seen_at, code_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        new.token_sha256, new.session_id.0, new.person_id.0, new.device_sha256, new.device_name, at, new.code_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The living session of that token.
pub(super) async fn session_by_token(
    connection: &mut PgConnection,
    token_sha256: &[u8],
    now: Timestamp,
) -> Result<Option<SignIn>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT s.session_id, s.seen_at, s.code_at, m.person_id, m.username, m.full_name, m.role, m.must_change_password, m.totp_since,
                a.agent_id AS \"agent_id?\", a.agent_no AS \"agent_no?\", a.agent_code AS \"agent_code?\", a.name AS \"agent_name?\",
                a.status = 'active' AS active
         FROM person_session s JOIN person m USING (person_id) LEFT JOIN agent a USING (agent_id)
         WHERE s.token_sha256 = $1 AND s.revoked_at IS NULL AND s.seen_at > $2 AND s.created_at > $3 AND m.disabled_at IS NULL
           AND (m.role = 'kasir' OR s.code_at IS NOT NULL OR s.created_at > $4)",
        token_sha256,
        now - IDLE,
        now - OLDEST,
        now - HALF
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
    let member = member.member()?;
    let second_factor = match (member.role, r.code_at, r.totp_since) {
        (Role::Kasir, ..) => SecondFactor::NotNeeded,
        (_, Some(_), _) => SecondFactor::Given,
        (_, None, Some(_)) => SecondFactor::Asked,
        (_, None, None) => SecondFactor::ToSet,
    };
    Ok(Some(SignIn {
        session_id: SessionId(r.session_id),
        member,
        must_change_password: r.must_change_password,
        second_factor,
        seen_at: r.seen_at,
    }))
}

/// Notes an act of the person, not more often than once a minute.
pub(super) async fn note_act(
    connection: &mut PgConnection,
    session: &SignIn,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if now - session.seen_at < NOTED_EVERY {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE person_session SET seen_at = greatest(seen_at, $2) WHERE session_id = $1 AND revoked_at IS NULL",
        session.session_id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The person's living sessions, the latest act first.
pub(super) async fn sessions_of(
    connection: &mut PgConnection,
    id: PersonId,
    now: Timestamp,
) -> Result<Vec<SessionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT session_id, device_name, created_at, seen_at FROM person_session
         WHERE person_id = $1 AND revoked_at IS NULL AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC LIMIT $4",
        id.0,
        now - IDLE,
        now - OLDEST,
        LISTED_MAX
    )
    .fetch_all(connection)
    .await?;
    let line = |(id, device_name, created_at, seen_at)| SessionLine {
        session_id: SessionId(id),
        device_name,
        created_at,
        seen_at,
    };
    Ok(rows.into_iter().map(|r| line((r.session_id, r.device_name, r.created_at, r.seen_at))).collect())
}

/// Ends one session of a person; false when it is not the person's, or over.
pub(super) async fn revoke_session(
    connection: &mut PgConnection,
    (id, session): (PersonId, SessionId),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_session SET revoked_at = $3 WHERE session_id = $1 AND person_id = $2 AND revoked_at IS NULL",
        session.0,
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the session of a token, whosever.
pub(super) async fn revoke_token(
    connection: &mut PgConnection,
    token_sha256: &[u8],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE person_session SET revoked_at = $2 WHERE token_sha256 = $1 AND revoked_at IS NULL",
        token_sha256,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends every session of a person; tells how many.
pub(super) async fn revoke_all(
    connection: &mut PgConnection,
    id: PersonId,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE person_session SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL",
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
