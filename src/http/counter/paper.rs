//! `/bukti/{receipt_no}`: a Bukti Titip or Bukti Lunas to print. Each printing has its copy number.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::Sorry;
use super::form::Sent;
use super::guard::AtCounter;
use crate::http::App;
use crate::http::api::receipts::printed;
use crate::http::body::PageOf;
use crate::http::paper::{Form, Wanted};
use crate::paper::Width;
use crate::payment::Scope;

/// What comes out of which printer; without it a page of A5.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
enum Sheet {
    #[default]
    #[serde(rename = "a5")]
    A5,
    #[serde(rename = "80")]
    Mm80,
    #[serde(rename = "58")]
    Mm58,
    #[serde(rename = "pdf")]
    Pdf,
    #[serde(rename = "escpos-80")]
    EscPos80,
    #[serde(rename = "escpos-58")]
    EscPos58,
}

impl Sheet {
    const fn wanted(self) -> Wanted {
        let (form, width) = match self {
            Self::A5 => (Form::Html, Width::A5),
            Self::Mm80 => (Form::Html, Width::Mm80),
            Self::Mm58 => (Form::Html, Width::Mm58),
            Self::Pdf => (Form::Pdf, Width::A5),
            Self::EscPos80 => (Form::EscPos, Width::Mm80),
            Self::EscPos58 => (Form::EscPos, Width::Mm58),
        };
        Wanted { form, width: Some(width) }
    }
}

/// The form.
#[derive(Deserialize)]
pub(in crate::http) struct Asked {
    kertas: Option<Sheet>,
}

/// `POST /bukti/{receipt_no}`: counted as a copy, therefore no link.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn paper(
    State(app): State<App>,
    at: AtCounter,
    PageOf(receipt_no): PageOf<String>,
    Sent(asked): Sent<Asked>,
) -> Result<Response, Sorry> {
    let scope = Scope::Agent(at.session.operator.outlet.agent_id);
    let wanted = asked.kertas.unwrap_or_default().wanted();
    let mut response = printed(&app, scope, &receipt_no, wanted).await?.ok_or_else(Sorry::absent)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, super::POLICY);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
