//! `/verify`: anyone checks a receipt. The browser does it by itself, also without a network once the page was seen; without
//! script the form asks the server. Nothing is told of a number without its signed payload.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::App;
use super::api::receipts::checked;
use super::page::{page, tone};
use super::problem::Problem;
use crate::domain::Plate;
use crate::paper::{Status, advice, moment, status_text, title};
use crate::receipt::{Facts, Kind};

const SCRIPT: &str = include_str!("../../templates/verify.js");
const ED25519: &str = include_str!("../../templates/ed25519.js");
const WORKER: &str = include_str!("../../templates/verify-worker.js");

/// Our own scripts and style, and a question to ourselves; nothing inline, nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// The worker fetches what the page needs, and nothing else.
const WORKER_POLICY: &str =
    "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The public check.
#[derive(Template)]
#[template(path = "verify.html")]
struct CheckPage {
    payload: String,
    answer: Option<Answer>,
    /// The public key, 32 bytes in base64.
    key: String,
    verdicts: Vec<Verdict>,
}

struct Answer {
    status: &'static str,
    tone: &'static str,
    advice: &'static str,
    receipt: Option<Shown>,
}

/// The words for one kind and status, from which the browser takes those that it needs.
struct Verdict {
    /// `LUNAS-PAID`
    name: String,
    status: &'static str,
    tone: &'static str,
    advice: &'static str,
}

/// What a signed payload says, for who holds it.
struct Shown {
    title: &'static str,
    receipt_no: String,
    agent_code: String,
    plate: String,
    amount: String,
    taken_at: String,
    numbers: Vec<(&'static str, String)>,
}

impl Shown {
    fn of(facts: Facts) -> Self {
        let name = |authority| match authority {
            crate::domain::Authority::Bapenda => "NTPD",
            crate::domain::Authority::JasaRaharja => "Nomor sertifikat Jasa Raharja",
        };
        let numbers = facts.legs.into_iter().filter_map(|leg| Some((name(leg.authority), leg.number?)));
        Self {
            title: title(facts.kind),
            plate: Plate::parse(&facts.plate).map_or(facts.plate, |plate| plate.to_string()),
            amount: facts.amount.to_string(),
            taken_at: moment(&facts.taken_at),
            agent_code: facts.agent_code,
            receipt_no: facts.receipt_no,
            numbers: numbers.collect(),
        }
    }
}

fn verdicts() -> Vec<Verdict> {
    let all = [
        (Status::Paid, "PAID"),
        (Status::NotPaid, "NOT_PAID"),
        (Status::Revoked, "REVOKED"),
        (Status::Open, "OPEN"),
        (Status::Unknown, "UNKNOWN"),
    ];
    let of = |kind: Kind| {
        all.map(|(status, name)| Verdict {
            name: format!("{}-{name}", kind.as_str()),
            status: status_text(status),
            tone: tone(status),
            advice: advice(kind, status),
        })
    };
    [Kind::Lunas, Kind::Titip].into_iter().flat_map(of).collect()
}

fn shown(app: &App, payload: String, answer: Option<Answer>) -> Result<Response, Problem> {
    let key = app.public_key.to_base64();
    let mut response = page(&CheckPage { payload, answer, key, verdicts: verdicts() })?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// `GET /verify`, `GET /verify/{receipt_no}`: a number alone tells nothing, so that numbers cannot be walked. The link that
/// an outlet gives carries the payload behind `#`, where only the browser sees it.
///
/// # Errors
/// When the template fails.
pub(super) async fn verify_form(State(app): State<App>) -> Result<Response, Problem> {
    shown(&app, String::new(), None)
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct VerifyForm {
    payload: String,
}

/// `POST /verify`, for browsers without script. Line breaks of a copied text do no harm; a form that did not arrive whole is
/// a text we did not sign.
///
/// # Errors
/// When the database or the template fails.
pub(super) async fn verify(
    State(app): State<App>,
    form: Result<Form<VerifyForm>, FormRejection>,
) -> Result<Response, Problem> {
    let (status, payload) = match form {
        Ok(Form(form)) => (StatusCode::OK, form.payload),
        Err(rejection) => (rejection.status(), String::new()),
    };
    let signed: String = payload.split_whitespace().collect();
    let body = checked(&app, &signed).await?;
    let answer = body.receipt.map_or(
        Answer {
            status: "TIDAK SAH",
            tone: "bad",
            advice: "Teks ini tidak ditandatangani oleh Samsat OPOP. Mohon periksa apakah tersalin lengkap.",
            receipt: None,
        },
        |facts| Answer {
            status: status_text(body.status),
            tone: tone(body.status),
            advice: advice(facts.kind, body.status),
            receipt: Some(Shown::of(facts)),
        },
    );
    let mut response = shown(&app, payload, Some(answer))?;
    *response.status_mut() = status;
    Ok(response)
}

const JAVASCRIPT: (HeaderName, &str) = (header::CONTENT_TYPE, "text/javascript; charset=utf-8");
const KEPT: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

/// `GET /assets/verify.js`
pub(super) async fn script() -> Response {
    ([JAVASCRIPT, KEPT], SCRIPT).into_response()
}

/// `GET /assets/ed25519.js`: for browsers that cannot check a signature by themselves.
pub(super) async fn ed25519() -> Response {
    ([JAVASCRIPT, KEPT], ED25519).into_response()
}

/// `GET /verify/kerja.js`: keeps the page on the device, so that it opens without a network.
pub(super) async fn worker() -> Response {
    let headers = [
        JAVASCRIPT,
        (header::CONTENT_SECURITY_POLICY, WORKER_POLICY),
        // It stands one level below the page that it serves.
        (HeaderName::from_static("service-worker-allowed"), "/verify"),
    ];
    (headers, WORKER).into_response()
}
