//! What an officer proposes about a payment or a case. What rests on a fresh assessment or on a stored answer is proposed by
//! command.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::guard::{AsOfficer, person};
use super::proposals::said;
use super::{Sorry, cases, payments, see};
use crate::agents::{ProposalError, REFUSAL_MAX};
use crate::domain::{PaymentId, ProposalId};
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::counter::Sent;
use crate::payment::Decision;

/// The form's word for taking a confirmed payment back.
pub(super) const REVERSAL: &str = "reversal";

/// What is proposed, and why.
#[derive(Deserialize)]
pub(in crate::http) struct Proposed {
    keputusan: String,
    alasan: String,
}

/// Why it is to be closed.
#[derive(Deserialize)]
pub(in crate::http) struct Closing {
    alasan: String,
}

fn reason(text: &str) -> Result<&str, ProposalError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REFUSAL_MAX {
        return Err(ProposalError::Terms("REASON: a proposal says why".to_owned()));
    }
    Ok(text)
}

/// `POST /kantor/pembayaran/{payment_id}/usul`
///
/// # Errors
/// When there is no such payment, or the database fails.
pub(in crate::http) async fn propose_about_payment(
    State(app): State<App>,
    AsOfficer(at): AsOfficer,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Proposed>,
) -> Result<Response, Sorry> {
    let by = person(&at);
    let proposed = async {
        let reason = reason(&form.alasan)?;
        if form.keputusan == REVERSAL {
            return app.payments.propose_reversal(PaymentId(id), reason, &by).await;
        }
        let decision: Result<Decision, _> = serde_json::from_value(Value::String(form.keputusan.clone()));
        let decision = decision.ok().filter(|decision| *decision != Decision::Close);
        let decision = decision.ok_or_else(|| ProposalError::Terms("no such decision".to_owned()))?;
        app.payments.propose_resolution(id, decision, reason, &by).await
    };
    match came(proposed.await)? {
        Ok(proposal) => Ok(see(&format!("/kantor/usul/{proposal}"))),
        Err(why) => payments::shown(&app, &at, id, (StatusCode::UNPROCESSABLE_ENTITY, Some(why))).await,
    }
}

/// `POST /kantor/perkara/{case_id}/usul`
///
/// # Errors
/// When there is no such open case, or the database fails.
pub(in crate::http) async fn propose_to_close(
    State(app): State<App>,
    AsOfficer(at): AsOfficer,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Closing>,
) -> Result<Response, Sorry> {
    let by = person(&at);
    let proposed = async {
        let reason = reason(&form.alasan)?;
        app.payments.propose_resolution(id, Decision::Close, reason, &by).await
    };
    match came(proposed.await)? {
        Ok(proposal) => Ok(see(&format!("/kantor/usul/{proposal}"))),
        Err(why) => cases::shown(&app, &at, id, (StatusCode::UNPROCESSABLE_ENTITY, Some(why))).await,
    }
}

/// What came of a proposal: its id, or why not in words.
fn came(proposed: Result<ProposalId, ProposalError>) -> Result<Result<ProposalId, &'static str>, Sorry> {
    match proposed {
        Ok(id) => Ok(Ok(id)),
        Err(ProposalError::NotFound) => Err(Sorry::absent()),
        Err(ProposalError::Sql(error)) => Err(error.into()),
        Err(error) => Ok(Err(said(&error))),
    }
}
