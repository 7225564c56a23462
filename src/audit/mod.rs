//! The log of facts. Whoever makes something true appends an event in the same transaction.
//!
//! An event's body is canonical JSON (members in the order written here, no spaces); its leaf is the RFC 9162 hash
//! SHA-256(0x00 ‖ body). Personal data never stands in a body but as [`salted`] hash. Never updated, never deleted.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::Together;
use crate::domain::rfc3339_wib;

/// One fact.
#[derive(Debug, Clone)]
pub struct Event {
    id: Uuid,
    at: DateTime<Utc>,
    actor: String,
    action: &'static str,
    subject: Uuid,
    facts: serde_json::Value,
}

#[derive(Serialize)]
struct Body<'a> {
    event_id: Uuid,
    at: String,
    actor: &'a str,
    action: &'a str,
    subject: Uuid,
    facts: &'a serde_json::Value,
}

impl Event {
    /// A fact about `subject`, made true by `actor` (`agent:PSN-0001`, `person:siti`, `resolver`, `night`).
    #[must_use]
    pub fn new(
        at: DateTime<Utc>,
        actor: &str,
        action: &'static str,
        subject: Uuid,
        facts: serde_json::Value,
    ) -> Self {
        Self { id: Uuid::now_v7(), at, actor: actor.to_owned(), action, subject, facts }
    }

    fn body(&self) -> String {
        let body = Body {
            event_id: self.id,
            at: rfc3339_wib(self.at),
            actor: &self.actor,
            action: self.action,
            subject: self.subject,
            facts: &self.facts,
        };
        // A struct of strings and JSON values always serializes.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// RFC 9162 leaf hash of a body.
#[must_use]
pub fn leaf(body: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(body.as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// SHA-256 of a salt and a piece of personal data: comparable by who knows the datum, unreadable to others.
#[must_use]
pub fn salted(salt: Uuid, datum: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt.as_bytes());
    context.update(datum.as_bytes());
    hex::encode(context.finish())
}

/// Appends events in the caller's transaction.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn append(connection: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
    let mut together = Together::new();
    append_with(&mut together, events);
    together.run(connection).await
}

/// The same beside what others write.
pub fn append_with(together: &mut Together, events: &[Event]) {
    if events.is_empty() {
        return;
    }
    let bodies: Vec<String> = events.iter().map(Event::body).collect();
    let leaves: Vec<Vec<u8>> = bodies.iter().map(|body| leaf(body).to_vec()).collect();
    let ids: Vec<Uuid> = events.iter().map(|e| e.id).collect();
    let ats: Vec<DateTime<Utc>> = events.iter().map(|e| e.at).collect();
    let actors: Vec<&str> = events.iter().map(|e| e.actor.as_str()).collect();
    let actions: Vec<&str> = events.iter().map(|e| e.action).collect();
    let subjects: Vec<Uuid> = events.iter().map(|e| e.subject).collect();
    together
        .call("append_events")
        .with(ids)
        .with(ats)
        .with(actors)
        .with(actions)
        .with(subjects)
        .with(bodies)
        .with(leaves)
        .done();
}

/// Every event about one subject, oldest first, as it was hashed. At most 1,000.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails or a body is no JSON.
pub async fn about(
    connection: &mut PgConnection,
    subject: Uuid,
) -> Result<Vec<serde_json::Value>, sqlx::Error> {
    let bodies = sqlx::query_scalar!(
        "SELECT body FROM audit_event WHERE subject = $1 ORDER BY event_id LIMIT 1000",
        subject
    )
    .fetch_all(connection)
    .await?;
    bodies
        .iter()
        .map(|body| serde_json::from_str(body).map_err(|e| sqlx::Error::Decode(Box::new(e))))
        .collect()
}
