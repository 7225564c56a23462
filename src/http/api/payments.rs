//! `/v1/payments`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{day_of, note_reading};
use crate::domain::{BusinessDate, LookupId, PaymentId, Rupiah};
use crate::http::App;
use crate::http::auth::{AsAgent, Caller};
use crate::http::body::{JsonBody, PathOf, QueryOf, idempotency_key, page};
use crate::http::edge::HostsTook;
use crate::http::problem::{Problem, ProblemBody, Retry};
use crate::payment::{
    BusinessRefusal, Filter, PayAnswer, PayError, PayRequest, PaymentView, StateName, Till, views,
};

/// A wish to pay.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest {
    /// The quote.
    lookup_id: Uuid,
    /// The quote's total, rupiah.
    amount: i64,
}

/// Pays a quote, exactly once per `Idempotency-Key`. Answered within 20 s.
///
/// # Errors
/// The problems of the interface; none of them means that money moved.
#[utoipa::path(post, path = "/v1/payments", request_body = PaymentRequest, security(("bearer" = [])),
    params(("Idempotency-Key" = String, Header, description = "Quoted or bare, 1–255 printable ASCII characters")),
    responses(
    (status = 201, body = PaymentView, description = "Confirmed"), (status = 202, body = PaymentView, description = "Open"),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 413, body = ProblemBody),
    (status = 422, description = "A refused payment, or a problem: `KEY_REUSED`, `QUOTE_EXPIRED`, `AMOUNT_DIFFERS`, `FLOAT_INSUFFICIENT`, `DAILY_LIMIT`, `EXPOSURE_LIMIT`, `WITHDRAWN`",
        content((PaymentView = "application/json"), (ProblemBody = "application/problem+json"))), (status = 500, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<App>,
    AsAgent(agent): AsAgent,
    headers: HeaderMap,
    JsonBody(request): JsonBody<PaymentRequest>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let amount = Rupiah::new(request.amount).map_err(|e| Problem::bad_request(e.to_string()))?;
    let actor = agent.actor();
    let lookup_id = LookupId(request.lookup_id);
    let request = PayRequest { agent, actor, key, lookup_id, amount, till: Till::Own };
    // A task of its own, awaited but not owned: when the client goes, the payment goes on.
    let (payments, asked) = (app.payments.clone(), request.clone());
    let task = app.tasks.spawn(async move { payments.pay(&asked).await });
    match tokio::time::timeout(Duration::from_millis(app.config.http.answer_within_ms), task).await {
        Ok(Ok(Ok(answer))) => Ok(answered(&answer)),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(error)) => {
            tracing::error!(%error, "a payment task died; its lease ends and the resolver goes on");
            Err(Problem::internal())
        }
        Err(_) => still_at_work(&app, &request).await,
    }
}

fn answered(answer: &PayAnswer) -> Response {
    let mut response = shown(&answer.payment);
    if answer.replayed {
        response.headers_mut().insert("idempotent-replayed", header::HeaderValue::from_static("true"));
    } else {
        response.extensions_mut().insert(HostsTook(answer.hosts));
    }
    response
}

/// A payment with the status of its present state, where to ask again, and when.
fn shown(payment: &PaymentView) -> Response {
    let status = match payment.state {
        StateName::Confirmed => StatusCode::CREATED,
        StateName::Held | StateName::InDoubt | StateName::IntegrityHold | StateName::Reversing => {
            StatusCode::ACCEPTED
        }
        StateName::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        StateName::Reversed => StatusCode::OK,
    };
    let location = format!("/v1/payments/{}", payment.payment_id);
    let mut response = (status, [(header::LOCATION, location)], Json(payment)).into_response();
    if status == StatusCode::ACCEPTED {
        let seconds = payment.next_try_in_s.unwrap_or(1);
        if let Ok(value) = header::HeaderValue::from_str(&seconds.to_string()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
    }
    response
}

async fn still_at_work(app: &App, request: &PayRequest) -> Result<Response, Problem> {
    match app.payments.by_key(&request.agent, &request.key).await? {
        Some(payment) => Ok(shown(&payment)),
        None => Err(Problem::try_again()),
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::KeyReused { differs } => {
                let detail = format!("this key was used with another {}", differs.join(" and another "));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "KEY_REUSED", Retry::NewKey, detail)
                    .differing(differs)
            }
            PayError::InProgress { payment_id } => {
                let detail = "the first request with this key is still at work";
                Self::new(StatusCode::CONFLICT, "IN_PROGRESS", Retry::SameKey, detail)
                    .with(header::LOCATION, format!("/v1/payments/{payment_id}"))
                    .retry_after(2)
            }
            PayError::Refused { refusal, replayed } => {
                let problem = refused(refusal);
                let name = header::HeaderName::from_static("idempotent-replayed");
                if replayed { problem.with(name, "true") } else { problem }
            }
            PayError::LookupNotFound => Self::new(
                StatusCode::NOT_FOUND,
                "LOOKUP_NOT_FOUND",
                Retry::Never,
                "this agent has no such lookup",
            ),
            PayError::Suspended => Self::forbidden("the agent is suspended"),
            PayError::HostDown => Self::upstream_unavailable("an authority is down: take no money"),
            PayError::EndOfDay => {
                let detail = "an authority is closing its day: take no money";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "END_OF_DAY", Retry::SameKey, detail)
                    .retry_after(60)
            }
            PayError::DrawerClosed => Self::new(
                StatusCode::CONFLICT,
                "DRAWER_CLOSED",
                Retry::SameKey,
                "the operator has no drawer open: take no money",
            ),
            PayError::TryAgain => Self::try_again(),
            PayError::Broken(why) => {
                tracing::error!(why, "a payment is broken");
                Self::internal()
            }
            PayError::Sql(error) => error.into(),
        }
    }
}

fn refused(refusal: BusinessRefusal) -> Problem {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let (status, detail) = match refusal {
        BusinessRefusal::QuoteExpired => (unprocessable, "the quote has expired: look the vehicle up again"),
        BusinessRefusal::AmountDiffers => (unprocessable, "the amount is not the quote's total"),
        BusinessRefusal::AlreadyPaid => {
            (StatusCode::CONFLICT, "this period has been paid here: return the money")
        }
        BusinessRefusal::VehicleBusy => {
            (StatusCode::CONFLICT, "another payment for this vehicle is open: return the money")
        }
        BusinessRefusal::FloatInsufficient => (unprocessable, "the float does not cover the payment"),
        BusinessRefusal::DailyLimit => {
            (unprocessable, "the payment would pass what this agent may take in a day: return the money")
        }
        BusinessRefusal::ExposureLimit => (
            unprocessable,
            "too much that this agent has taken is open still: return the money until some of it is settled",
        ),
        BusinessRefusal::Withdrawn => (unprocessable, "the outlet gave this payment up before it arrived"),
    };
    Problem::new(status, refusal.as_str(), Retry::NewKey, detail)
}

/// Ends a payment, only when no copy of it can be booked any more.
///
/// # Errors
/// `404` for what is not this agent's.
#[utoipa::path(post, path = "/v1/payments/{payment_id}/cancel", security(("bearer" = [])), params(("payment_id" = Uuid, Path)),
    responses((status = 200, body = PaymentView, description = "Refused"), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = PaymentView, description = "Not now: its state")))]
pub async fn cancel(
    State(app): State<App>,
    AsAgent(agent): AsAgent,
    PathOf(id): PathOf<Uuid>,
) -> Result<Response, Problem> {
    let payments = app.payments.clone();
    let task = app.tasks.spawn(async move { payments.cancel(&agent, PaymentId(id)).await });
    let payment = task.await.map_err(|_| Problem::internal())??.ok_or_else(Problem::not_found)?;
    let status = if payment.state == StateName::Refused { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok((status, Json(payment)).into_response())
}

/// Who got the cash back, and whether the paper came back with it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnRequest {
    /// As the outlet writes it on the paper.
    returned_to: String,
    /// The Bukti Titip or Bukti Lunas was taken back.
    paper_surrendered: bool,
}

/// Records that a citizen got the cash of a refused or reversed payment back.
///
/// # Errors
/// `404` when nothing is owed for that payment.
#[utoipa::path(post, path = "/v1/payments/{payment_id}/return", request_body = ReturnRequest, security(("bearer" = [])),
    params(("payment_id" = Uuid, Path)), responses((status = 200, body = PaymentView), (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 413, body = ProblemBody)))]
pub async fn give_back(
    State(app): State<App>,
    AsAgent(agent): AsAgent,
    PathOf(id): PathOf<Uuid>,
    JsonBody(request): JsonBody<ReturnRequest>,
) -> Result<Json<PaymentView>, Problem> {
    let name = request.returned_to.trim().to_owned();
    if name.is_empty() || name.len() > 100 {
        return Err(Problem::bad_request("returned_to must be 1–100 characters"));
    }
    let payments = app.payments.clone();
    let task = app.tasks.spawn(async move {
        payments.give_back((&agent, &agent.actor()), PaymentId(id), &name, request.paper_surrendered).await
    });
    let payment = task.await.map_err(|_| Problem::internal())??;
    payment.map(Json).ok_or_else(Problem::not_found)
}

/// One payment: an agent's own, or any for officers and auditors.
///
/// # Errors
/// `404` for what does not exist or is another's.
#[utoipa::path(get, path = "/v1/payments/{payment_id}", security(("bearer" = [])), params(("payment_id" = Uuid, Path)),
    responses((status = 200, body = PaymentView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    PathOf(id): PathOf<Uuid>,
) -> Result<Response, Problem> {
    let scope = caller.scope()?;
    let payment = app.payments.view(scope, PaymentId(id)).await?.ok_or_else(Problem::not_found)?;
    if matches!(caller, Caller::Person(_)) {
        let mut connection = app.db.requests.acquire().await?;
        note_reading(&mut connection, &app, &caller, ("read payment", id), json!({})).await?;
    }
    let mut response = shown(&payment);
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

/// Which payments.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PaymentsQuery {
    /// Taken on that WIB date.
    #[param(value_type = Option<String>)]
    date: Option<BusinessDate>,
    /// In that state.
    state: Option<StateName>,
    /// `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// 1–100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A page of payments, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PaymentsPage {
    items: Vec<PaymentView>,
    next_cursor: Option<Uuid>,
}

/// Payments, newest first.
///
/// # Errors
/// `400` for a malformed query.
#[utoipa::path(get, path = "/v1/payments", security(("bearer" = [])), params(PaymentsQuery), responses(
    (status = 200, body = PaymentsPage), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    QueryOf(query): QueryOf<PaymentsQuery>,
) -> Result<Json<PaymentsPage>, Problem> {
    let scope = caller.scope()?;
    let limit = page(query.limit)?;
    let filter = Filter { day: day_of(query.date), state: query.state, before: query.cursor.map(PaymentId) };
    let mut connection = app.db.requests.acquire().await?;
    let facts = json!({"date": query.date, "state": query.state, "limit": limit});
    note_reading(&mut connection, &app, &caller, ("listed payments", Uuid::nil()), facts).await?;
    let mut items = views(&mut connection, scope, &filter, limit + 1).await?;
    let more = items.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = if more { items.last().map(|payment| payment.payment_id) } else { None };
    Ok(Json(PaymentsPage { items, next_cursor }))
}
