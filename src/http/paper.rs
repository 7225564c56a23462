//! A receipt handed over: as a page to print, as PDF, or as bytes for a till's printer. Each is one more copy.

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqlx::PgConnection;

use super::body::PageOf;
use super::counter::Sorry;
use super::problem::{Problem, Retry};
use super::{App, accept, page};
use crate::paper::qr::Qr;
use crate::paper::{
    Paper, Printing, Status, TakenAt, Width, advice, escpos, pdf, status_text, title, under_title,
};
use crate::payment::{self, Scope};
use crate::receipt::{self, StoredReceipt};

const STYLE: &str = include_str!("../../templates/receipt.css");
const SCRIPT: &str = include_str!("../../templates/receipt.js");

/// How a receipt is given. The order is that of preference for a client that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Html,
    Pdf,
    EscPos,
}

impl Form {
    const OFFERED: [(&'static str, Self); 4] = [
        ("application/json", Self::Json),
        ("text/html", Self::Html),
        ("application/pdf", Self::Pdf),
        (escpos::MEDIA_TYPE, Self::EscPos),
    ];

    /// What a client accepts best.
    ///
    /// # Errors
    /// `406` when it accepts nothing of it.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Problem> {
        let offered = Self::OFFERED.map(|(media_type, _)| media_type);
        let place = accept::best(headers, &offered).and_then(|place| Self::OFFERED.get(place));
        place.map(|(_, form)| *form).ok_or_else(|| {
            let detail = format!("receipts are offered as {}", offered.join(", "));
            Problem::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", Retry::Never, detail)
        })
    }
}

/// A printing as it is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) form: Form,
    /// What the client said.
    pub(super) width: Option<Width>,
}

/// Prints one more copy. `back` is where a cashier goes on.
///
/// # Errors
/// When the database fails, a stored receipt does not verify, or a till's printer is to take a sheet.
pub(super) async fn print(
    connection: &mut PgConnection,
    app: &App,
    stored: &StoredReceipt,
    wanted: Wanted,
    back: Option<String>,
) -> Result<Response, Problem> {
    if wanted.form == Form::EscPos && wanted.width == Some(Width::A5) {
        return Err(Problem::bad_request("a till's printer takes paper of 58 or 80 mm"));
    }
    let copy_no = receipt::count_copy(connection, &stored.receipt_no, app.clock.now()).await?;
    let paper = paper(connection, app, stored, i64::from(copy_no)).await?;
    let name = |ending: &str| format!("inline; filename=\"{}.{ending}\"", paper.receipt_no);
    match wanted.form {
        Form::EscPos => {
            let bytes = escpos::print(&paper, wanted.width.unwrap_or(Width::Mm58)).unwrap_or_default();
            Ok(file(escpos::MEDIA_TYPE, &name("bin"), bytes))
        }
        Form::Pdf => {
            let bytes = pdf::print(&paper, wanted.width.unwrap_or_default()).map_err(|error| {
                tracing::error!(%error, "a receipt cannot be drawn");
                Problem::internal()
            })?;
            Ok(file("application/pdf", &name("pdf"), bytes))
        }
        Form::Json | Form::Html => ReceiptPage::of(&paper, wanted.width.unwrap_or_default(), back).render(),
    }
}

fn file(media_type: &str, disposition: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("inline"));
    response.headers_mut().insert(header::CONTENT_TYPE, value(media_type));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, value(disposition));
    response
}

/// What stands on a receipt now.
async fn paper(
    connection: &mut PgConnection,
    app: &App,
    stored: &StoredReceipt,
    copy_no: i64,
) -> Result<Paper, Problem> {
    let facts = receipt::verify(&stored.payload, &app.public_key).map_err(|error| {
        tracing::error!(receipt_no = stored.receipt_no, %error, "a stored receipt does not verify");
        Problem::internal()
    })?;
    let payment = app.payments.view(Scope::All, stored.payment_id).await?;
    let lines = payment::lines(connection, stored.payment_id, stored.kind).await?;
    let (outlet, operator) = payment::taken_by(connection, (stored.agent_id, stored.payment_id)).await?;
    let printing = Printing {
        facts: &facts,
        payload: &stored.payload,
        lines: &lines,
        status: payment.map_or(Status::Unknown, |payment| Status::of(payment.state)),
        copy_no,
        taken_by: TakenAt { outlet, operator },
    };
    Ok(Paper::of(printing, &app.config.public_url()))
}

/// A receipt to print.
#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage<'a> {
    paper: &'a Paper,
    title: &'static str,
    /// `lunas` or `titip`: the frame.
    kind: &'static str,
    under_title: &'static str,
    status: &'static str,
    tone: &'static str,
    advice: Option<&'static str>,
    operator: &'a str,
    outlet: String,
    copy_mark: Option<String>,
    width: &'static str,
    qr_side: usize,
    qr_path: String,
    /// At a counter: where the cashier goes on.
    back: Option<String>,
}

impl<'a> ReceiptPage<'a> {
    fn of(paper: &'a Paper, width: Width, back: Option<String>) -> Self {
        let is_titip = paper.kind == receipt::Kind::Titip;
        let qr = Qr::of(&paper.payload).ok();
        let outlet = if paper.taken_by.outlet.is_empty() {
            paper.agent_code.clone()
        } else {
            format!("{} ({})", paper.taken_by.outlet, paper.agent_code)
        };
        Self {
            title: title(paper.kind),
            kind: if is_titip { "titip" } else { "lunas" },
            status: status_text(paper.status),
            under_title: under_title(paper.kind, paper.status),
            tone: page::tone(paper.status),
            advice: (is_titip || paper.status != Status::Paid).then_some(advice(paper.kind, paper.status)),
            operator: paper.taken_by.operator.as_deref().unwrap_or("aplikasi gerai"),
            outlet,
            copy_mark: paper.copy_mark(),
            width: width.as_str(),
            qr_side: qr.as_ref().map_or(0, Qr::svg_side),
            qr_path: qr.map(|qr| qr.svg_path()).unwrap_or_default(),
            back,
            paper,
        }
    }

    fn render(&self) -> Result<Response, Problem> {
        page::page(self)
    }
}

const KEPT: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

/// `GET /assets/receipt.css`
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), KEPT], STYLE).into_response()
}

/// `GET /assets/receipt.js`: copies and shares the link.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), KEPT], SCRIPT).into_response()
}

/// `GET /assets/kertas/58.css`, `80.css`, `a5.css`: the size of the sheet, which a page can say only in a style sheet.
/// A roll has no length; 297 mm is what drivers take, and they cut where the text ends.
pub(super) async fn sheet(PageOf(name): PageOf<String>) -> Result<Response, Sorry> {
    let rule = match name.as_str() {
        "58.css" => "@page { size: 58mm 297mm; margin: 3mm 5mm; }\n",
        "80.css" => "@page { size: 80mm 297mm; margin: 3mm 4mm; }\n",
        "a5.css" => "@page { size: A5; margin: 10mm; }\n",
        _ => return Err(Sorry::absent()),
    };
    Ok(([(header::CONTENT_TYPE, "text/css; charset=utf-8"), KEPT], rule).into_response())
}
