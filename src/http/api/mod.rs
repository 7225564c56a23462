//! The JSON API under `/v1`.

pub mod float;
pub mod lookups;
pub mod payments;
pub mod receipts;
pub mod reconciliations;

use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use super::auth::Caller;
use super::problem::Problem;
use crate::audit;
use crate::domain::{BusinessDate, Timestamp};

/// A file's bytes, as the document describes them.
#[derive(Debug, utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct FileBody(#[expect(dead_code, reason = "a shape, never a value")] Vec<u8>);

/// Records that a person has read something of others, before it is shown.
pub(in crate::http) async fn note_reading(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    (what, subject): (&'static str, Uuid),
    query: serde_json::Value,
) -> Result<(), Problem> {
    if let Caller::Person(person) = caller {
        let event =
            audit::Event::new(app.clock.now(), &format!("person:{}", person.username), what, subject, query);
        audit::append(connection, &[event]).await?;
    }
    Ok(())
}

fn day_of(date: Option<BusinessDate>) -> Option<(Timestamp, Timestamp)> {
    date.map(|date| (date.begins_at(), date.next().begins_at()))
}
