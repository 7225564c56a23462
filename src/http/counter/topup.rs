//! `/saldo/isi`: a supervisor asks for a top-up and shows the bank's slip. Two people at Bapenda decide.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::bill::rupiah_of;
use super::form::{carries_ours, from_here, stale};
use super::guard::AtCounter;
use super::supervisor::supervisor_only;
use super::{Frame, Sorry, page, see};
use crate::agents::{self, Deposit, Media, PROOF_MAX, Proof, RequestError, UnfitProof};
use crate::domain::{BusinessDate, RequestId};
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::parts::{self, Parts};
use crate::http::problem::Problem;

/// The largest form: a proof and its fields. What is a little larger is read and told so in words.
pub(in crate::http) const BODY_MAX: usize = PROOF_MAX + 256 * 1024;

/// Forms with a file that are read at once; each is kept in memory whole.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

#[derive(Template)]
#[template(path = "counter/topup.html")]
struct TopupPage {
    frame: Frame,
    request_id: RequestId,
    today: String,
    amount: String,
    bank: String,
    date: String,
    reference: String,
    refused: Option<&'static str>,
}

fn form_page(
    app: &App,
    at: &AtCounter,
    typed: &Parts,
    (status, refused): (StatusCode, Option<&'static str>),
) -> Response {
    let field = |name: &str| typed.fields.get(name).cloned().unwrap_or_default();
    let today = app.clock.today().to_string();
    let template = TopupPage {
        frame: Frame::of(at),
        request_id: RequestId::new(),
        amount: field("jumlah"),
        bank: field("bank"),
        date: typed.fields.get("tanggal").unwrap_or(&today).clone(),
        today,
        reference: field("nomor_bank"),
        refused,
    };
    page(status, &template)
}

/// `GET /saldo/isi`: for supervisors; for others there is no such page.
///
/// # Errors
/// When it is no supervisor.
pub(in crate::http) async fn topup_form(State(app): State<App>, at: AtCounter) -> Result<Response, Sorry> {
    supervisor_only(&at)?;
    Ok(form_page(&app, &at, &Parts::default(), (StatusCode::OK, None)))
}

/// `POST /saldo/isi`
///
/// # Errors
/// When it is no supervisor, the form is not ours, or the database fails; a refusal stands on the page itself.
pub(in crate::http) async fn ask_topup(
    State(app): State<App>,
    at: AtCounter,
    request: Request,
) -> Result<Response, Sorry> {
    supervisor_only(&at)?;
    let parts = match arrived(&app, request).await? {
        Ok(parts) => parts,
        Err(refused) => return Ok(form_page(&app, &at, &Parts::default(), refused)),
    };
    let (id, deposit) = match read(&parts) {
        Ok(read) => read,
        Err(why) => return Ok(form_page(&app, &at, &parts, (StatusCode::UNPROCESSABLE_ENTITY, Some(why)))),
    };
    let proof = match Proof::of(parts.file.clone()) {
        Ok(proof) => proof,
        Err(unfit) => return Ok(form_page(&app, &at, &parts, unfit_words(unfit))),
    };
    let operator = &at.session.operator;
    let mut transaction = app.db.requests.begin().await?;
    let asked = agents::request_topup(&mut transaction, operator, (id, &deposit, &proof), app.clock.now());
    match asked.await {
        Ok(()) => transaction.commit().await?,
        Err(error) => return Ok(form_page(&app, &at, &parts, refusal_words(error)?)),
    }
    Ok(see("/saldo"))
}

type Refused = (StatusCode, Option<&'static str>);

/// The form, whole and from a page of ours.
async fn arrived(app: &App, request: Request) -> Result<Result<Parts, Refused>, Sorry> {
    let headers = request.headers().clone();
    if !from_here(&headers, &app.config.public_url()) {
        return Err(stale());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(boundary) = parts::boundary(kind) else {
        return Err(Problem::bad_request("the form is no form with a file").into());
    };
    let Ok(_place) = AT_ONCE.try_acquire() else { return Err(Problem::try_again().into()) };
    let body = match Bytes::from_request(request, app).await {
        Ok(body) => body,
        Err(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Ok(Err(unfit_words(UnfitProof::TooLarge)));
        }
        Err(_) => return Err(Problem::bad_request("the form did not arrive whole").into()),
    };
    let parts =
        parts::read(&body, boundary).ok_or_else(|| Problem::bad_request("the form did not arrive whole"))?;
    if !carries_ours(&headers, parts.fields.get("csrf").map_or("", String::as_str)) {
        return Err(stale());
    }
    Ok(Ok(parts))
}

fn read(parts: &Parts) -> Result<(RequestId, Deposit), &'static str> {
    let field = |name: &str| parts.fields.get(name).map_or("", String::as_str);
    let amount = rupiah_of(field("jumlah")).filter(|amount| !amount.is_zero());
    let amount = amount.ok_or("Jumlah setoran tidak terbaca; mohon ketik angka saja, misalnya 5000000.")?;
    let deposited_on = BusinessDate::parse(field("tanggal"));
    let deposited_on =
        deposited_on.map_err(|_| "Tanggal setoran tidak terbaca; mohon pilih dari kalender.")?;
    let id = field("nomor").parse().map_err(|_| "Halaman ini sudah usang; mohon isi sekali lagi.")?;
    let (bank, bank_reference) = (field("bank").to_owned(), field("nomor_bank").to_owned());
    Ok((id, Deposit { amount, bank, deposited_on, bank_reference }))
}

fn unfit_words(unfit: UnfitProof) -> Refused {
    match unfit {
        UnfitProof::Empty => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some("Bukti setor belum dipilih; mohon lampirkan foto atau PDF bukti setor dari bank."),
        ),
        UnfitProof::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            Some("Bukti setor terlalu besar; mohon lampirkan foto atau PDF paling besar 4 MB."),
        ),
        UnfitProof::WrongType => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Some("Bukti setor harus berupa foto (JPEG, PNG, WebP) atau PDF; mohon lampirkan yang lain."),
        ),
    }
}

fn refusal_words(error: RequestError) -> Result<Refused, Sorry> {
    match error {
        RequestError::Terms(_) => Ok((
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(
                "Bank, nomor, atau tanggal setoran belum benar; mohon isi seperti di bukti setor, paling banyak 60 huruf, tanpa tanggal yang belum tiba.",
            ),
        )),
        RequestError::ProofUsed => Ok((
            StatusCode::CONFLICT,
            Some(
                "Bukti setor ini sudah dipakai untuk permintaan lain; mohon lampirkan bukti setoran yang baru.",
            ),
        )),
        RequestError::DepositUsed => Ok((
            StatusCode::CONFLICT,
            Some(
                "Setoran dengan bank, tanggal, dan nomor ini sudah pernah diminta; mohon periksa nomornya di bukti setor.",
            ),
        )),
        RequestError::Forbidden | RequestError::Absent => Err(Sorry::absent()),
        RequestError::Sql(error) => Err(error.into()),
    }
}

/// `GET /saldo/permintaan/{request_id}/bukti`: the proof as it was sent, to keep and not to run.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn topup_proof(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    let agent = at.session.operator.outlet.agent_id;
    let mut connection = app.db.requests.acquire().await?;
    let found = agents::topup_proof(&mut connection, RequestId(id), Some(agent)).await?;
    let (media, bytes) = found.ok_or_else(Sorry::absent)?;
    Ok(proof_file(media, bytes))
}

/// A proof as a download, under a policy that runs nothing.
pub(in crate::http) fn proof_file(media: Media, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"bukti-setor.{}\"", media.extension());
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media.as_str())),
        (header::CONTENT_DISPOSITION, name),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            ),
        ),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}
