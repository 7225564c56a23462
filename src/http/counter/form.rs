//! Forms: believed only when a page of ours sent them.
//!
//! Two defences that share nothing: the browser's own word on where a form comes from (`Sec-Fetch-Site`, else `Origin`),
//! and a token that only a page of ours can know. Cookies that are `SameSite=Lax` are the third.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Sorry;
use super::cookie;
use crate::agents::form_token;
use crate::http::App;
use crate::http::problem::{Problem, Retry};

/// A form of that shape, from a page of ours. Members are text; absent ones are `None` where the shape allows it.
pub(in crate::http) struct Sent<T>(pub(in crate::http) T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Sorry;

    async fn from_request(request: Request, app: &App) -> Result<Self, Sorry> {
        let headers = request.headers().clone();
        if !from_here(&headers, &app.config.public_url()) {
            return Err(stale());
        }
        let Form(pairs): Form<Vec<(String, String)>> =
            Form::from_request(request, app).await.map_err(|e| {
                Problem::new(e.status(), "BAD_REQUEST", Retry::Never, "the form did not arrive whole")
            })?;
        let members: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let token = members.get("csrf").and_then(Value::as_str).unwrap_or_default();
        if !carries_ours(&headers, token) {
            return Err(stale());
        }
        if members.iter().any(|(name, value)| name.contains('\0') || value.as_str().is_some_and(has_nul)) {
            return Err(Problem::bad_request("text must not hold a NUL character").into());
        }
        serde_json::from_value(Value::Object(members))
            .map(Self)
            .map_err(|_| Problem::bad_request("a field of the form is missing").into())
    }
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

/// True when a page of ours gave that token. One for who is not signed in carries the device's.
pub(super) fn carries_ours(headers: &HeaderMap, token: &str) -> bool {
    let secrets =
        [cookie::SESSION, cookie::DEVICE].into_iter().filter_map(|name| cookie::read(headers, name));
    secrets.map(|secret| form_token(&secret)).any(|ours| same(&ours, token))
}

fn same(ours: &str, theirs: &str) -> bool {
    verify_slices_are_equal(ours.as_bytes(), theirs.as_bytes()).is_ok()
}

pub(super) fn stale() -> Sorry {
    Problem::new(
        StatusCode::FORBIDDEN,
        "FORM_STALE",
        Retry::Never,
        "this form was not sent by a page of ours",
    )
    .into()
}

/// What the browser says about where a form comes from. One that says nothing must know the token.
pub(super) fn from_here(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let host = text(header::HOST).unwrap_or_default();
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    origin == public_url || (!authority.is_empty() && authority == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "samsat.example".parse().unwrap());
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        from_here(&headers, "https://public.example")
    }

    #[test]
    fn a_form_from_elsewhere_is_known_by_what_the_browser_says() {
        assert!(said(&[("sec-fetch-site", "same-origin"), ("origin", "https://samsat.example")]));
        assert!(said(&[("origin", "https://samsat.example")]));
        assert!(said(&[("origin", "https://public.example")]));
        assert!(said(&[]), "then the token decides");
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "https://samsat.example.evil"),
        ] {
            assert!(!said(&[(name, value)]), "{name}: {value}");
        }
    }
}
