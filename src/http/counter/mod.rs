//! The counter: what a cashier sees. Indonesian pages, rendered here, that work without script. Signing in is here too,
//! also that of people who then go on to the office.
//!
//! Reading order: `guard` (who sits there), `form` (whether a form is ours), `sign_in`, `code`, `home`, `bill`, `pay`,
//! `outcome`; then the day: `drawer`, `float`, `topup`, `fees`, `supervisor`, `devices`.
//! Promises that every act goes through the same use cases as the API, in the name of the operator and for the operator's
//! outlet; that another outlet's object looks like none; that one quote has one key, so that whatever is sent again ends at
//! the same payment; and that no refusal is shown without what the citizen should do next. Never shows English, never puts
//! a plate into an address, never keeps a person waiting on a thread.

mod account;
mod asset;
mod bill;
mod code;
mod cookie;
mod devices;
mod drawer;
mod drawer_view;
mod fees;
mod float;
mod form;
mod guard;
mod home;
mod outcome;
mod paper;
mod pay;
mod refusal;
mod sign_in;
mod sorry;
mod supervisor;
mod topup;

pub(super) use account::{account, change_password, drop_pin, end_session, password_form, set_pin};
pub(super) use asset::{icon, script};
pub(super) use bill::{bill, confirmation, look_up};
pub(super) use code::{by_code, code_form, enrol, enrol_form, refusal as code_refusal};
pub(super) use devices::{admit, devices, remove, set_rule};
pub(super) use drawer::{close_drawer, move_cash, one_drawer, open_drawer, own_drawer};
pub(super) use fees::fees;
pub(super) use float::float;
pub(super) use form::Sent;
pub(super) use guard::{Anybody, Away, Seat};
pub(super) use home::{home, today, word as state_word};
pub(super) use outcome::{cancel, give_back, outcome, standing};
pub(super) use paper::paper;
pub(super) use pay::{fate, pay, withdraw};
pub(super) use sign_in::{by_password, by_pin, form as sign_in_form, sign_out};
pub(super) use sorry::Sorry;
pub(super) use supervisor::supervisor;
pub(super) use topup::{BODY_MAX as TOPUP_BODY_MAX, ask_topup, proof_file, topup_form, topup_proof};

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::problem::Problem;
use crate::agents::Role;

/// What a page of the counter may load: our own style, script and icon, nothing inline, nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// A page with its status.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            Problem::internal().into_response()
        }
    }
}

/// `303`: what was sent has been taken, look there.
pub(super) fn see(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// What every page of a signed-in person carries.
pub(super) struct Frame {
    pub(super) outlet: String,
    pub(super) agent_code: String,
    pub(super) operator: String,
    pub(super) role: Role,
    /// Proves that a form is ours.
    pub(super) csrf: String,
}

impl Frame {
    fn of(at: &guard::AtCounter) -> Self {
        Self::at(at.seat())
    }

    /// Of anybody, at an outlet or not.
    pub(super) fn at(seat: &Seat) -> Self {
        let member = seat.member();
        let outlet = member.outlet.as_ref();
        Self {
            outlet: outlet.map(|outlet| outlet.name.clone()).unwrap_or_default(),
            agent_code: outlet.map(|outlet| outlet.agent_code.clone()).unwrap_or_default(),
            operator: member.name().to_owned(),
            role: member.role,
            csrf: seat.csrf(),
        }
    }

    /// Has no outlet: an officer, an auditor, an admin.
    pub(super) const fn is_office(&self) -> bool {
        !self.role.is_at_outlet()
    }

    pub(super) fn is(&self, role: &str) -> bool {
        self.role.as_str() == role
    }
}

/// A role as people say it.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Kasir => "Kasir",
        Role::Penyelia => "Penyelia",
        Role::Bapenda => "Petugas Bapenda",
        Role::Auditor => "Auditor",
        Role::Admin => "Pengelola",
    }
}
