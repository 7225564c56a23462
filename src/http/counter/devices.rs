//! `/perangkat`: the supervisor's devices, those that wait and those that are known.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::form::Sent;
use super::guard::AsSupervisor;
use super::{Frame, Sorry, page, see};
use crate::agents::{self, DeviceLine};
use crate::domain::{PersonId, wib_long};
use crate::http::App;

#[derive(Template)]
#[template(path = "counter/devices.html")]
struct DevicesPage {
    frame: Frame,
    /// New devices must be admitted.
    rule: bool,
    waiting: Vec<Line>,
    known: Vec<Line>,
}

struct Line {
    device: DeviceLine,
    since: String,
    seen_at: String,
}

impl Line {
    fn of(device: DeviceLine) -> Self {
        Self { since: wib_long(device.since), seen_at: wib_long(device.seen_at), device }
    }
}

/// `GET /perangkat`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn devices(
    State(app): State<App>,
    AsSupervisor(at): AsSupervisor,
) -> Result<Response, Sorry> {
    let outlet = at.session.operator.outlet.agent_id;
    let mut connection = app.db.requests.acquire().await?;
    let rule = agents::devices_admitted(&mut connection, outlet).await?;
    let all = agents::devices_of(&mut connection, outlet).await?;
    drop(connection);
    let (waiting, known): (Vec<_>, Vec<_>) = all.into_iter().map(Line::of).partition(|l| l.device.waits);
    Ok(page(StatusCode::OK, &DevicesPage { frame: Frame::of(&at), rule, waiting, known }))
}

/// Which device of which cashier.
#[derive(Deserialize)]
pub(in crate::http) struct Device {
    orang: String,
    perangkat: String,
}

/// `POST /perangkat/izin`: the cashier signs in once more, and is in.
///
/// # Errors
/// When no such device waits at this outlet; another outlet's looks like none.
pub(in crate::http) async fn admit(
    State(app): State<App>,
    AsSupervisor(at): AsSupervisor,
    Sent(form): Sent<Device>,
) -> Result<Response, Sorry> {
    let person: PersonId = form.orang.parse().map_err(|_| Sorry::absent())?;
    let mut transaction = app.db.requests.begin().await?;
    let device = (person, &*form.perangkat);
    if !agents::admit_device(&mut transaction, &at.session.operator, device, app.clock.now()).await? {
        return Err(Sorry::absent());
    }
    transaction.commit().await?;
    Ok(see("/perangkat"))
}

/// `POST /perangkat/hapus`: its sign-ins and its PIN end.
///
/// # Errors
/// When there is no such device at this outlet; another outlet's looks like none.
pub(in crate::http) async fn remove(
    State(app): State<App>,
    AsSupervisor(at): AsSupervisor,
    Sent(form): Sent<Device>,
) -> Result<Response, Sorry> {
    let person: PersonId = form.orang.parse().map_err(|_| Sorry::absent())?;
    let mut transaction = app.db.requests.begin().await?;
    let device = (person, &*form.perangkat);
    if !agents::remove_device(&mut transaction, &at.session.operator, device, app.clock.now()).await? {
        return Err(Sorry::absent());
    }
    transaction.commit().await?;
    Ok(see("/perangkat"))
}

/// Whether new devices must be admitted.
#[derive(Deserialize)]
pub(in crate::http) struct Rule {
    izin: Option<String>,
}

/// `POST /perangkat/aturan`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn set_rule(
    State(app): State<App>,
    AsSupervisor(at): AsSupervisor,
    Sent(form): Sent<Rule>,
) -> Result<Response, Sorry> {
    let operator = &at.session.operator;
    let rule = (form.izin.is_some(), &*operator.actor());
    let mut transaction = app.db.requests.begin().await?;
    agents::set_devices_admitted(&mut transaction, &operator.outlet, rule, app.clock.now()).await?;
    transaction.commit().await?;
    Ok(see("/perangkat"))
}
