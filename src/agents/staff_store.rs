//! Rows of an outlet's people, as its supervisor sees them.

use sqlx::PgConnection;

use super::Role;
use crate::domain::{AgentId, PersonId};

/// Somebody at an outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Its id.
    pub person_id: PersonId,
    /// As pages name the person.
    pub name: String,
    /// `kasir` or `penyelia`.
    pub role: Role,
    /// False when nobody lets the person in any more.
    pub enabled: bool,
}

/// The people of an outlet, by name.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn staff_of(connection: &mut PgConnection, agent: AgentId) -> Result<Vec<Staff>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT person_id, coalesce(full_name, username) AS \"name!\", role, disabled_at IS NULL AS \"enabled!\"
         FROM person WHERE agent_id = $1 ORDER BY 2, 1",
        agent.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|r| {
            let role = Role::named(&r.role).ok_or_else(|| sqlx::Error::Decode("unknown role".into()))?;
            Ok(Staff { person_id: PersonId(r.person_id), name: r.name, role, enabled: r.enabled })
        })
        .collect()
}
