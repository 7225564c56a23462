//! Pages: the printable receipt and the public check of one. Indonesian, without script, one style sheet.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
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

/// A due date with its lines.
struct Period {
    due_on: String,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    code: String,
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
    tone: &'static str,
    advice: Option<&'static str>,
    receipt_no: String,
    copy_no: i64,
    agent_code: String,
    plate: String,
    taken_at: String,
    periods: Vec<Period>,
    numbers: Vec<(&'static str, String)>,
    fee: String,
    amount: String,
    next_due_on: Option<String>,
    payload: String,
    verify_url: String,
    /// At a counter: where the cashier goes on.
    back: Option<String>,
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
        let number = |authority: Authority| {
            facts.legs.iter().rev().find(|leg| leg.authority == authority)?.number.clone()
        };
        let numbers = [
            ("NTPD", number(Authority::Bapenda)),
            ("Nomor sertifikat Jasa Raharja", number(Authority::JasaRaharja)),
        ];
        Self {
            title: title(facts.kind),
            status: status_text(status),
            tone: tone(status),
            advice: (facts.kind == Kind::Titip || status != Status::Paid)
                .then_some(advice(facts.kind, status)),
            receipt_no: facts.receipt_no.clone(),
            copy_no,
            agent_code: facts.agent_code.clone(),
            plate: spaced(&facts.plate),
            taken_at: moment(&facts.taken_at),
            periods: by_period(lines),
            numbers: numbers.into_iter().filter_map(|(name, number)| Some((name, number?))).collect(),
            fee: facts.fee.to_string(),
            amount: facts.amount.to_string(),
            next_due_on: facts.next_due_on.map(BusinessDate::long),
            payload: payload.to_owned(),
            verify_url: format!("{}/verify", app.config.public_url()),
            back: None,
        }
    }

    /// The same for a cashier, who prints it and goes back.
    #[must_use]
    pub(super) fn at_counter(self, back: String) -> Self {
        Self { back: Some(back), ..self }
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

/// The lines of each due date, the oldest first.
fn by_period(lines: &[ReceiptLine]) -> Vec<Period> {
    let mut periods: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for line in lines {
        periods.entry(&line.due_on).or_default().push(row(line));
    }
    let shown =
        |due_on: &str| BusinessDate::parse(due_on).map_or_else(|_| due_on.to_owned(), BusinessDate::long);
    periods.into_iter().map(|(due_on, rows)| Period { due_on: shown(due_on), rows }).collect()
}

/// The name of a line in plain words; empty for a code that only the authority knows.
pub(super) fn line_name(code: &str) -> &'static str {
    match code {
        "PKB" => "Pajak kendaraan (PKB)",
        "OPSEN_PKB" => "Opsen PKB",
        "SWDKLLJ" => "SWDKLLJ",
        _ => "",
    }
}

/// Who receives a line, in plain words.
pub(super) fn receiver_name(beneficiary: &str) -> String {
    match beneficiary {
        "35" => "Provinsi Jawa Timur".to_owned(),
        "RKUN" => "Kas negara".to_owned(),
        "JASA_RAHARJA" => "Jasa Raharja".to_owned(),
        code => {
            crate::domain::RegionCode::parse(code).map_or_else(|_| code.to_owned(), |r| r.name().to_owned())
        }
    }
}

fn row(line: &ReceiptLine) -> Row {
    let rupiah = |amount| Rupiah::new(amount).unwrap_or_default().to_string();
    let receiver = receiver_name(&line.beneficiary);
    Row {
        name: line_name(&line.code),
        code: line.code.clone(),
        receiver,
        principal: rupiah(line.principal),
        penalty: rupiah(line.penalty),
    }
}

const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Titip => "BUKTI TITIP",
        Kind::Lunas => "BUKTI LUNAS",
    }
}

const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Paid => "LUNAS",
        Status::NotPaid => "TIDAK DIBAYAR",
        Status::Revoked => "DIBATALKAN",
        Status::Open => "SEDANG DIPASTIKAN",
        Status::Unknown => "TIDAK DIKENAL",
    }
}

/// The style of a status.
const fn tone(status: Status) -> &'static str {
    match status {
        Status::Paid => "good",
        Status::Open => "wait",
        Status::NotPaid | Status::Revoked | Status::Unknown => "bad",
    }
}

/// What the holder of a paper should know and do.
const fn advice(kind: Kind, status: Status) -> &'static str {
    match (kind, status) {
        (Kind::Lunas, Status::Paid) => "Pajak kendaraan ini sudah dibayar.",
        (Kind::Titip, Status::Paid) => {
            "Pajak kendaraan ini sudah dibayar. Bukti Lunas dapat diminta di gerai."
        }
        (Kind::Titip, Status::Open) => {
            "Uang sudah diterima gerai dan pembayaran sedang dipastikan. Ini BUKAN bukti lunas. Mohon jangan bayar ulang."
        }
        (Kind::Lunas, Status::Open) => {
            "Pembatalan pembayaran ini sedang dipastikan. Mohon jangan bayar ulang."
        }
        (_, Status::NotPaid) => {
            "Pembayaran tidak terjadi. Jika uang belum kembali, silakan minta di gerai dengan membawa bukti ini."
        }
        (_, Status::Revoked) => {
            "Pembayaran telah dibatalkan. Jika uang belum kembali, silakan minta di gerai dengan membawa bukti ini."
        }
        (_, Status::Unknown) => {
            "Tanda tangan sah, tetapi bukti ini tidak ada dalam catatan kami. Mohon laporkan ke Bapenda."
        }
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
    tone: &'static str,
    advice: &'static str,
    receipt: Option<Shown>,
}

/// What a signed payload says, for who holds it.
struct Shown {
    title: &'static str,
    receipt_no: String,
    plate: String,
    amount: String,
    taken_at: String,
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

/// `POST /verify`. Line breaks of a copied text do no harm; a form that did not arrive whole is a text we did not sign.
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
            receipt: Some(Shown {
                title: title(facts.kind),
                plate: spaced(&facts.plate),
                amount: facts.amount.to_string(),
                taken_at: moment(&facts.taken_at),
                receipt_no: facts.receipt_no,
            }),
        },
    );
    let mut response = page(&VerifyPage { payload, answer: Some(answer) })?;
    *response.status_mut() = status;
    Ok(response)
}
