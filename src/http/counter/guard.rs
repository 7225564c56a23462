//! Who sits there: at the counter, at the office, or half way in. What is still owed is asked for first, in this order: the
//! second factor, a password of one's own.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Sorry;
use super::{cookie, see};
use crate::agents::{Member, Role, SecondFactor, Session, SignIn, Visitor, form_token};
use crate::http::App;
use crate::http::serve::Peer;

/// A living sign-in with the cookies that it came with.
pub(in crate::http) struct Seat {
    pub(in crate::http) sign_in: SignIn,
    pub(super) device: String,
    token: String,
}

impl Seat {
    /// What forms must carry.
    pub(in crate::http) fn csrf(&self) -> String {
        form_token(&self.token)
    }

    /// The token of this very session, which a new one replaces.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whose.
    pub(in crate::http) const fn member(&self) -> &Member {
        &self.sign_in.member
    }
}

/// Whoever has given a right password, whatever is still owed.
pub(in crate::http) struct Halfway(pub(super) Seat);

/// Whoever may still have to change the password, and owes nothing else.
pub(in crate::http) struct Anyhow(pub(super) Seat);

/// Anybody who owes nothing.
pub(in crate::http) struct Anybody(pub(in crate::http) Seat);

/// An operator whose session lives and who may go on.
pub(in crate::http) struct AtCounter {
    pub(super) session: Session,
    seat: Seat,
}

impl AtCounter {
    pub(super) const fn seat(&self) -> &Seat {
        &self.seat
    }
}

/// The supervisor of an outlet; to its cashiers the page does not exist.
pub(in crate::http) struct AsSupervisor(pub(super) AtCounter);

/// Why nobody is there.
pub(in crate::http) enum Away {
    SignedOut,
    CodeOwed,
    SecondFactorToSet,
    MustChangePassword,
    /// Somebody of the office at a counter's page.
    AtOffice,
    Absent,
    Broken(Response),
}

impl FromRequestParts<App> for Halfway {
    type Rejection = Away;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
        // What a page asks by itself is no act of the person.
        let by_itself = parts.uri.query().is_some_and(|query| query.contains("sendiri=ya"));
        let is_act = !by_itself && !parts.uri.path().ends_with("/keadaan");
        seat(&parts.headers, app, is_act).await.map(Self)
    }
}

impl FromRequestParts<App> for Anyhow {
    type Rejection = Away;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
        let Halfway(seat) = Halfway::from_request_parts(parts, app).await?;
        match seat.sign_in.second_factor {
            SecondFactor::NotNeeded | SecondFactor::Given => Ok(Self(seat)),
            SecondFactor::Asked => Err(Away::CodeOwed),
            SecondFactor::ToSet => Err(Away::SecondFactorToSet),
        }
    }
}

impl FromRequestParts<App> for Anybody {
    type Rejection = Away;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
        let Anyhow(seat) = Anyhow::from_request_parts(parts, app).await?;
        if seat.sign_in.must_change_password { Err(Away::MustChangePassword) } else { Ok(Self(seat)) }
    }
}

impl FromRequestParts<App> for AtCounter {
    type Rejection = Away;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
        let Anybody(seat) = Anybody::from_request_parts(parts, app).await?;
        let session = seat.sign_in.at_outlet().ok_or(Away::AtOffice)?;
        Ok(Self { session, seat })
    }
}

impl FromRequestParts<App> for AsSupervisor {
    type Rejection = Away;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Away> {
        let at = AtCounter::from_request_parts(parts, app).await?;
        if at.session.operator.role == Role::Penyelia { Ok(Self(at)) } else { Err(Away::Absent) }
    }
}

async fn seat(headers: &HeaderMap, app: &App, is_act: bool) -> Result<Seat, Away> {
    let token = cookie::read(headers, cookie::SESSION).ok_or(Away::SignedOut)?;
    let device = cookie::read(headers, cookie::DEVICE).ok_or(Away::SignedOut)?;
    match app.sign_ins.session(&token, is_act).await {
        Ok(Some(sign_in)) => Ok(Seat { sign_in, device, token }),
        Ok(None) => Err(Away::SignedOut),
        Err(error) => Err(Away::Broken(Sorry::from(error).into_response())),
    }
}

impl IntoResponse for Away {
    fn into_response(self) -> Response {
        match self {
            Self::SignedOut => see("/masuk"),
            Self::CodeOwed => see("/kode"),
            Self::SecondFactorToSet => see("/kode/pasang"),
            Self::MustChangePassword => see("/sandi"),
            Self::AtOffice => see("/kantor"),
            Self::Absent => Sorry::absent().into_response(),
            Self::Broken(response) => response,
        }
    }
}

/// Who knocks, before anybody is signed in. Without a device's cookie there is none yet.
pub(in crate::http) struct Knock {
    pub(super) device: Option<String>,
    pub(super) session: Option<String>,
    pub(super) address: IpAddr,
    pub(super) device_name: String,
}

impl FromRequestParts<App> for Knock {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        Ok(Self {
            device: cookie::read(&parts.headers, cookie::DEVICE),
            session: cookie::read(&parts.headers, cookie::SESSION),
            address: address(parts, app.config.http.behind_proxy),
            device_name: device_name(agent),
        })
    }
}

impl Knock {
    /// The visitor that a device's secret makes of it.
    pub(super) fn visitor(&self, device: &str) -> Visitor {
        Visitor {
            device: device.to_owned(),
            device_name: self.device_name.clone(),
            address: self.address,
            replaces: self.session.clone(),
        }
    }
}

/// Where a request comes from: the proxy's word where there is one before us, else the peer.
fn address(parts: &Parts, behind_proxy: bool) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    if !behind_proxy {
        return peer;
    }
    let mut said = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    // The proxy appends: only the last address is its own observation.
    let last = said.next_back().and_then(|value| value.rsplit(',').next());
    last.and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
}

/// A browser in words, for the list of sign-ins: `Chrome di Android`.
fn device_name(user_agent: &str) -> String {
    let find = |known: &[(&str, &'static str)], other: &'static str| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map_or(other, |(_, name)| *name)
    };
    let browser = find(
        &[
            ("Edg/", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ],
        "Peramban",
    );
    let system = find(
        &[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS", "Mac"),
            ("Linux", "Linux"),
        ],
        "perangkat lain",
    );
    format!("{browser} di {system}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_know_it() {
        let phone = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36";
        assert_eq!(device_name(phone), "Chrome di Android");
        assert_eq!(device_name("curl/8"), "Peramban di perangkat lain");
    }

    #[test]
    fn the_last_address_that_a_proxy_appends_is_believed_and_none_without_a_proxy() {
        let (mut parts, ()) = axum::http::Request::builder()
            .header("x-forwarded-for", "1.1.1.1, 10.0.0.9")
            .body(())
            .unwrap()
            .into_parts();
        parts.extensions.insert(Peer(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(address(&parts, true), IpAddr::from([10, 0, 0, 9]));
        assert_eq!(address(&parts, false), IpAddr::from([127, 0, 0, 1]));
    }
}
