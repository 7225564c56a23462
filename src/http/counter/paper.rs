//! `/bukti/{receipt_no}`: a Bukti Titip or Bukti Lunas to print. Each printing has its copy number.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::Sorry;
use super::guard::AtCounter;
use crate::http::App;
use crate::http::api::receipts::printed;
use crate::http::body::PathOf;
use crate::payment::Scope;

/// `POST /bukti/{receipt_no}`: counted as a copy, therefore no link.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn paper(
    State(app): State<App>,
    at: AtCounter,
    PathOf(receipt_no): PathOf<String>,
    super::form::Sent(super::sign_in::Nothing {}): super::form::Sent<super::sign_in::Nothing>,
) -> Result<Response, Sorry> {
    let scope = Scope::Agent(at.session.operator.outlet.agent_id);
    let mut response = printed(&app, scope, &receipt_no).await?.ok_or_else(Sorry::absent)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, super::POLICY);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
