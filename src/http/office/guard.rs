//! Who may come in. A page that is not one's role's looks like one that does not exist.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Seat;
use crate::agents::{Person, Role};
use crate::http::App;
use crate::http::counter::{Anybody, Away};

/// An officer, an auditor or an admin who owes nothing.
pub(in crate::http) struct AtOffice(pub(super) Seat);

/// Who reads everything: officers and auditors.
pub(in crate::http) struct AsReader(pub(super) Seat);

/// Who proposes and approves: officers and admins.
pub(in crate::http) struct AsDecider(pub(super) Seat);

/// Bapenda's staff alone.
pub(in crate::http) struct AsOfficer(pub(super) Seat);

/// Who looks after people and outlets.
pub(in crate::http) struct AsAdmin(pub(super) Seat);

async fn seat_of(parts: &mut Parts, app: &App, roles: &[Role]) -> Result<Seat, Away> {
    let Anybody(seat) = Anybody::from_request_parts(parts, app).await?;
    if roles.contains(&seat.member().role) { Ok(seat) } else { Err(Away::Absent) }
}

macro_rules! lets_in {
    ($($guard:ident: $($role:ident)|+;)+) => {$(
        impl FromRequestParts<App> for $guard {
            type Rejection = Away;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
                seat_of(parts, app, &[$(Role::$role),+]).await.map(Self)
            }
        }
    )+};
}

lets_in! {
    AtOffice: Bapenda | Auditor | Admin;
    AsReader: Bapenda | Auditor;
    AsDecider: Bapenda | Admin;
    AsOfficer: Bapenda;
    AsAdmin: Admin;
}

/// As the audit log and proposals know who sits there.
pub(super) fn person(seat: &Seat) -> Person {
    seat.member().person()
}
