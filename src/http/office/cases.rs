//! `/kantor/perkara`: what people must settle.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use uuid::Uuid;

use super::guard::{AsReader, person};
use super::{Frame, Seat, Sorry, moment, page};
use crate::agents::Role;
use crate::cases::{self, Case};
use crate::domain::CaseId;
use crate::http::App;
use crate::http::api::note_reading;
use crate::http::auth::Caller;
use crate::http::body::PageOf;

#[derive(Template)]
#[template(path = "office/cases.html")]
struct CasesPage {
    frame: Frame,
    cases: Vec<Line>,
}

struct Line {
    case_id: Uuid,
    class: String,
    side: &'static str,
    owner: String,
    age_days: i64,
    opened_at: String,
}

impl Line {
    fn of(case: &Case) -> Self {
        Self {
            case_id: case.case_id,
            class: case.class.clone(),
            side: side(&case.side),
            owner: case.owner.clone(),
            age_days: case.age_days,
            opened_at: moment(&case.opened_at),
        }
    }

    /// What it is about, in plain words; its code stands beside it.
    fn words(&self) -> &'static str {
        match &*self.class {
            "INTEGRITY_HOLD" => "Jawaban bertentangan",
            "JR_REFUSED" => "Jasa Raharja menolak sesudah Bapenda membukukan",
            "LATE_SUCCESS" => "Dibukukan setelah ditolak",
            "AMOUNT" => "Jumlah berbeda",
            "BENEFICIARY" => "Penerima berbeda",
            "PERIOD" => "Masa pajak berbeda",
            "DUPLICATE" => "Baris berulang",
            "AMBIGUOUS" => "Dapat milik lebih dari satu",
            "MISSING_HERE" => "Ada di berkas, tidak ada di sini",
            "MISSING_UPSTREAM" => "Ada di sini, tidak ada di berkas",
            "REVERSED_THERE" => "Dibatalkan di sana",
            "CHANGED_AFTER_PAYMENT" => "Berubah setelah dibayar",
            "FILE_MISSING" => "Berkas belum diterima",
            "HALF_REVERSED" => "Dibatalkan sebagian",
            _ => "Perkara",
        }
    }
}

/// What found a case, in words.
fn found_by(origin: &str) -> &str {
    match origin {
        "night" => "rekonsiliasi malam",
        "payment" => "pembayaran",
        "return" => "pengembalian uang",
        "verify" => "pemeriksaan buku",
        other => other,
    }
}

/// Whose side a case is about, in words.
fn side(name: &str) -> &'static str {
    match name {
        "HERE" => "di sini",
        "BAPENDA" => "Bapenda",
        "JASA_RAHARJA" => "Jasa Raharja",
        _ => "bank",
    }
}

/// `GET /kantor/perkara`: open ones, oldest first.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn cases(
    State(app): State<App>,
    AsReader(at): AsReader,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let open = cases::list(&mut connection, false).await?;
    drop(connection);
    let lines = open.iter().map(Line::of).collect();
    Ok(page(StatusCode::OK, &CasesPage { frame: Frame::at(&at), cases: lines }))
}

#[derive(Template)]
#[template(path = "office/case.html")]
struct CasePage {
    frame: Frame,
    line: Line,
    payment_id: Option<Uuid>,
    line_key: String,
    origin: String,
    facts: String,
    closed_at: Option<String>,
    resolution: Option<String>,
    may_propose: bool,
    refused: Option<&'static str>,
}

/// `GET /kantor/perkara/{case_id}`
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn case(
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
    let mut connection = app.db.requests.acquire().await?;
    let case = cases::find(&mut connection, CaseId(id)).await?.ok_or_else(Sorry::absent)?;
    let caller = Caller::Person(person(at));
    note_reading(&mut connection, app, &caller, ("read case", id), json!({})).await?;
    drop(connection);
    let template = CasePage {
        frame: Frame::at(at),
        may_propose: at.member().role == Role::Bapenda && case.closed_at.is_none(),
        refused,
        line: Line::of(&case),
        payment_id: case.payment_id,
        line_key: case.line_key,
        origin: found_by(&case.origin).to_owned(),
        facts: serde_json::to_string_pretty(&case.facts).unwrap_or_default(),
        closed_at: case.closed_at.as_deref().map(moment),
        resolution: case.resolution,
    };
    Ok(page(status, &template))
}
