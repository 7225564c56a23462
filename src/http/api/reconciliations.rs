//! `/v1/reconciliations`: what the night published, for officers and auditors.

use std::io::Seek;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_blocking;

use super::{FileBody, note_reading};
use crate::agents::Person;
use crate::domain::BusinessDate;
use crate::http::App;
use crate::http::auth::{AsOfficer, Caller};
use crate::http::body::{PathOf, QueryOf, page};
use crate::http::problem::{Problem, ProblemBody};
use crate::reconciliation::SpoolDir;
use crate::reconciliation::class::Class;
use crate::reconciliation::reading::{self, EXPORT_HEAD, LISTED_MAX, Line, Wanted, Workbook};
use crate::reconciliation::report::Report;

/// The run in force of a date, its reading noted before it is shown.
pub(in crate::http) async fn run_of(
    app: &App,
    person: Person,
    date: BusinessDate,
    what: &'static str,
) -> Result<Report, Problem> {
    let mut connection = app.db.requests.acquire().await?;
    let run = reading::run_in_force(&mut connection, date).await?.ok_or_else(Problem::not_found)?;
    note_reading(&mut connection, app, &Caller::Person(person), (what, run.run_id.0), json!({"date": date}))
        .await?;
    Ok(run)
}

/// The run in force of a date.
///
/// # Errors
/// `404` when none was published.
#[utoipa::path(get, path = "/v1/reconciliations/{date}", security(("bearer" = [])), params(("date" = String, Path)),
    responses((status = 200, body = Report, description = "As the command `reconcile` prints it"), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    PathOf(date): PathOf<BusinessDate>,
) -> Result<Json<Report>, Problem> {
    run_of(&app, person, date, "read reconciliation").await.map(Json)
}

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ItemsQuery {
    /// Of that class.
    class: Option<String>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<i32>,
    /// 1–100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A page of classified lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ItemsPage {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Line>,
    next_cursor: Option<String>,
}

/// The classified lines of a date's run, in canonical order.
///
/// # Errors
/// `404` when none was published, `400` for an unknown class.
#[utoipa::path(get, path = "/v1/reconciliations/{date}/items", security(("bearer" = [])),
    params(("date" = String, Path), ItemsQuery), responses((status = 200, body = ItemsPage, description = "A page of lines"),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
pub async fn items(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    PathOf(date): PathOf<BusinessDate>,
    QueryOf(query): QueryOf<ItemsQuery>,
) -> Result<Json<ItemsPage>, Problem> {
    let limit = page(query.limit)?;
    let unknown = || Problem::bad_request("no such class");
    let class = query.class.as_deref().map(|name| Class::named(name).ok_or_else(unknown)).transpose()?;
    let run = run_of(&app, person, date, "read reconciliation items").await?;
    let mut connection = app.db.requests.acquire().await?;
    let wanted = Wanted { class, after: query.cursor.unwrap_or(0), limit };
    let items = reading::lines(&mut connection, run.run_id, wanted).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n == limit);
    let next_cursor = if full { items.last().map(|line| line.ordinal.to_string()) } else { None };
    Ok(Json(ItemsPage { items, next_cursor }))
}

/// A date's run as CSV, streamed.
///
/// # Errors
/// `404` when none was published.
#[utoipa::path(get, path = "/v1/reconciliations/{date}/export.csv", security(("bearer" = [])), params(("date" = String, Path)),
    responses((status = 200, body = FileBody, content_type = "text/csv"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
pub async fn export_csv(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    PathOf(date): PathOf<BusinessDate>,
) -> Result<Response, Problem> {
    let run = run_of(&app, person, date, "exported reconciliation").await?;
    Ok(csv(app, &run))
}

/// A run as CSV, streamed piece by piece.
pub(in crate::http) fn csv(app: App, run: &Report) -> Response {
    let (run_id, date) = (run.run_id, run.date);
    let pieces = futures_util::stream::try_unfold(Some(0), move |after| {
        let db = app.db.clone();
        async move {
            let Some(after) = after else { return Ok::<_, sqlx::Error>(None) };
            let mut connection = db.requests.acquire().await?;
            let piece = reading::export_piece(&mut connection, run_id, after).await?;
            let head = if after == 0 { EXPORT_HEAD } else { "" };
            Ok(match piece {
                Some((text, last)) => Some((format!("{head}{text}"), Some(last))),
                None if after == 0 => Some((head.to_owned(), None)),
                None => None,
            })
        }
    });
    let name = format!("attachment; filename=\"rekonsiliasi-{date}.csv\"");
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, Body::from_stream(pieces)).into_response()
}

/// A date's run as a workbook: a summary, and every line.
///
/// # Errors
/// `404` when none was published.
#[utoipa::path(get, path = "/v1/reconciliations/{date}/export.xlsx", security(("bearer" = [])), params(("date" = String, Path)),
    responses((status = 200, body = FileBody, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn export_xlsx(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    PathOf(date): PathOf<BusinessDate>,
) -> Result<Response, Problem> {
    let run = run_of(&app, person, date, "exported reconciliation").await?;
    xlsx(&app, &run).await
}

/// A run as a workbook.
///
/// # Errors
/// When it cannot be written or the database fails.
pub(in crate::http) async fn xlsx(app: &App, run: &Report) -> Result<Response, Problem> {
    let (file, date) = (workbook(app, run).await?, run.date);
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(64 * 1024);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then_some((piece, file)))
    });
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned();
    let name = format!("attachment; filename=\"rekonsiliasi-{date}.xlsx\"");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// A date's run as minutes for the file: PDF/A.
///
/// # Errors
/// `404` when none was published.
#[utoipa::path(get, path = "/v1/reconciliations/{date}/export.pdf", security(("bearer" = [])), params(("date" = String, Path)),
    responses((status = 200, body = FileBody, content_type = "application/pdf"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
pub async fn export_pdf(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    PathOf(date): PathOf<BusinessDate>,
) -> Result<Response, Problem> {
    let run = run_of(&app, person, date, "exported reconciliation").await?;
    pdf(&app, run).await
}

/// A run as minutes.
///
/// # Errors
/// When they cannot be drawn or the database fails.
pub(in crate::http) async fn pdf(app: &App, run: Report) -> Result<Response, Problem> {
    let date = run.date;
    let mut connection = app.db.requests.acquire().await?;
    let breaks = reading::breaks(&mut connection, run.run_id, LISTED_MAX).await?;
    drop(connection);
    let now = app.clock.now();
    let draw = move || reading::minutes(&run, &breaks, now);
    let file = spawn_blocking(draw).await.map_err(not_written)?.map_err(not_written)?;
    let name = format!("attachment; filename=\"rekonsiliasi-{date}.pdf\"");
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, file).into_response())
}

/// Written off the requests' threads: a million lines take seconds.
async fn workbook(app: &App, run: &Report) -> Result<tokio::fs::File, Problem> {
    let spools = SpoolDir::new(&app.config.night.spool_dir);
    let mut book = Workbook::begin(run, &spools).map_err(not_written)?;
    let mut after = 0;
    loop {
        let mut connection = app.db.requests.acquire().await?;
        let lines = reading::export_lines(&mut connection, run.run_id, after).await?;
        drop(connection);
        let Some(last) = lines.last() else { break };
        after = last.ordinal;
        let add = move || lines.iter().try_for_each(|line| book.add(&line.line)).map(|()| book);
        book = spawn_blocking(add).await.map_err(not_written)?.map_err(not_written)?;
    }
    let finish = move || {
        let mut file = spools.file()?;
        book.finish(&file).map_err(std::io::Error::other)?;
        file.rewind()?;
        Ok::<_, std::io::Error>(file)
    };
    let file = spawn_blocking(finish).await.map_err(not_written)?.map_err(not_written)?;
    Ok(tokio::fs::File::from_std(file))
}

fn not_written(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an export cannot be written");
    Problem::internal()
}
