//! `/masuk`, `/keluar`: signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::form::Sent;
use super::guard::{Halfway, Knock};
use super::{Sorry, cookie, page, see};
use crate::agents::{PASSWORD_MAX, PIN_DIGITS, SignInError, SignedIn, form_token, new_secret};
use crate::http::App;
use crate::http::body::AskedOf;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "counter/sign_in.html")]
struct SignInPage {
    csrf: String,
    /// Login name and name of those who have a PIN here.
    with_pin: Vec<(String, String)>,
    username: String,
    refused: Option<String>,
    pin_digits: usize,
    password_max: usize,
}

/// How the page is asked for.
#[derive(Deserialize)]
pub(in crate::http) struct Asked {
    /// `sandi`: by password, though there is a PIN.
    dengan: Option<String>,
}

/// `GET /masuk`: a device without a cookie gets one, and with it a token that its form must carry.
///
/// # Errors
/// When the database or the system's randomness fails.
pub(in crate::http) async fn form(
    State(app): State<App>,
    knock: Knock,
    AskedOf(asked): AskedOf<Asked>,
) -> Result<Response, Sorry> {
    if let Some(token) = &knock.session
        && knock.device.is_some()
        && app.sign_ins.session(token, false).await?.is_some()
    {
        return Ok(see("/"));
    }
    let device = match knock.device {
        Some(device) => device,
        None => new_secret("dev_").map_err(|_| Problem::internal())?,
    };
    let by_password = asked.dengan.as_deref() == Some("sandi");
    let with_pin = if by_password { vec![] } else { app.sign_ins.names_with_pin(&device).await? };
    Ok(shown(&device, (StatusCode::OK, with_pin), String::new(), None))
}

fn shown(
    device: &str,
    (status, with_pin): (StatusCode, Vec<(String, String)>),
    username: String,
    refused: Option<String>,
) -> Response {
    let csrf = form_token(device);
    let (pin_digits, password_max) = (PIN_DIGITS, PASSWORD_MAX);
    let template = SignInPage { csrf, with_pin, username, refused, pin_digits, password_max };
    cookie::with_device(page(status, &template), device)
}

/// Name and password.
#[derive(Deserialize)]
pub(in crate::http) struct ByPassword {
    nama: String,
    sandi: String,
}

/// `POST /masuk`
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn by_password(
    State(app): State<App>,
    knock: Knock,
    Sent(form): Sent<ByPassword>,
) -> Result<Response, Sorry> {
    let device = knock.device.clone().ok_or_else(Problem::internal)?;
    let signed_in = app.sign_ins.by_password(&knock.visitor(&device), &form.nama, &form.sandi).await;
    match signed_in {
        Ok(signed_in) => Ok(opened(&device, &signed_in)),
        Err(error) => refused(&device, vec![], (form.nama, error)),
    }
}

/// Name and PIN.
#[derive(Deserialize)]
pub(in crate::http) struct ByPin {
    nama: String,
    pin: String,
}

/// `POST /masuk/pin`
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn by_pin(
    State(app): State<App>,
    knock: Knock,
    Sent(form): Sent<ByPin>,
) -> Result<Response, Sorry> {
    let device = knock.device.clone().ok_or_else(Problem::internal)?;
    match app.sign_ins.by_pin(&knock.visitor(&device), &form.nama, &form.pin).await {
        Ok(signed_in) => Ok(opened(&device, &signed_in)),
        Err(error) => {
            let with_pin = app.sign_ins.names_with_pin(&device).await?;
            refused(&device, with_pin, (form.nama, error))
        }
    }
}

/// To the first page, which asks for what is still owed.
pub(super) fn opened(device: &str, signed_in: &SignedIn) -> Response {
    // The device's cookie is renewed, so that a device in use stays known.
    cookie::with_session(cookie::with_device(see("/"), device), &signed_in.token)
}

pub(super) const fn why(error: &SignInError) -> &'static str {
    match error {
        SignInError::Wrong => "wrong",
        SignInError::PinGone => "no_pin",
        SignInError::NotAdmitted { .. } => "not_admitted",
        SignInError::Wait { .. } => "too_often",
        SignInError::Busy => "busy",
        SignInError::Sql(_) | SignInError::Broken(_) => "broken",
    }
}

fn refused(
    device: &str,
    with_pin: Vec<(String, String)>,
    (username, error): (String, SignInError),
) -> Result<Response, Sorry> {
    metrics::counter!("sign_ins_refused", "why" => why(&error)).increment(1);
    let (status, text, wait) = match error {
        SignInError::Wrong => (
            StatusCode::UNAUTHORIZED,
            "Nama, kata sandi, atau PIN tidak cocok. Mohon coba lagi.".to_owned(),
            None,
        ),
        SignInError::PinGone => (
            StatusCode::UNAUTHORIZED,
            "PIN tidak berlaku lagi di perangkat ini. Mohon masuk dengan kata sandi.".to_owned(),
            None,
        ),
        SignInError::NotAdmitted { mark } => (
            StatusCode::FORBIDDEN,
            format!(
                "Perangkat ini baru dan menunggu izin penyelia. Sebutkan tanda perangkat {mark} kepadanya; setelah diizinkan, masuklah sekali lagi."
            ),
            None,
        ),
        SignInError::Wait { seconds } => (
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "Terlalu sering salah. Mohon tunggu {seconds} detik, lalu coba lagi. Akun Anda tidak dikunci."
            ),
            Some(seconds),
        ),
        SignInError::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, "Sedang ramai. Mohon coba lagi sebentar.".to_owned(), Some(2))
        }
        SignInError::Sql(error) => return Err(error.into()),
        SignInError::Broken(why) => {
            tracing::error!(why, "a sign-in is broken");
            return Err(Problem::internal().into());
        }
    };
    let with_pin = if status == StatusCode::UNAUTHORIZED { with_pin } else { vec![] };
    let mut response = shown(device, (status, with_pin), username, Some(text));
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// Nothing but the token that every form carries.
#[derive(Deserialize)]
pub(in crate::http) struct Nothing {}

/// `POST /keluar`: this session ends; the device stays known.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn sign_out(
    State(app): State<App>,
    Halfway(at): Halfway,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Sorry> {
    app.sign_ins.end_session(&at.sign_in, at.sign_in.session_id).await?;
    Ok(cookie::without_session(see("/masuk")))
}
