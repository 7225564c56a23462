//! `/v1/float`: an agent's own money.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::http::App;
use crate::http::auth::AsAgent;
use crate::http::body::{QueryOf, page};
use crate::http::problem::{Problem, ProblemBody};
use crate::ledger::{self, Entry, FloatView};

/// The float as it stands.
///
/// # Errors
/// `401` without an agent's key.
#[utoipa::path(get, path = "/v1/float", security(("bearer" = [])), responses((status = 200, body = FloatView),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn show(State(app): State<App>, AsAgent(agent): AsAgent) -> Result<Json<FloatView>, Problem> {
    let mut connection = app.db.requests.acquire().await?;
    Ok(Json(ledger::float_view(&mut connection, agent.agent_id).await?))
}

/// Which movements.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EntriesQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<i64>,
    /// 1–100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A page of movements, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EntriesPage {
    items: Vec<Entry>,
    next_cursor: Option<String>,
}

/// Movements of the float, newest first.
///
/// # Errors
/// `400` for a malformed query.
#[utoipa::path(get, path = "/v1/float/entries", security(("bearer" = [])), params(EntriesQuery), responses(
    (status = 200, body = EntriesPage), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
pub async fn entries(
    State(app): State<App>,
    AsAgent(agent): AsAgent,
    QueryOf(query): QueryOf<EntriesQuery>,
) -> Result<Json<EntriesPage>, Problem> {
    let limit = page(query.limit)?;
    let mut connection = app.db.requests.acquire().await?;
    let items = ledger::entries(&mut connection, agent.agent_id, query.cursor, limit).await?;
    let next_cursor = items.last().map(|entry| entry.seq).filter(|seq| *seq > 1).map(|seq| seq.to_string());
    Ok(Json(EntriesPage { items, next_cursor }))
}
