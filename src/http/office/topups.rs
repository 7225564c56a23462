//! `/kantor/isi`: top-ups that outlets ask for, with their proof. One person proposes or declines; another approves the
//! proposal under `/kantor/usul`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::guard::{AsDecider, AtOffice, person};
use super::proposals::said;
use super::{Frame, Seat, Sorry, moment, page, see};
use crate::agents::{self, ProposalError, RequestState, Role, TopupRequest, WhichRequests};
use crate::domain::RequestId;
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::counter::{Sent, proof_file};

/// Requests in one list.
const LISTED_MAX: i64 = 200;

#[derive(Template)]
#[template(path = "office/topups.html")]
struct TopupsPage {
    frame: Frame,
    waiting: Vec<TopupRequest>,
}

#[derive(Template)]
#[template(path = "office/topup.html")]
struct TopupPage {
    frame: Frame,
    request: TopupRequest,
    requested_at: String,
    may_decide: bool,
    refused: Option<&'static str>,
}

/// `GET /kantor/isi`: those that nobody has answered for good, newest first.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn topups(
    State(app): State<App>,
    AtOffice(at): AtOffice,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let which = WhichRequests { open_only: true, ..WhichRequests::default() };
    let waiting = agents::topup_requests(&mut connection, which, LISTED_MAX).await?;
    drop(connection);
    Ok(page(StatusCode::OK, &TopupsPage { frame: Frame::at(&at), waiting }))
}

/// `GET /kantor/isi/{request_id}`
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn topup(
    State(app): State<App>,
    AtOffice(at): AtOffice,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    shown(&app, &at, id, (StatusCode::OK, None)).await
}

async fn shown(
    app: &App,
    at: &Seat,
    id: Uuid,
    (status, refused): (StatusCode, Option<&'static str>),
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let which = WhichRequests { id: Some(RequestId(id)), ..WhichRequests::default() };
    let request = agents::topup_requests(&mut connection, which, 1).await?.pop().ok_or_else(Sorry::absent)?;
    drop(connection);
    let may_decide = matches!(at.member().role, Role::Bapenda | Role::Admin);
    let requested_at = moment(&request.requested_at);
    Ok(page(status, &TopupPage { frame: Frame::at(at), request, requested_at, may_decide, refused }))
}

/// `GET /kantor/isi/{request_id}/bukti`: the proof, as the outlet gave it.
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn topup_proof(
    State(app): State<App>,
    AtOffice(_): AtOffice,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let (media, bytes) =
        agents::topup_proof(&mut connection, RequestId(id), None).await?.ok_or_else(Sorry::absent)?;
    Ok(proof_file(media, bytes))
}

/// A form without a field of its own.
#[derive(Deserialize)]
pub(in crate::http) struct Nothing {}

/// `POST /kantor/isi/{request_id}/usul`: proposes it; leads to the proposal.
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn propose_topup(
    State(app): State<App>,
    AsDecider(at): AsDecider,
    PageOf(id): PageOf<Uuid>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Sorry> {
    let mut transaction = app.db.requests.begin().await?;
    let now = app.clock.now();
    match agents::propose_request(&mut transaction, RequestId(id), &person(&at), now).await {
        Ok(proposal) => {
            transaction.commit().await?;
            Ok(see(&format!("/kantor/usul/{}", proposal.0)))
        }
        Err(error) => {
            drop(transaction);
            turned_down(&app, &at, id, error).await
        }
    }
}

/// Why it is declined.
#[derive(Deserialize)]
pub(in crate::http) struct Declining {
    alasan: String,
}

/// `POST /kantor/isi/{request_id}/tolak`: declines it with a reason that the outlet reads.
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn decline_topup(
    State(app): State<App>,
    AsDecider(at): AsDecider,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Declining>,
) -> Result<Response, Sorry> {
    let mut transaction = app.db.requests.begin().await?;
    let (by, now) = (person(&at), app.clock.now());
    match agents::decline_request(&mut transaction, RequestId(id), (&by, &form.alasan), now).await {
        Ok(()) => {
            transaction.commit().await?;
            Ok(see(&format!("/kantor/isi/{id}")))
        }
        Err(error) => {
            drop(transaction);
            turned_down(&app, &at, id, error).await
        }
    }
}

async fn turned_down(app: &App, at: &Seat, id: Uuid, error: ProposalError) -> Result<Response, Sorry> {
    let why = match error {
        ProposalError::Sql(error) => return Err(error.into()),
        ProposalError::NotFound => return Err(Sorry::absent()),
        ProposalError::Terms(ref why) if why.starts_with("a reason") => {
            "Mohon tulis alasannya, 3 sampai 300 huruf."
        }
        ProposalError::Terms(ref why) if why.starts_with("ANSWERED") => "Permintaan ini sudah dijawab.",
        _ => said(&error),
    };
    shown(app, at, id, (StatusCode::CONFLICT, Some(why))).await
}
