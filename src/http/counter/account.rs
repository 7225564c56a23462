//! `/akun`, `/sandi`: one's own sign-ins, PIN and password.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::form::Sent;
use super::guard::{Anybody, Anyhow, Knock, Seat};
use super::sign_in::Nothing;
use super::{Frame, Sorry, cookie, page, role_name, see};
use crate::agents::{ChangeError, PASSWORD_MAX, PASSWORD_MIN, PIN_DIGITS, SignInError, Unfit};
use crate::domain::{SessionId, wib_long};
use crate::http::App;
use crate::http::problem::Problem;

struct Line {
    session_id: SessionId,
    device_name: String,
    created_at: String,
    seen_at: String,
    /// The one that asks.
    is_this: bool,
}

#[derive(Template)]
#[template(path = "counter/account.html")]
struct AccountPage {
    frame: Frame,
    username: String,
    role: &'static str,
    /// Signs in with a code each time, and has no PIN.
    with_code: bool,
    has_pin: bool,
    sessions: Vec<Line>,
    refused: Option<&'static str>,
    pin_digits: usize,
    password_max: usize,
}

/// `GET /akun`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn account(
    State(app): State<App>,
    Anybody(at): Anybody,
) -> Result<Response, Sorry> {
    shown(&app, &at, (StatusCode::OK, None)).await
}

async fn shown(
    app: &App,
    at: &Seat,
    (status, refused): (StatusCode, Option<&'static str>),
) -> Result<Response, Sorry> {
    let member = at.member();
    let sessions = app.sign_ins.sessions(member.person_id).await?;
    let line = |line: crate::agents::SessionLine| Line {
        is_this: line.session_id == at.sign_in.session_id,
        session_id: line.session_id,
        device_name: line.device_name,
        created_at: wib_long(line.created_at),
        seen_at: wib_long(line.seen_at),
    };
    let template = AccountPage {
        frame: Frame::at(at),
        username: member.username.clone(),
        role: role_name(member.role),
        with_code: member.role.needs_second_factor(),
        has_pin: app.sign_ins.has_pin(&at.sign_in, &at.device).await?,
        sessions: sessions.into_iter().map(line).collect(),
        refused,
        pin_digits: PIN_DIGITS,
        password_max: PASSWORD_MAX,
    };
    Ok(page(status, &template))
}

/// Which sign-in.
#[derive(Deserialize)]
pub(in crate::http) struct EndSession {
    sesi: String,
}

/// `POST /akun/sesi`: ends one of one's own sign-ins; another's looks like none.
///
/// # Errors
/// When there is no such sign-in.
pub(in crate::http) async fn end_session(
    State(app): State<App>,
    Anybody(at): Anybody,
    Sent(form): Sent<EndSession>,
) -> Result<Response, Sorry> {
    let session: SessionId = form.sesi.parse().map_err(|_| Sorry::absent())?;
    if app.sign_ins.end_session(&at.sign_in, session).await? {
        Ok(see("/akun"))
    } else {
        Err(Sorry::absent())
    }
}

/// A PIN, proven by the password.
#[derive(Deserialize)]
pub(in crate::http) struct NewPin {
    sandi: String,
    pin: String,
    pin_lagi: String,
}

/// `POST /akun/pin`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn set_pin(
    State(app): State<App>,
    Anybody(at): Anybody,
    Sent(form): Sent<NewPin>,
) -> Result<Response, Sorry> {
    if form.pin != form.pin_lagi {
        let refused = Some("Kedua PIN tidak sama.");
        return shown(&app, &at, (StatusCode::UNPROCESSABLE_ENTITY, refused)).await;
    }
    match app.sign_ins.set_pin(&at.sign_in, &at.device, (&form.sandi, &form.pin)).await {
        Ok(()) => Ok(see("/akun")),
        Err(error) => shown(&app, &at, refusal(error)?).await,
    }
}

/// `POST /akun/pin/hapus`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn drop_pin(
    State(app): State<App>,
    Anybody(at): Anybody,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Sorry> {
    app.sign_ins.drop_pin(&at.sign_in, &at.device).await?;
    Ok(see("/akun"))
}

#[derive(Template)]
#[template(path = "counter/password.html")]
struct PasswordPage {
    frame: Frame,
    username: String,
    /// Somebody else chose the present one.
    first: bool,
    refused: Option<&'static str>,
    password_min: usize,
    password_max: usize,
}

fn password_page(at: &Seat, (status, refused): (StatusCode, Option<&'static str>)) -> Response {
    let template = PasswordPage {
        frame: Frame::at(at),
        username: at.member().username.clone(),
        first: at.sign_in.must_change_password,
        refused,
        password_min: PASSWORD_MIN,
        password_max: PASSWORD_MAX,
    };
    page(status, &template)
}

/// `GET /sandi`
pub(in crate::http) async fn password_form(Anyhow(at): Anyhow) -> Response {
    password_page(&at, (StatusCode::OK, None))
}

/// The present password and a new one.
#[derive(Deserialize)]
pub(in crate::http) struct NewPassword {
    sandi: String,
    baru: String,
    baru_lagi: String,
}

/// `POST /sandi`: every other sign-in ends, and this one gets a new token.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn change_password(
    State(app): State<App>,
    Anyhow(at): Anyhow,
    knock: Knock,
    Sent(form): Sent<NewPassword>,
) -> Result<Response, Sorry> {
    if form.baru != form.baru_lagi {
        let refused = Some("Kedua kata sandi baru tidak sama.");
        return Ok(password_page(&at, (StatusCode::UNPROCESSABLE_ENTITY, refused)));
    }
    let visitor =
        crate::agents::Visitor { replaces: Some(at.token().to_owned()), ..knock.visitor(&at.device) };
    match app.sign_ins.change_password(&at.sign_in, &visitor, (&form.sandi, &form.baru)).await {
        Ok(signed_in) => Ok(cookie::with_session(see("/"), &signed_in.token)),
        Err(error) => Ok(password_page(&at, refusal(error)?)),
    }
}

fn refusal(error: ChangeError) -> Result<(StatusCode, Option<&'static str>), Sorry> {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let (status, text) = match error {
        ChangeError::Unfit(Unfit::TooShort) => {
            (unprocessable, "Kata sandi baru terlalu pendek: paling sedikit 8 huruf atau angka.")
        }
        ChangeError::Unfit(Unfit::TooLong) => {
            (unprocessable, "Kata sandi baru terlalu panjang: paling banyak 128 huruf atau angka.")
        }
        ChangeError::Unfit(Unfit::Guessable) => {
            (unprocessable, "Yang ini mudah ditebak. Mohon pilih yang lain.")
        }
        ChangeError::Unfit(Unfit::Same) => (unprocessable, "Kata sandi baru harus berbeda dari yang lama."),
        ChangeError::Unfit(Unfit::NotSixDigits) => (unprocessable, "PIN terdiri dari 6 angka."),
        ChangeError::SignIn(SignInError::Wrong) => {
            (StatusCode::FORBIDDEN, "Kata sandi sekarang tidak cocok.")
        }
        ChangeError::SignIn(SignInError::PinGone | SignInError::NotAdmitted { .. }) => {
            (unprocessable, "PIN hanya dapat dipasang setelah masuk dengan kata sandi di perangkat ini.")
        }
        ChangeError::SignIn(SignInError::Wait { .. }) => (
            StatusCode::TOO_MANY_REQUESTS,
            "Terlalu sering salah. Mohon tunggu beberapa detik, lalu coba lagi.",
        ),
        ChangeError::SignIn(SignInError::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Sedang ramai. Mohon coba lagi sebentar.")
        }
        ChangeError::SignIn(SignInError::Sql(error)) => return Err(error.into()),
        ChangeError::SignIn(SignInError::Broken(why)) => {
            tracing::error!(why, "a password cannot be changed");
            return Err(Problem::internal().into());
        }
    };
    Ok((status, Some(text)))
}
