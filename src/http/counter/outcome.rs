//! `/bayar/{payment_id}`: how a payment ended, or what to tell the citizen while it is open.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::form::Sent;
use super::guard::AtCounter;
use super::refusal::{Words, words};
use super::sign_in::Nothing;
use super::{Frame, Sorry, page, see};
use crate::domain::{PaymentId, Rupiah, wib_long};
use crate::http::App;
use crate::http::body::{AskedOf, PageOf};
use crate::http::problem::{Problem, Retry};
use crate::payment::{self, PayError, PaymentView, Scope, Standing, StateName};

#[derive(Template)]
#[template(path = "counter/outcome.html")]
struct OutcomePage {
    frame: Frame,
    payment: PaymentView,
    amount: String,
    taken_at: String,
    kind: Kind,
    etag: String,
    /// Why it was refused.
    words: Option<Words>,
    /// It goes on changing.
    open: bool,
    /// Cash to give back after a paper was handed over.
    owed: Option<String>,
    /// Cash that has gone back: none goes back again.
    returned: Option<Returned>,
    /// Somebody has just asked to record a second return.
    twice: bool,
    cash: Option<(String, String)>,
    titip_no: Option<String>,
    lunas_no: Option<String>,
}

/// To whom cash went back, when, and whether the paper came back with it.
struct Returned {
    amount: String,
    to: String,
    at: String,
    paper_surrendered: bool,
}

/// How a payment stands, as a cashier tells it apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Paid,
    Open,
    /// Open, because an authority contradicts itself or us: two people look at it.
    Examined,
    /// Two people take it back, and the authorities are being asked.
    TakenBack,
    Refused,
    Reversed,
}

impl Kind {
    const fn of(state: StateName) -> Self {
        match state {
            StateName::Confirmed => Self::Paid,
            StateName::Held | StateName::InDoubt => Self::Open,
            StateName::IntegrityHold => Self::Examined,
            StateName::Reversing => Self::TakenBack,
            StateName::Refused => Self::Refused,
            StateName::Reversed => Self::Reversed,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Paid => "lunas",
            Self::Open => "dipastikan",
            Self::Examined => "diperiksa",
            Self::TakenBack => "sedang-dibatalkan",
            Self::Refused => "ditolak",
            Self::Reversed => "dibatalkan",
        }
    }
}

/// What came with the link.
#[derive(Deserialize)]
pub(in crate::http) struct Came {
    /// The cash that the cashier had typed, rupiah.
    uang: Option<i64>,
    /// `ya` when a page without script renews itself; `guard` reads it.
    #[serde(rename = "sendiri")]
    _by_itself: Option<String>,
}

fn etag(standing: &Standing) -> String {
    let paper = |no: &Option<String>| no.as_deref().unwrap_or("-").to_owned();
    format!("\"{}.{}.{}\"", standing.state.as_str(), paper(&standing.titip_no), paper(&standing.receipt_no))
}

/// `GET /bayar/{payment_id}`
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn outcome(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    AskedOf(came): AskedOf<Came>,
) -> Result<Response, Sorry> {
    shown(&app, &at, (id, came.uang), false).await
}

async fn shown(
    app: &App,
    at: &AtCounter,
    (id, uang): (Uuid, Option<i64>),
    twice: bool,
) -> Result<Response, Sorry> {
    let agent = at.session.operator.outlet.agent_id;
    let mut connection = app.db.requests.acquire().await?;
    let standing =
        payment::standing(&mut connection, agent, PaymentId(id)).await?.ok_or_else(Sorry::absent)?;
    let payment = app.payments.view(Scope::Agent(agent), PaymentId(id)).await?;
    let payment = payment.ok_or_else(Sorry::absent)?;
    let debt = payment::citizen_debt(&mut connection, agent, PaymentId(id)).await?;
    drop(connection);
    let kind = Kind::of(payment.state);
    let amount = Rupiah::new(payment.amount).unwrap_or_default();
    let cash = uang.and_then(|cash| Rupiah::not_negative(cash).ok());
    let cash = cash.filter(|cash| *cash >= amount);
    let cash = cash.map(|cash| (cash.to_string(), cash.minus(amount).unwrap_or_default().to_string()));
    let at_taken = chrono::DateTime::parse_from_rfc3339(&payment.taken_at).map(|at| wib_long(at.to_utc()));
    let refused = kind == Kind::Refused;
    let owed = debt.as_ref().filter(|debt| debt.returned.is_none()).map(|debt| debt.amount.to_string());
    let returned = debt.and_then(|debt| debt.returned.map(|back| (debt.amount, back)));
    let status = if twice { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = OutcomePage {
        frame: Frame::of(at),
        amount: amount.to_string(),
        taken_at: at_taken.unwrap_or_default(),
        kind,
        etag: etag(&standing),
        open: standing.state.is_open(),
        words: payment.reason.as_deref().filter(|_| refused).map(words),
        owed,
        returned: returned.map(|(amount, back)| Returned {
            amount: amount.to_string(),
            to: back.to,
            at: wib_long(back.at),
            paper_surrendered: back.paper_surrendered,
        }),
        twice,
        cash,
        titip_no: standing.titip_no,
        lunas_no: standing.receipt_no,
        payment,
    };
    Ok(page(status, &template))
}

/// `GET /bayar/{payment_id}/keadaan`: what a waiting page asks every few seconds. `304` while nothing has changed.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn standing(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let agent = at.session.operator.outlet.agent_id;
    let standing =
        payment::standing(&mut connection, agent, PaymentId(id)).await?.ok_or_else(Sorry::absent)?;
    drop(connection);
    let tag = etag(&standing);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known == Some(&*tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(json!({"keadaan": Kind::of(standing.state).word(), "terbuka": standing.state.is_open()}))
            .into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    // Kept by the browser only to be asked about again.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// `POST /bayar/{payment_id}/batal`: ends it, only if no copy of it can be booked any more.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Sorry> {
    let (payments, outlet) = (app.payments.clone(), at.session.operator.outlet.clone());
    let task = app.tasks.spawn(async move { payments.cancel(&outlet, PaymentId(id)).await });
    let payment = task.await.map_err(|_| Problem::internal())??;
    payment.ok_or_else(Sorry::absent)?;
    Ok(see(&format!("/bayar/{id}")))
}

/// To whom the cash went back.
#[derive(Deserialize)]
pub(in crate::http) struct GivenBack {
    kepada: String,
    bukti: Option<String>,
}

/// `POST /bayar/{payment_id}/kembali`: the citizen has the cash back.
///
/// # Errors
/// When nothing is owed for it, no drawer is open, or the database fails.
pub(in crate::http) async fn give_back(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<GivenBack>,
) -> Result<Response, Sorry> {
    let name = form.kepada.trim().to_owned();
    if name.is_empty() || name.len() > 100 {
        return Err(Problem::bad_request("to whom must be 1–100 characters").into());
    }
    let (payments, operator) = (app.payments.clone(), at.session.operator.clone());
    let surrendered = form.bukti.is_some();
    let task = app.tasks.spawn(async move {
        payments.give_back_from_drawer(&operator, PaymentId(id), &name, surrendered).await
    });
    match task.await.map_err(|_| Problem::internal())? {
        Ok(Some(_)) => Ok(see(&format!("/bayar/{id}"))),
        Ok(None) => Err(Sorry::absent()),
        Err(PayError::AlreadyReturned) => shown(&app, &at, (id, None), true).await,
        Err(PayError::DrawerClosed) => {
            let detail = "the operator has no drawer open that the cash could come from";
            Err(Problem::new(StatusCode::CONFLICT, "RETURN_NEEDS_DRAWER", Retry::SameKey, detail).into())
        }
        Err(error) => Err(error.into()),
    }
}
