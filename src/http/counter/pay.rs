//! `/tagihan/{lookup_id}/bayar`, `/nasib`, `/lepas`: the money step, and what became of it.

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::bill::{Bill, key_of, own_lookup};
use super::form::Sent;
use super::guard::AtCounter;
use super::refusal::{Words, words};
use super::sign_in::Nothing;
use super::{Frame, Sorry, page, see};
use crate::domain::{LookupId, PersonId, Rupiah, wib_long};
use crate::drawer;
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::problem::Problem;
use crate::lookup::Lookup;
use crate::payment::{
    self, BusinessRefusal, GivenUp, KeyOutcome, OwnPayment, PayError, PayRequest, StateName, Till,
};

/// What the cashier has confirmed: key, amount and cash as the page before had them.
#[derive(Deserialize)]
pub(in crate::http) struct Confirmed {
    kunci: String,
    jumlah: i64Text,
    uang: i64Text,
    setuju: Option<String>,
}

/// A whole number in a form's text.
#[derive(Deserialize)]
#[serde(try_from = "String")]
#[expect(non_camel_case_types, reason = "reads as the number that it is")]
struct i64Text(i64);

impl TryFrom<String> for i64Text {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// `POST /tagihan/{lookup_id}/bayar`: pays once, however often it is sent.
///
/// # Errors
/// When nothing was paid, and what to do with the cash.
pub(in crate::http) async fn pay(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Confirmed>,
) -> Result<Response, Sorry> {
    let operator = at.session.operator.clone();
    let key = key_of(LookupId(id));
    if form.setuju.as_deref() != Some("ya") || form.kunci != key {
        return Err(Problem::bad_request("the confirmation is missing").into());
    }
    let amount = Rupiah::new(form.jumlah.0).map_err(|e| Problem::bad_request(e.to_string()))?;
    let mut connection = app.db.requests.acquire().await?;
    let till = Till::Drawer(drawer::open_of(&mut connection, operator.person_id).await?);
    drop(connection);
    let actor = operator.actor();
    let request = PayRequest { actor, agent: operator.outlet, key, lookup_id: LookupId(id), amount, till };
    // A task of its own, awaited but not owned: when the phone goes dark, the payment goes on.
    let (payments, asked) = (app.payments.clone(), request.clone());
    let task = app.tasks.spawn(async move { payments.pay(&asked).await });
    let result = |payment: Uuid| see(&format!("/bayar/{payment}?uang={}", form.uang.0));
    match tokio::time::timeout(Duration::from_millis(app.config.http.answer_within_ms), task).await {
        Ok(Ok(Ok(answer))) => Ok(result(answer.payment.payment_id)),
        Ok(Ok(Err(PayError::InProgress { payment_id }))) => Ok(result(payment_id.0)),
        // Its fate says which, and links this outlet's own payment for the vehicle.
        Ok(Ok(Err(PayError::Refused { .. }))) => Ok(see(&format!("/tagihan/{id}/nasib"))),
        // Nothing was sent and nothing is stored: a copy on its way could still pay, so the cashier decides first.
        Ok(Ok(Err(
            error @ (PayError::HostDown | PayError::EndOfDay | PayError::Suspended | PayError::DrawerClosed),
        ))) => {
            let lookup = own_lookup(&app, request.agent.agent_id, id).await?;
            Ok(never(&app, &at, &lookup, Some(&error.into())))
        }
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(error)) => {
            tracing::error!(%error, "a payment task died; its lease ends and the resolver goes on");
            Err(Problem::internal().into())
        }
        Err(_) => match app.payments.by_key(&request.agent, &request.key).await? {
            Some(payment) => Ok(result(payment.payment_id)),
            None => Err(Problem::try_again().into()),
        },
    }
}

#[derive(Template)]
#[template(path = "counter/never.html")]
struct NeverPage {
    frame: Frame,
    bill: Bill,
    /// Why it was not taken, if anybody said so.
    words: Option<Words>,
}

fn never(app: &App, at: &AtCounter, lookup: &Lookup, problem: Option<&Problem>) -> Response {
    let now = app.upstream.host(crate::domain::Authority::Bapenda).now();
    let words = problem.map(|problem| words(problem.code()));
    let template = NeverPage { frame: Frame::of(at), bill: Bill::of(lookup, now), words };
    page(problem.map_or(StatusCode::OK, Problem::status), &template)
}

#[derive(Template)]
#[template(path = "counter/refused.html")]
struct RefusedPage {
    frame: Frame,
    lookup_id: Uuid,
    plate: String,
    amount: String,
    words: Words,
    /// This outlet's own payment, for which the vehicle is taken: its cash stays, that of this attempt goes back.
    own_payment: Option<First>,
}

/// The payment that came before this attempt.
struct First {
    id: Uuid,
    /// Both authorities have booked it.
    is_paid: bool,
    /// This very operator took its cash: there may be no second one.
    is_mine: bool,
    by: String,
    at: String,
}

impl First {
    fn of(own: OwnPayment, reader: PersonId) -> Self {
        Self {
            id: own.payment_id.0,
            is_paid: own.state == StateName::Confirmed,
            is_mine: own.operator.as_ref().is_some_and(|(person, _)| *person == reader),
            by: own.operator.map_or_else(|| "program gerai".to_owned(), |(_, name)| name),
            at: wib_long(own.taken_at),
        }
    }
}

/// `GET /tagihan/{lookup_id}/nasib`: what became of what was sent for this quote. A page asks it for JSON by itself.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn fate(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Sorry> {
    let outlet = &at.session.operator.outlet;
    let lookup = own_lookup(&app, outlet.agent_id, id).await?;
    let outcome = app.payments.outcome(outlet, &key_of(lookup.lookup_id)).await?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.starts_with("application/json") {
        let told = match &outcome {
            KeyOutcome::Payment(payment) => {
                json!({"nasib": "sampai", "selesai": !payment.state.is_open(), "ke": format!("/bayar/{}", payment.payment_id)})
            }
            KeyOutcome::Refused(_) => {
                json!({"nasib": "ditolak", "selesai": true, "ke": format!("/tagihan/{id}/nasib")})
            }
            KeyOutcome::Free => {
                json!({"nasib": "tidak-sampai", "selesai": false, "ke": format!("/tagihan/{id}/nasib")})
            }
        };
        return Ok(Json(told).into_response());
    }
    told(&app, &at, &lookup, outcome).await
}

async fn told(app: &App, at: &AtCounter, lookup: &Lookup, outcome: KeyOutcome) -> Result<Response, Sorry> {
    match outcome {
        KeyOutcome::Payment(payment) => Ok(see(&format!("/bayar/{}", payment.payment_id))),
        KeyOutcome::Refused(refusal) => refused(app, at, lookup, refusal).await,
        KeyOutcome::Free => Ok(never(app, at, lookup, None)),
    }
}

async fn refused(
    app: &App,
    at: &AtCounter,
    lookup: &Lookup,
    refusal: BusinessRefusal,
) -> Result<Response, Sorry> {
    let own_payment = if matches!(refusal, BusinessRefusal::AlreadyPaid | BusinessRefusal::VehicleBusy) {
        let mut connection = app.db.requests.acquire().await?;
        let agent = at.session.operator.outlet.agent_id;
        let own = payment::own_for_vehicle(&mut connection, agent, &lookup.plate).await?;
        own.map(|own| First::of(own, at.session.operator.person_id))
    } else {
        None
    };
    let template = RefusedPage {
        frame: Frame::of(at),
        lookup_id: lookup.lookup_id.0,
        plate: lookup.quote.vehicle.plate.clone(),
        amount: lookup.total.to_string(),
        words: words(refusal.as_str()),
        own_payment,
    };
    Ok(page(StatusCode::OK, &template))
}

/// `POST /tagihan/{lookup_id}/lepas`: gives up what never arrived, so that it cannot arrive any more; then the cash goes
/// back. If it has arrived after all, its result instead.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn withdraw(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Sorry> {
    let operator = at.session.operator.clone();
    let lookup = own_lookup(&app, operator.outlet.agent_id, id).await?;
    let given_up =
        GivenUp { key: key_of(lookup.lookup_id), lookup_id: lookup.lookup_id, amount: lookup.total };
    let payments = app.payments.clone();
    let task = app
        .tasks
        .spawn(async move { payments.withdraw(&operator.outlet, &operator.actor(), &given_up).await });
    let _: KeyOutcome = task.await.map_err(|_| Problem::internal())??;
    Ok(see(&format!("/tagihan/{id}/nasib")))
}
