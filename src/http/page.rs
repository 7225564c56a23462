//! Pages: the printable receipt and the public check of one. Indonesian, without script, one style sheet.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Form, extract::Path};
use serde::Deserialize;

use super::App;
use super::api::receipts::{ReceiptLine, Status, checked};
use super::problem::Problem;
use crate::domain::{Authority, BusinessDate, Plate, Rupiah, wib_long};
use crate::receipt::{Facts, Kind};

/// Its style sheet.
pub(super) const STYLE: &str = include_str!("../../templates/style.css");

/// `GET /assets/style.css`
pub(super) async fn style() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")],
        STYLE,
    )
        .into_response()
}

struct Row {
    name: &'static str,
    code: String,
    due_on: String,
    receiver: String,
    principal: String,
    penalty: String,
}

/// A receipt to print.
#[derive(Template)]
#[template(path = "receipt.html")]
pub(super) struct ReceiptPage {
    title: &'static str,
    status: &'static str,
    warning: Option<&'static str>,
    receipt_no: String,
    copy_no: i64,
    agent_code: String,
    plate: String,
    taken_at: String,
    rows: Vec<Row>,
    numbers: Vec<(&'static str, String)>,
    fee: String,
    amount: String,
    next_due_on: Option<String>,
    payload: String,
    verify_url: String,
}

impl ReceiptPage {
    /// The page of a receipt.
    #[must_use]
    pub(super) fn of(
        app: &App,
        facts: &Facts,
        lines: &[ReceiptLine],
        (status, copy_no): (Status, i64),
        payload: &str,
    ) -> Self {
        let (title, warning) = match facts.kind {
            Kind::Titip => (
                "BUKTI TITIP",
                Some("Uang sudah diterima. Pembayaran sedang dipastikan. Ini BUKAN bukti lunas."),
            ),
            Kind::Lunas => ("BUKTI LUNAS", (status == Status::Revoked).then_some("DIBATALKAN")),
        };
        let number = |authority: Authority| {
            facts.legs.iter().rev().find(|leg| leg.authority == authority)?.number.clone()
        };
        let numbers = [
            ("NTPD", number(Authority::Bapenda)),
            ("Nomor sertifikat Jasa Raharja", number(Authority::JasaRaharja)),
        ];
        Self {
            title,
            warning,
            status: status_text(status),
            receipt_no: facts.receipt_no.clone(),
            copy_no,
            agent_code: facts.agent_code.clone(),
            plate: spaced(&facts.plate),
            taken_at: moment(&facts.taken_at),
            rows: lines.iter().map(row).collect(),
            numbers: numbers.into_iter().filter_map(|(name, number)| Some((name, number?))).collect(),
            fee: facts.fee.to_string(),
            amount: facts.amount.to_string(),
            next_due_on: facts.next_due_on.map(BusinessDate::long),
            payload: payload.to_owned(),
            verify_url: format!("{}/verify", app.config.public_url()),
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// When the template fails, our bug.
    pub(super) fn render(&self) -> Result<Response, Problem> {
        page(self)
    }
}

fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Problem::internal()
    })?;
    Ok(Html(html).into_response())
}

fn spaced(plate: &str) -> String {
    Plate::parse(plate).map_or_else(|_| plate.to_owned(), |plate| plate.to_string())
}

fn moment(rfc3339: &str) -> String {
    chrono::DateTime::parse_from_rfc3339(rfc3339)
        .map_or_else(|_| rfc3339.to_owned(), |at| wib_long(at.to_utc()))
}

fn row(line: &ReceiptLine) -> Row {
    let rupiah = |amount| Rupiah::new(amount).unwrap_or_default().to_string();
    let name = match line.code.as_str() {
        "PKB" => "Pajak kendaraan (PKB)",
        "OPSEN_PKB" => "Opsen PKB",
        "SWDKLLJ" => "SWDKLLJ",
        _ => "",
    };
    let receiver = match line.beneficiary.as_str() {
        "35" => "Provinsi Jawa Timur".to_owned(),
        "RKUN" => "Kas negara".to_owned(),
        "JASA_RAHARJA" => "Jasa Raharja".to_owned(),
        code => {
            crate::domain::RegionCode::parse(code).map_or_else(|_| code.to_owned(), |r| r.name().to_owned())
        }
    };
    Row {
        name,
        code: line.code.clone(),
        due_on: BusinessDate::parse(&line.due_on).map_or_else(|_| line.due_on.clone(), BusinessDate::long),
        receiver,
        principal: rupiah(line.principal),
        penalty: rupiah(line.penalty),
    }
}

const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Paid => "LUNAS",
        Status::NotPaid => "TIDAK DIBAYAR: uang harus dikembalikan",
        Status::Revoked => "DIBATALKAN",
        Status::Open => "SEDANG DIPASTIKAN",
        Status::Unknown => "TIDAK DIKENAL",
    }
}

/// The public check.
#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    payload: String,
    answer: Option<Answer>,
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    advice: &'static str,
    receipt: Option<(String, String, String, String)>,
}

/// `GET /verify`, `GET /verify/{receipt_no}`: a number alone tells nothing, so that numbers cannot be walked.
///
/// # Errors
/// When the template fails.
pub(super) async fn verify_form(_receipt_no: Option<Path<String>>) -> Result<Response, Problem> {
    page(&VerifyPage { payload: String::new(), answer: None })
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct VerifyForm {
    payload: String,
}

/// `POST /verify`
///
/// # Errors
/// When the database or the template fails.
pub(super) async fn verify(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<VerifyForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Problem> {
    drop(headers);
    let Ok(Form(form)) = form else { return Err(Problem::bad_request("the form did not arrive whole")) };
    let body = checked(&app, &form.payload).await?;
    let advice = match (body.valid, body.status) {
        (false, _) => {
            "Teks ini tidak ditandatangani oleh gerbang Samsat OPOP. Periksa apakah tersalin lengkap."
        }
        (true, Status::Paid) => "Pajak kendaraan ini sudah dibayar.",
        (true, Status::NotPaid) => {
            "Pembayaran tidak terjadi. Minta uang kembali di gerai dengan membawa bukti ini."
        }
        (true, Status::Revoked) => "Pembayaran telah dibatalkan.",
        (true, Status::Open) => "Pembayaran sedang dipastikan. Jangan bayar ulang.",
        (true, Status::Unknown) => {
            "Tanda tangan sah, tetapi bukti ini tidak ada dalam buku kami. Laporkan ke Bapenda."
        }
    };
    let receipt = body.receipt.map(|facts| {
        (facts.receipt_no.clone(), spaced(&facts.plate), facts.amount.to_string(), moment(&facts.taken_at))
    });
    let answer = Answer {
        status: if body.valid { status_text(body.status) } else { "TIDAK SAH" },
        kind: if body.valid && body.status == Status::Paid { "good" } else { "bad" },
        advice,
        receipt,
    };
    let mut response = page(&VerifyPage { payload: form.payload, answer: Some(answer) })?;
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}
