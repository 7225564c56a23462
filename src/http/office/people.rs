//! `/kantor/orang`: people, and what an admin does with their access. Each act asks for a code and is an audit event.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;

use super::guard::AsAdmin;
use super::{Frame, Seat, Sorry, code_refusal, page, role_name, told};
use crate::agents::{self, CODE_DIGITS, NewPerson, Person, PersonLine, Role};
use crate::audit::{self, Event};
use crate::db;
use crate::domain::{PersonId, Timestamp};
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::counter::Sent;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "office/people.html")]
struct PeoplePage {
    frame: Frame,
    people: Vec<Line>,
    /// What was done: whom it is about, and a password that is shown this once.
    done: Option<(String, Option<String>)>,
    refused: Option<String>,
    digits: usize,
}

struct Line {
    person: PersonLine,
    role: &'static str,
    seen_at: Option<String>,
    /// Nobody ends one's own access.
    is_self: bool,
}

/// What came of an act.
enum Came {
    Done(String, Option<String>),
    Refused(StatusCode, String),
}

/// `GET /kantor/orang`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn people(State(app): State<App>, AsAdmin(at): AsAdmin) -> Result<Response, Sorry> {
    shown(&app, &at, None).await
}

async fn shown(app: &App, at: &Seat, came: Option<Came>) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let people = agents::people(&mut connection, None).await?;
    drop(connection);
    let line = |person: PersonLine| Line {
        role: role_name(person.role),
        seen_at: person.seen_at.map(told),
        is_self: person.person_id == at.member().person_id,
        person,
    };
    let (status, done, refused) = match came {
        None => (StatusCode::OK, None, None),
        Some(Came::Done(what, password)) => (StatusCode::OK, Some((what, password)), None),
        Some(Came::Refused(status, why)) => (status, None, Some(why)),
    };
    let people = people.into_iter().map(line).collect();
    let template = PeoplePage { frame: Frame::at(at), people, done, refused, digits: CODE_DIGITS };
    Ok(page(status, &template))
}

/// A new person.
#[derive(Deserialize)]
pub(in crate::http) struct Added {
    nama: String,
    lengkap: String,
    peran: String,
    gerai: String,
    kode: String,
}

/// `POST /kantor/orang`: the password is made here and shown once; it must be changed at the first sign-in.
///
/// # Errors
/// When the form is not ours or the database fails.
pub(in crate::http) async fn add(
    State(app): State<App>,
    AsAdmin(at): AsAdmin,
    Sent(form): Sent<Added>,
) -> Result<Response, Sorry> {
    if let Err(error) = app.sign_ins.prove_code(&at.sign_in, &form.kode).await {
        let (status, why) = code_refusal(&error)?;
        return shown(&app, &at, Some(Came::Refused(status, why.unwrap_or_default()))).await;
    }
    let came = added(&app, &at, &form).await?;
    shown(&app, &at, Some(came)).await
}

async fn added(app: &App, at: &Seat, form: &Added) -> Result<Came, Sorry> {
    let refused = |why: &str| Ok(Came::Refused(StatusCode::UNPROCESSABLE_ENTITY, why.to_owned()));
    let Some(role) = Role::named(&form.peran) else { return refused("Peran tidak dikenal.") };
    let (code, full_name) = (form.gerai.trim().to_uppercase(), form.lengkap.trim());
    if role.is_at_outlet() == code.is_empty() {
        return refused("Kasir dan penyelia memerlukan kode gerai; yang lain tidak memilikinya.");
    }
    let password = password()?;
    let hash = hashed(password.clone()).await?;
    let now = app.clock.now();
    let mut transaction = app.db.requests.begin().await?;
    let outlet = if code.is_empty() { None } else { agents::agent_by_code(&mut transaction, &code).await? };
    if role.is_at_outlet() && outlet.is_none() {
        return refused("Gerai dengan kode itu tidak ada.");
    }
    let username = form.nama.trim().to_lowercase();
    let new = NewPerson {
        full_name: Some(full_name).filter(|name| !name.is_empty()),
        must_change_password: true,
        outlet: outlet.as_ref().map(|agent| agent.agent_id),
        ..NewPerson::named(&username, &hash, role)
    };
    let person = match agents::add_person(&mut transaction, &new, now).await {
        Ok(person) => person,
        Err(error) => {
            return match db::constraint(&error) {
                Some("person_username_key") => refused("Nama pengguna itu sudah dipakai."),
                Some("person_username_shape") => {
                    refused("Nama pengguna terdiri dari 2 sampai 32 huruf kecil, angka, titik, atau garis.")
                }
                Some("person_full_name_length") => refused("Nama lengkap terlalu panjang."),
                _ => Err(error.into()),
            };
        }
    };
    let facts = json!({"role": role.as_str(), "agent_code": outlet.map(|agent| agent.agent_code)});
    let event = Event::new(now, &at.member().actor(), "added", person.person_id.0, facts);
    audit::append(&mut transaction, &[event]).await?;
    transaction.commit().await?;
    Ok(Came::Done(format!("{username} ditambahkan."), Some(password)))
}

/// What is to be done with somebody's access.
#[derive(Deserialize)]
pub(in crate::http) struct Act {
    tindakan: String,
    kode: String,
}

/// `POST /kantor/orang/{person_id}`
///
/// # Errors
/// When there is no such person or act, or the database fails.
pub(in crate::http) async fn act(
    State(app): State<App>,
    AsAdmin(at): AsAdmin,
    PageOf(id): PageOf<PersonId>,
    Sent(form): Sent<Act>,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let line = agents::person_line(&mut connection, id).await?.ok_or_else(Sorry::absent)?;
    drop(connection);
    if id == at.member().person_id {
        let why = "Akses Anda sendiri hanya dapat diubah pengelola lain.".to_owned();
        return shown(&app, &at, Some(Came::Refused(StatusCode::CONFLICT, why))).await;
    }
    if let Err(error) = app.sign_ins.prove_code(&at.sign_in, &form.kode).await {
        let (status, why) = code_refusal(&error)?;
        return shown(&app, &at, Some(Came::Refused(status, why.unwrap_or_default()))).await;
    }
    let password = if form.tindakan == "sandi" { Some(password()?) } else { None };
    let hash = match password.clone() {
        Some(password) => hashed(password).await?,
        None => String::new(),
    };
    let mut transaction = app.db.requests.begin().await?;
    let by = at.member().actor();
    let done = carry_out(&mut transaction, (&line, &form.tindakan), (&hash, &by), app.clock.now()).await?;
    let came = if let Some(what) = done {
        transaction.commit().await?;
        Came::Done(format!("{}: {what}", line.username), password)
    } else {
        Came::Refused(StatusCode::CONFLICT, format!("{}: tidak ada yang berubah.", line.username))
    };
    shown(&app, &at, Some(came)).await
}

async fn carry_out(
    connection: &mut PgConnection,
    (line, act): (&PersonLine, &str),
    (hash, by): (&str, &str),
    at: Timestamp,
) -> Result<Option<&'static str>, Sorry> {
    let person = Person { person_id: line.person_id, username: line.username.clone(), role: line.role };
    let enabled = |on: bool| (&*line.username, on);
    Ok(match act {
        "matikan" => agents::set_enabled(connection, enabled(false), by, at).await?.map(|_| "dinonaktifkan."),
        "hidupkan" => agents::set_enabled(connection, enabled(true), by, at).await?.map(|_| "diaktifkan."),
        "keluarkan" => {
            agents::sign_out(connection, &person, by, at).await?;
            Some("keluar dari semua perangkat.")
        }
        "kode" => agents::reset_second_factor(connection, &person, by, at)
            .await?
            .then_some("kode dari ponsel diatur ulang; dipasang lagi saat masuk berikutnya."),
        "sandi" if line.enabled => {
            agents::reset_password(connection, &person, (hash, by), at).await?;
            Some("mendapat kata sandi baru, yang harus diganti saat masuk.")
        }
        "sandi" => None,
        _ => return Err(Sorry::absent()),
    })
}

/// Long enough, easy to read out.
fn password() -> Result<String, Sorry> {
    let secret = || agents::new_secret("").map_err(|_| Problem::internal());
    let random = format!("{}{}", secret()?, secret()?);
    let is_easy = |c: &char| c.is_ascii_lowercase() && !matches!(c, 'l' | 'o') || ('2'..='9').contains(c);
    let easy: Vec<char> = random.chars().filter(is_easy).take(12).collect();
    let groups: Vec<String> = easy.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

async fn hashed(password: String) -> Result<String, Sorry> {
    let hashed = tokio::task::spawn_blocking(move || agents::hash_password(&password)).await;
    Ok(hashed.ok().and_then(Result::ok).ok_or_else(Problem::internal)?)
}
