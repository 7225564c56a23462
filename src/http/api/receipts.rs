//! `/v1/receipts`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FileBody, day_of, note_reading};
use crate::agents::Person;
use crate::domain::{BusinessDate, Plate, rfc3339_wib};
use crate::http::App;
use crate::http::auth::{AsOfficer, Caller};
use crate::http::body::{JsonBody, PathOf, QueryOf, page};
use crate::http::paper::{self, Form, Wanted};
use crate::http::problem::{Problem, ProblemBody};
use crate::paper::{Status, Width};
use crate::payment::{self, Scope};
use crate::receipt::{self, Facts, Filter, Kind, StoredReceipt};

/// One line on a receipt, rupiah.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ReceiptLine {
    /// Whose leg.
    pub authority: String,
    /// The period's due date.
    pub due_on: String,
    /// `PKB`, `OPSEN_PKB`, `SWDKLLJ` …
    pub code: String,
    /// Who receives it.
    pub beneficiary: String,
    /// The tax.
    pub principal: i64,
    /// The fine.
    pub penalty: i64,
}

/// A receipt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReceiptBody {
    receipt_no: String,
    kind: Kind,
    payment_id: Uuid,
    issued_at: String,
    /// `PAID`, `NOT_PAID`, `REVOKED`, `OPEN`, `UNKNOWN`.
    status: Status,
    /// Copies printed so far.
    copy_no: i64,
    /// Name of the outlet that took the cash.
    outlet: String,
    /// Who took it there; null when the outlet's own program paid through this API.
    operator: Option<String>,
    lines: Vec<ReceiptLine>,
    /// What is signed, in the clear.
    facts: Facts,
    /// The signed text, as in the QR.
    payload: String,
    /// Its last part.
    signature: String,
    /// For the citizen: opens the check of this receipt. The payload stands behind `#`, where no server sees it.
    link: String,
}

/// How a receipt is printed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PaperQuery {
    /// The paper: `58` or `80` (a roll, millimetres), `a5`. HTML and PDF are A5 by default, ESC/POS 58 mm.
    #[param(inline)]
    paper: Option<Width>,
}

/// One receipt: an agent's own, or any for officers and auditors. JSON, HTML to print, PDF/A-2a, or ESC/POS, by `Accept`.
/// Each but JSON is one more printed copy.
///
/// # Errors
/// `400` for a paper that is not known or not for that printer, `404` for what does not exist or is another's, `406` for a
/// representation that is not offered.
#[utoipa::path(get, path = "/v1/receipts/{receipt_no}", security(("bearer" = [])),
    params(("receipt_no" = String, Path), PaperQuery),
    responses((status = 200, description = "By `Accept`: application/json when nothing else is preferred", content(
        (ReceiptBody = "application/json"), (String = "text/html"), (FileBody = "application/pdf"),
        (FileBody = "application/vnd.escpos"))),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 406, body = ProblemBody)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    PathOf(receipt_no): PathOf<String>,
    QueryOf(query): QueryOf<PaperQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let scope = caller.scope()?;
    let form = Form::accepted(&headers)?;
    let mut connection = app.db.requests.acquire().await?;
    let stored = receipt::find(&mut connection, &receipt_no).await?.filter(|stored| may_see(scope, stored));
    let stored = stored.ok_or_else(Problem::not_found)?;
    note_reading(
        &mut connection,
        &app,
        &caller,
        ("read receipt", stored.payment_id.0),
        json!({"receipt_no": receipt_no}),
    )
    .await?;
    let mut response = match form {
        Form::Json => Json(body(&mut connection, &app, stored).await?).into_response(),
        Form::Html | Form::Pdf | Form::EscPos => {
            paper::print(&mut connection, &app, &stored, Wanted { form, width: query.paper }, None).await?
        }
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// One more copy of a receipt within scope, for whoever has no API: another's looks like none.
pub(in crate::http) async fn printed(
    app: &App,
    scope: Scope,
    receipt_no: &str,
    wanted: Wanted,
) -> Result<Option<Response>, Problem> {
    let mut connection = app.db.requests.acquire().await?;
    let stored = receipt::find(&mut connection, receipt_no).await?.filter(|stored| may_see(scope, stored));
    let Some(stored) = stored else { return Ok(None) };
    let back = format!("/bayar/{}", stored.payment_id);
    paper::print(&mut connection, app, &stored, wanted, Some(back)).await.map(Some)
}

fn may_see(scope: Scope, stored: &StoredReceipt) -> bool {
    match scope {
        Scope::All => true,
        Scope::Agent(agent) => agent == stored.agent_id,
    }
}

async fn body(
    connection: &mut PgConnection,
    app: &App,
    stored: StoredReceipt,
) -> Result<ReceiptBody, Problem> {
    let facts = receipt::verify(&stored.payload, &app.public_key).map_err(|e| {
        tracing::error!(receipt_no = stored.receipt_no, %e, "a stored receipt does not verify");
        Problem::internal()
    })?;
    let payment = app.payments.view(Scope::All, stored.payment_id).await?;
    let lines = lines(connection, (stored.payment_id, stored.kind)).await?;
    let (outlet, operator) = payment::taken_by(connection, (stored.agent_id, stored.payment_id)).await?;
    let link = format!("{}/verify#{}", app.config.public_url(), stored.payload);
    let signature =
        stored.payload.rsplit_once('.').map(|(_, signature)| signature.to_owned()).unwrap_or_default();
    Ok(ReceiptBody {
        receipt_no: stored.receipt_no,
        kind: stored.kind,
        payment_id: stored.payment_id.0,
        issued_at: rfc3339_wib(stored.issued_at),
        status: payment.map_or(Status::Unknown, |payment| Status::of(payment.state)),
        copy_no: stored.copies,
        outlet,
        operator,
        lines,
        facts,
        payload: stored.payload,
        signature,
        link,
    })
}

async fn lines(
    connection: &mut PgConnection,
    (id, kind): (crate::domain::PaymentId, receipt::Kind),
) -> Result<Vec<ReceiptLine>, Problem> {
    let legs = payment::lines(connection, id, kind).await?;
    let line = |(authority, period): (crate::domain::Authority, crate::domain::BillPeriod)| {
        let due_on = period.due_on.to_string();
        let lines = period.lines.into_iter().map(move |line| ReceiptLine {
            authority: authority.as_str().to_owned(),
            due_on: due_on.clone(),
            code: line.code,
            beneficiary: line.beneficiary.to_string(),
            principal: line.principal.get(),
            penalty: line.penalty.get(),
        });
        lines.collect::<Vec<_>>()
    };
    Ok(legs.into_iter().flat_map(line).collect())
}

/// Which receipts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsQuery {
    /// Issued on that WIB date.
    #[param(value_type = Option<String>)]
    date: Option<BusinessDate>,
    /// Of that agent code.
    agent: Option<String>,
    /// Of that plate, any spelling.
    plate: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1–100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A receipt in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReceiptItem {
    receipt_no: String,
    kind: Kind,
    payment_id: Uuid,
    issued_at: String,
    copy_no: i64,
    payload: String,
}

/// A page of receipts in the order of their numbers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReceiptsPage {
    items: Vec<ReceiptItem>,
    next_cursor: Option<String>,
}

/// Receipts of all agents, for officers and auditors.
///
/// # Errors
/// `400` for a malformed query.
#[utoipa::path(get, path = "/v1/receipts", security(("bearer" = [])), params(ReceiptsQuery), responses(
    (status = 200, body = ReceiptsPage), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
pub async fn list(
    State(app): State<App>,
    AsOfficer(person): AsOfficer,
    QueryOf(query): QueryOf<ReceiptsQuery>,
) -> Result<Json<ReceiptsPage>, Problem> {
    let limit = page(query.limit)?;
    if query.cursor.as_deref().is_some_and(|cursor| !receipt::is_receipt_no(cursor)) {
        return Err(Problem::bad_request("cursor is not one that this list gave"));
    }
    let plate = query.plate.as_deref().map(Plate::parse).transpose();
    let plate = plate.map_err(|e| Problem::bad_request(e.to_string()))?;
    let wanted = Search { date: query.date, agent: query.agent, plate, after: query.cursor };
    let (stored, next_cursor) = searched(&app, person, wanted, limit).await?;
    let item = |stored: StoredReceipt| ReceiptItem {
        receipt_no: stored.receipt_no,
        kind: stored.kind,
        payment_id: stored.payment_id.0,
        issued_at: rfc3339_wib(stored.issued_at),
        copy_no: stored.copies,
        payload: stored.payload,
    };
    Ok(Json(ReceiptsPage { items: stored.into_iter().map(item).collect(), next_cursor }))
}

/// Which receipts somebody looks for.
pub(in crate::http) struct Search {
    pub(in crate::http) date: Option<BusinessDate>,
    pub(in crate::http) agent: Option<String>,
    pub(in crate::http) plate: Option<Plate>,
    pub(in crate::http) after: Option<String>,
}

/// At most so many of them, and the number to go on after; noted before they are shown, the plate as a salted hash.
pub(in crate::http) async fn searched(
    app: &App,
    person: Person,
    wanted: Search,
    limit: i64,
) -> Result<(Vec<StoredReceipt>, Option<String>), Problem> {
    let plate = wanted.plate.map(|plate| plate.as_str().to_owned());
    let salt = Uuid::now_v7();
    let facts = json!({
        "date": wanted.date, "agent": wanted.agent, "salt": salt, "limit": limit,
        "plate_salted": plate.as_deref().map(|plate| crate::audit::salted(salt, plate)),
    });
    let filter = Filter { day: day_of(wanted.date), agent_code: wanted.agent, plate, after: wanted.after };
    let mut connection = app.db.requests.acquire().await?;
    let caller = Caller::Person(person);
    note_reading(&mut connection, app, &caller, ("listed receipts", Uuid::nil()), facts).await?;
    let mut stored = receipt::list(&mut connection, &filter, limit + 1).await?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = stored.len() > size;
    stored.truncate(size);
    let next = if more { stored.last().map(|last| last.receipt_no.clone()) } else { None };
    Ok((stored, next))
}

/// A payload to check.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// The signed text, or the share link that carries it.
    payload: String,
}

/// What a payload is worth.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VerifyBody {
    /// Our key signed it.
    pub valid: bool,
    /// What it is worth now; `UNKNOWN` for what we did not sign.
    pub status: Status,
    /// What it says; only for who holds a signed payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Facts>,
}

/// Checks a payload; needs no credential, and tells nothing to who holds none.
///
/// # Errors
/// `400` for a malformed body.
#[utoipa::path(post, path = "/v1/receipts/verify", request_body = VerifyRequest, responses((status = 200, body = VerifyBody),
    (status = 400, body = ProblemBody), (status = 413, body = ProblemBody)))]
pub async fn verify(
    State(app): State<App>,
    JsonBody(request): JsonBody<VerifyRequest>,
) -> Result<Json<VerifyBody>, Problem> {
    Ok(Json(checked(&app, &request.payload).await?))
}

/// The check behind the API and the page.
///
/// # Errors
/// When the database fails.
pub async fn checked(app: &App, payload: &str) -> Result<VerifyBody, Problem> {
    let payload = receipt::pasted(payload);
    let Ok(facts) = receipt::verify(payload, &app.public_key) else {
        return Ok(VerifyBody { valid: false, status: Status::Unknown, receipt: None });
    };
    let mut connection = app.db.requests.acquire().await?;
    let stored = receipt::find(&mut connection, &facts.receipt_no).await?;
    drop(connection);
    let status = match stored.filter(|stored| stored.payload == payload) {
        Some(stored) => app.payments.view(Scope::All, stored.payment_id).await?,
        None => None,
    };
    let status = status.map_or(Status::Unknown, |payment| Status::of(payment.state));
    Ok(VerifyBody { valid: true, status, receipt: Some(facts) })
}
