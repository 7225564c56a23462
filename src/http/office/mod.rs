//! The office: what officers of Bapenda, auditors and admins see. Indonesian pages, without script, after the same sign-in
//! as the counter's, with a second factor.
//!
//! Reading order: `guard` (who may come in), `home`, then a file a subject. Promises that each reading of a payment, a
//! receipt, a night or a trail is an audit event before it is shown, as in the API; that an act of consequence asks for a
//! code again; and that a page which is not one's role's looks like none. Never puts a plate into an address, never decides
//! what a use case decides: whether two people are two, `agents` and the database say.

mod cases;
mod guard;
mod home;
mod outlets;
mod payments;
mod people;
mod proposals;
mod propose;
mod reconciliations;
mod topups;
mod trail;

pub(super) use cases::{case, cases};
pub(super) use home::home;
pub(super) use outlets::outlets;
pub(super) use payments::{payment, search, search_form};
pub(super) use people::{act as act_on_person, add as add_person, people};
pub(super) use proposals::{approve, proposal, proposals, refuse};
pub(super) use propose::{propose_about_payment, propose_to_close};
pub(super) use reconciliations::{
    export as export_reconciliation, export_minutes, export_workbook, reconciliation, reconciliations,
};
pub(super) use topups::{decline_topup, propose_topup, topup, topup_proof, topups};
pub(super) use trail::{trail, trail_form};

use super::counter::{Frame, Seat, Sorry, code_refusal, page, role_name, see};
use crate::domain::{BusinessDate, Timestamp, wib_long};

/// A moment that the API has written, as people read it.
fn moment(rfc3339: &str) -> String {
    let at = chrono::DateTime::parse_from_rfc3339(rfc3339);
    at.map_or_else(|_| rfc3339.to_owned(), |at: chrono::DateTime<_>| wib_long(at.to_utc()))
}

fn told(at: Timestamp) -> String {
    wib_long(at)
}

/// A date of a form; an empty field is none.
fn date_of(text: Option<&str>) -> Result<Option<BusinessDate>, Sorry> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(BusinessDate::parse).transpose().map_err(|_| Sorry::absent())
}
