//! `/kode`, `/kode/pasang`: the second factor, asked for or set for the first time.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::form::Sent;
use super::guard::{Halfway, Knock, Seat};
use super::sign_in::{opened, why};
use super::{Sorry, page, see};
use crate::agents::{CODE_DIGITS, Enrolment, SecondFactor, SignInError, Visitor};
use crate::http::App;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "counter/code.html")]
struct CodePage {
    csrf: String,
    username: String,
    refused: Option<String>,
    digits: usize,
}

#[derive(Template)]
#[template(path = "counter/enrol.html")]
struct EnrolPage {
    csrf: String,
    username: String,
    shown: Enrolment,
    refused: Option<String>,
    digits: usize,
}

/// `GET /kode`
pub(in crate::http) async fn code_form(Halfway(at): Halfway) -> Response {
    match at.sign_in.second_factor {
        SecondFactor::Asked => code_page(&at, (StatusCode::OK, None)),
        SecondFactor::ToSet => see("/kode/pasang"),
        SecondFactor::NotNeeded | SecondFactor::Given => see("/"),
    }
}

fn code_page(at: &Seat, (status, refused): (StatusCode, Option<String>)) -> Response {
    let username = at.member().username.clone();
    page(status, &CodePage { csrf: at.csrf(), username, refused, digits: CODE_DIGITS })
}

/// `GET /kode/pasang`
///
/// # Errors
/// When the database or the system's randomness fails.
pub(in crate::http) async fn enrol_form(
    State(app): State<App>,
    Halfway(at): Halfway,
) -> Result<Response, Sorry> {
    match at.sign_in.second_factor {
        SecondFactor::ToSet => enrol_page(&app, &at, (StatusCode::OK, None)).await,
        SecondFactor::Asked => Ok(see("/kode")),
        SecondFactor::NotNeeded | SecondFactor::Given => Ok(see("/")),
    }
}

async fn enrol_page(
    app: &App,
    at: &Seat,
    (status, refused): (StatusCode, Option<String>),
) -> Result<Response, Sorry> {
    let shown = app.sign_ins.enrolment(&at.sign_in).await.map_err(|error| broken(&error))?;
    let username = at.member().username.clone();
    Ok(page(status, &EnrolPage { csrf: at.csrf(), username, shown, refused, digits: CODE_DIGITS }))
}

/// Six digits.
#[derive(Deserialize)]
pub(in crate::http) struct Code {
    kode: String,
}

/// `POST /kode`
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn by_code(
    State(app): State<App>,
    Halfway(at): Halfway,
    knock: Knock,
    Sent(Code { kode }): Sent<Code>,
) -> Result<Response, Sorry> {
    if at.sign_in.second_factor != SecondFactor::Asked {
        return Ok(see("/"));
    }
    match app.sign_ins.by_code(&at.sign_in, &visitor(&knock, &at), &kode).await {
        Ok(signed_in) => Ok(opened(&at.device, &signed_in)),
        Err(error) => Ok(timed(code_page(&at, refusal(&error)?), &error)),
    }
}

/// `POST /kode/pasang`: the first code proves that the app has the secret.
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn enrol(
    State(app): State<App>,
    Halfway(at): Halfway,
    knock: Knock,
    Sent(Code { kode }): Sent<Code>,
) -> Result<Response, Sorry> {
    if at.sign_in.second_factor != SecondFactor::ToSet {
        return Ok(see("/"));
    }
    match app.sign_ins.by_code(&at.sign_in, &visitor(&knock, &at), &kode).await {
        Ok(signed_in) => Ok(opened(&at.device, &signed_in)),
        Err(error) => Ok(timed(enrol_page(&app, &at, refusal(&error)?).await?, &error)),
    }
}

fn visitor(knock: &Knock, at: &Seat) -> Visitor {
    Visitor { replaces: Some(at.token().to_owned()), ..knock.visitor(&at.device) }
}

/// Why a code is refused, in words.
///
/// # Errors
/// When it is no refusal but a failure of ours.
pub(in crate::http) fn refusal(error: &SignInError) -> Result<(StatusCode, Option<String>), Sorry> {
    metrics::counter!("sign_ins_refused", "why" => why(error)).increment(1);
    match error {
        SignInError::Wrong | SignInError::PinGone | SignInError::NotAdmitted { .. } => Ok((
            StatusCode::UNAUTHORIZED,
            Some(
                "Kode tidak cocok atau sudah dipakai. Mohon tunggu kode berikutnya, lalu coba lagi."
                    .to_owned(),
            ),
        )),
        SignInError::Wait { seconds } => Ok((
            StatusCode::TOO_MANY_REQUESTS,
            Some(format!(
                "Terlalu sering salah. Mohon tunggu {seconds} detik, lalu coba lagi. Akun Anda tidak dikunci."
            )),
        )),
        SignInError::Busy => {
            Ok((StatusCode::SERVICE_UNAVAILABLE, Some("Sedang ramai. Mohon coba lagi sebentar.".to_owned())))
        }
        SignInError::Sql(_) | SignInError::Broken(_) => Err(broken(error)),
    }
}

/// Says when to come again, where that is known.
fn timed(mut response: Response, error: &SignInError) -> Response {
    if let SignInError::Wait { seconds } = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

fn broken(error: &SignInError) -> Sorry {
    tracing::error!(%error, "a second factor cannot be looked at");
    match error {
        SignInError::Sql(_) => Problem::try_again().into(),
        _ => Problem::internal().into(),
    }
}
