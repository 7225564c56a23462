//! Devices of an outlet's cashiers, and their supervisor who admits and removes them.
//!
//! Where an outlet asks for it, the right password from a new device opens nothing: the device waits until the supervisor
//! has admitted it, and the cashier signs in once more. Admitted is a device for one cashier. An outlet without an enabled
//! supervisor asks for nothing, so that nobody stands before a door whose key nobody has.

use serde_json::json;
use sqlx::PgConnection;

use super::operator::Operator;
use super::sign_in::note;
use super::{Agent, device_store as store};
use crate::audit;
use crate::domain::{AgentId, PersonId, Timestamp};

/// A cashier's device in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLine {
    /// The cashier.
    pub person_id: PersonId,
    /// As colleagues call the cashier.
    pub person: String,
    /// Names the device in forms, opens nothing: the SHA-256 of its secret, lower hex.
    pub device: String,
    /// Names the device to people: the cashier's page shows the same.
    pub mark: String,
    /// The browser, in words.
    pub device_name: String,
    /// It waits to be admitted.
    pub waits: bool,
    /// It opens with a PIN.
    pub has_pin: bool,
    /// Waiting or known since.
    pub since: Timestamp,
    /// The last sign-in from it, or the last try.
    pub seen_at: Timestamp,
}

/// What people call a device by: enough to tell two apart that wait at once.
pub(super) fn mark(device_sha256: &[u8]) -> String {
    let hex = hex::encode_upper(device_sha256.get(..3).unwrap_or_default());
    let (one, other) = hex.split_at_checked(3).unwrap_or((&hex, ""));
    format!("{one}-{other}")
}

/// Devices of an outlet's enabled cashiers, those that wait first. At most 200.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn devices_of(
    connection: &mut PgConnection,
    outlet: AgentId,
) -> Result<Vec<DeviceLine>, sqlx::Error> {
    store::of_outlet(connection, outlet).await
}

/// Whether the outlet asks that new devices are admitted.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn devices_admitted(connection: &mut PgConnection, outlet: AgentId) -> Result<bool, sqlx::Error> {
    store::rule(connection, outlet).await
}

/// Admits a waiting device of a cashier of the supervisor's own outlet, in the caller's transaction; false when there is
/// none.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn admit_device(
    connection: &mut PgConnection,
    by: &Operator,
    (person, device): (PersonId, &str),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let Ok(sha256) = hex::decode(device) else { return Ok(false) };
    if !store::admit(connection, by, (person, &sha256), at).await? {
        return Ok(false);
    }
    note(connection, &by.actor(), ("admitted device", person), json!({"device": mark(&sha256)}), at).await?;
    Ok(true)
}

/// Removes a device, waiting or known, of a cashier of the supervisor's own outlet, in the caller's transaction: its
/// sign-ins and its PIN end. False when there is none.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn remove_device(
    connection: &mut PgConnection,
    by: &Operator,
    (person, device): (PersonId, &str),
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let Ok(sha256) = hex::decode(device) else { return Ok(false) };
    if !store::remove(connection, by, (person, &sha256), at).await? {
        return Ok(false);
    }
    let ended = store::end_sessions(connection, (person, &sha256), at).await?;
    let facts = json!({"device": mark(&sha256), "sessions_ended": ended});
    note(connection, &by.actor(), ("removed device", person), facts, at).await?;
    Ok(true)
}

/// Asks from now on, or no more, that new devices of an outlet's cashiers are admitted; in the caller's transaction.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn set_devices_admitted(
    connection: &mut PgConnection,
    outlet: &Agent,
    (on, by): (bool, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    store::set_rule(connection, outlet.agent_id, on).await?;
    let action = if on { "asks for admitted devices" } else { "takes any device" };
    let event =
        audit::Event::new(at, by, action, outlet.agent_id.0, json!({"agent_code": outlet.agent_code}));
    audit::append(connection, &[event]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_mark_that_people_can_say() {
        assert_eq!(mark(&[0x7f, 0x3a, 0x91, 0xff]), "7F3-A91");
        assert_eq!(mark(&[]), "-");
    }
}
