//! `/kantor/pembayaran`: receipts of all outlets, searched for, and one payment. The plate comes in the form's body.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::guard::{AsReader, person};
use super::proposals::decided;
use super::propose::REVERSAL;
use super::{Frame, Seat, Sorry, date_of, moment, page, told};
use crate::agents::Role;
use crate::domain::{PaymentId, Plate, Rupiah};
use crate::http::App;
use crate::http::api::note_reading;
use crate::http::api::receipts::{Search, searched};
use crate::http::auth::Caller;
use crate::http::body::PageOf;
use crate::http::counter::{Sent, state_word};
use crate::payment::{PaymentView, Scope, StateName};
use crate::receipt::{self, Kind, StoredReceipt};

/// Receipts on one page.
const LISTED_MAX: i64 = 50;

#[derive(Template)]
#[template(path = "office/search.html")]
struct SearchPage {
    frame: Frame,
    date: String,
    agent: String,
    plate: String,
    refused: Option<&'static str>,
    found: Option<Vec<Line>>,
    next: Option<String>,
}

struct Line {
    receipt_no: String,
    kind: &'static str,
    payment_id: Uuid,
    plate: String,
    amount: String,
    agent_code: String,
    issued_at: String,
}

impl Line {
    fn of(app: &App, stored: &StoredReceipt) -> Self {
        let facts = receipt::verify(&stored.payload, &app.public_key).ok();
        let plate = facts.as_ref().map(|facts| facts.plate.clone()).unwrap_or_default();
        Self {
            receipt_no: stored.receipt_no.clone(),
            kind: if stored.kind == Kind::Lunas { "Bukti Lunas" } else { "Bukti Titip" },
            payment_id: stored.payment_id.0,
            plate: Plate::parse(&plate).map_or(plate, |plate| plate.to_string()),
            amount: facts.as_ref().map(|facts| facts.amount.to_string()).unwrap_or_default(),
            agent_code: facts.map(|facts| facts.agent_code).unwrap_or_default(),
            issued_at: told(stored.issued_at),
        }
    }
}

/// `GET /kantor/pembayaran`
pub(in crate::http) async fn search_form(AsReader(at): AsReader) -> Response {
    page(StatusCode::OK, &empty(&at, None))
}

fn empty(at: &Seat, refused: Option<&'static str>) -> SearchPage {
    SearchPage {
        frame: Frame::at(at),
        date: String::new(),
        agent: String::new(),
        plate: String::new(),
        refused,
        found: None,
        next: None,
    }
}

/// What is looked for; an empty field is none.
#[derive(Deserialize)]
pub(in crate::http) struct Wanted {
    tanggal: Option<String>,
    gerai: Option<String>,
    nopol: Option<String>,
    sesudah: Option<String>,
}

/// `POST /kantor/pembayaran`: the plate stays out of every address.
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn search(
    State(app): State<App>,
    AsReader(at): AsReader,
    Sent(form): Sent<Wanted>,
) -> Result<Response, Sorry> {
    let some =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let (agent, plate_typed) = (some(&form.gerai), some(&form.nopol));
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let Ok(date) = date_of(form.tanggal.as_deref()) else {
        return Ok(page(unprocessable, &empty(&at, Some("Tanggal tidak terbaca."))));
    };
    let Ok(plate) = plate_typed.as_deref().map(Plate::parse).transpose() else {
        return Ok(page(unprocessable, &empty(&at, Some("Nomor polisi tidak terbaca."))));
    };
    let wanted =
        Search { date, agent: agent.map(|code| code.to_uppercase()), plate, after: some(&form.sesudah) };
    let shown = SearchPage {
        date: date.map(|date| date.to_string()).unwrap_or_default(),
        agent: wanted.agent.clone().unwrap_or_default(),
        plate: wanted.plate.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..empty(&at, None)
    };
    let (stored, next) = searched(&app, person(&at), wanted, LISTED_MAX).await?;
    let found = stored.iter().map(|stored| Line::of(&app, stored)).collect();
    Ok(page(StatusCode::OK, &SearchPage { found: Some(found), next, ..shown }))
}

#[derive(Template)]
#[template(path = "office/payment.html")]
struct PaymentPage {
    frame: Frame,
    payment: PaymentView,
    word: &'static str,
    tone: &'static str,
    amount: String,
    taken_at: String,
    confirmed_at: Option<String>,
    /// What an officer may propose: the word in the form, and what it means.
    proposals: Vec<(&'static str, &'static str)>,
    refused: Option<&'static str>,
}

/// `GET /kantor/pembayaran/{payment_id}`
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn payment(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    shown(&app, &at, id, (StatusCode::OK, None)).await
}

/// The page, with why a proposal was turned down.
pub(super) async fn shown(
    app: &App,
    at: &Seat,
    id: Uuid,
    (status, refused): (StatusCode, Option<&'static str>),
) -> Result<Response, Sorry> {
    let payment = app.payments.view(Scope::All, PaymentId(id)).await?.ok_or_else(Sorry::absent)?;
    let mut connection = app.db.requests.acquire().await?;
    let caller = Caller::Person(person(at));
    note_reading(&mut connection, app, &caller, ("read payment", id), json!({})).await?;
    drop(connection);
    let officer = at.member().role == Role::Bapenda;
    let (word, tone) = state_word(payment.state);
    let template = PaymentPage {
        frame: Frame::at(at),
        proposals: if officer { proposals_for(payment.state) } else { vec![] },
        refused,
        word,
        tone,
        amount: Rupiah::new(payment.amount).unwrap_or_default().to_string(),
        taken_at: moment(&payment.taken_at),
        confirmed_at: payment.confirmed_at.as_deref().map(moment),
        payment,
    };
    Ok(page(status, &template))
}

/// What two people can do about a payment in that state, but for what rests on an assessment or a stored answer.
fn proposals_for(state: StateName) -> Vec<(&'static str, &'static str)> {
    let words: &[&'static str] = match state {
        StateName::Confirmed => &[REVERSAL],
        StateName::Held | StateName::InDoubt => &["paid-elsewhere", "reverse"],
        StateName::IntegrityHold => &["ask", "refuse", "reverse"],
        StateName::Refused => &["repost", "reverse"],
        StateName::Reversing | StateName::Reversed => &[],
    };
    let named = |word: &&'static str| {
        (*word, if *word == REVERSAL { "Batalkan pembayaran ini" } else { decided(word) })
    };
    words.iter().map(named).collect()
}
