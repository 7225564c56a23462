//! `/kantor/jejak`: what happened to one object, as the audit log has it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::guard::{AsReader, person};
use super::{Frame, Sorry, moment, page, see};
use crate::audit;
use crate::http::App;
use crate::http::api::note_reading;
use crate::http::auth::Caller;
use crate::http::body::{AskedOf, PageOf};

#[derive(Template)]
#[template(path = "office/trail.html")]
struct TrailPage {
    frame: Frame,
    subject: String,
    refused: Option<&'static str>,
    events: Option<Vec<Event>>,
}

struct Event {
    at: String,
    actor: String,
    action: String,
    facts: String,
}

impl Event {
    fn of(body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let facts =
            body.get("facts").filter(|facts| facts.as_object().is_some_and(|facts| !facts.is_empty()));
        Self {
            at: moment(&text("at")),
            actor: text("actor"),
            action: text("action"),
            facts: facts.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// Of which object.
#[derive(Deserialize)]
pub(in crate::http) struct Subject {
    nomor: Option<String>,
}

/// `GET /kantor/jejak`
pub(in crate::http) async fn trail_form(
    AsReader(at): AsReader,
    AskedOf(asked): AskedOf<Subject>,
) -> Response {
    let subject = asked.nomor.map(|nomor| nomor.trim().to_owned()).filter(|nomor| !nomor.is_empty());
    let refused = match subject.as_deref().map(Uuid::parse_str) {
        Some(Ok(id)) => return see(&format!("/kantor/jejak/{id}")),
        Some(Err(_)) => Some("Nomor objek tidak terbaca."),
        None => None,
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, &TrailPage { frame: Frame::at(&at), subject: String::new(), refused, events: None })
}

/// `GET /kantor/jejak/{subject}`: what has no event looks like what does not exist.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn trail(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(subject): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let events = audit::about(&mut connection, subject).await?;
    if events.is_empty() {
        return Err(Sorry::absent());
    }
    let caller = Caller::Person(person(&at));
    note_reading(&mut connection, &app, &caller, ("read trail", subject), json!({})).await?;
    drop(connection);
    let events = events.iter().map(Event::of).collect();
    let (frame, subject) = (Frame::at(&at), subject.to_string());
    Ok(page(StatusCode::OK, &TrailPage { frame, subject, refused: None, events: Some(events) }))
}
