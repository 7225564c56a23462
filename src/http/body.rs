//! Request bodies, keys and cursors, parsed once at the edge.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::App;
use super::counter::Sorry;
use super::problem::{Problem, Retry};

/// The same request with a body that must have arrived within that time: bytes that drip hold no connection for ever.
pub(super) fn in_time(request: Request, limit: Duration) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let deadline = Instant::now() + limit;
    request.map(|body| {
        Body::from_stream(stream::unfold(body.into_data_stream(), move |mut body| async move {
            match timeout_at(deadline, body.next()).await {
                Ok(piece) => piece.map(|piece| (piece, body)),
                Err(late) => Some((Err(axum::Error::new(late)), body)),
            }
        }))
    })
}

/// A JSON object of that shape, never an array of its members; unknown members are refused by the shape itself.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let json =
            request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(is_json);
        let bytes = Bytes::from_request(request, app).await.map_err(|e| {
            if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(
                    e.status(),
                    "BODY_TOO_LARGE",
                    Retry::Never,
                    "the body is larger than this gateway reads",
                )
            } else {
                Problem::bad_request("the body did not arrive whole and in time")
            }
        })?;
        if !json {
            return Err(Problem::bad_request("Content-Type must be application/json"));
        }
        let unfit = |e: serde_json::Error| Problem::bad_request(format!("the body does not fit: {e}"));
        let members: Value = serde_json::from_slice(&bytes).map_err(unfit)?;
        if !members.is_object() {
            return Err(Problem::bad_request("the body must be a JSON object"));
        }
        if holds_nul(&members) {
            return Err(Problem::bad_request("text must not hold a NUL character"));
        }
        // From the bytes again: a member that stands twice is refused by the shape, and only there.
        serde_json::from_slice(&bytes).map(Self).map_err(unfit)
    }
}

/// True when a text in it holds U+0000, which no column of the database can.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A query string of that shape.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(query)| Self(query)).map_err(|e| Problem::bad_request(e.body_text()))
    }
}

/// A path parameter; one that does not parse names nothing.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(path)| Self(path)).map_err(|_| Problem::not_found())
    }
}

/// A path parameter of a page; one that does not parse looks like one that names nothing.
#[derive(Debug)]
pub(super) struct PageOf<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for PageOf<T> {
    type Rejection = Sorry;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Sorry> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(path)| Self(path)).map_err(|_| Sorry::absent())
    }
}

/// The query string of a page; one that does not fit is told in the words of a form that does not.
#[derive(Debug)]
pub(super) struct AskedOf<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for AskedOf<T> {
    type Rejection = Sorry;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Sorry> {
        let QueryOf(query) = QueryOf::<T>::from_request_parts(parts, app).await?;
        Ok(Self(query))
    }
}

/// `Idempotency-Key` (IETF draft 07): quoted or bare, 1–255 printable ASCII characters.
///
/// # Errors
/// `400 KEY_MISSING` without one, `400 BAD_REQUEST` for two or a malformed one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "KEY_MISSING",
            Retry::NewKey,
            "every call that moves money needs an Idempotency-Key",
        )
    };
    let malformed = || Problem::bad_request("Idempotency-Key must be 1–255 printable ASCII characters, once");
    let mut values = headers.get_all("idempotency-key").iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(malformed)?,
        None => text.to_owned(),
    };
    if key.is_empty() {
        return Err(missing());
    }
    let printable = key.bytes().all(|b| (0x20..0x7f).contains(&b));
    if printable && key.len() <= 255 { Ok(key) } else { Err(malformed()) }
}

/// The inside of a structured-field string (RFC 8941 section 3.3.3), its opening quote already taken.
fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_suffix('"')?;
    let mut key = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return None,
            },
            '"' => return None,
            c => key.push(c),
        }
    }
    Some(key)
}

/// Most items of one page.
pub(super) const PAGE_MAX: i64 = 100;

/// The page size asked for, within 1–100; 50 by default.
///
/// # Errors
/// `400 BAD_REQUEST` outside 1–100.
pub(super) fn page(limit: Option<i64>) -> Result<i64, Problem> {
    match limit {
        None => Ok(50),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::bad_request("limit must be 1–100")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str) -> Result<String, ()> {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", value.parse().unwrap());
        idempotency_key(&headers).map_err(drop)
    }

    #[test]
    fn a_key_may_be_quoted_or_bare() {
        assert_eq!(key("8e03978e-40d5").as_deref(), Ok("8e03978e-40d5"));
        assert_eq!(key("\"8e03978e-40d5\"").as_deref(), Ok("8e03978e-40d5"));
        assert_eq!(key(r#""a\"b\\c""#).as_deref(), Ok("a\"b\\c"));
    }

    #[test]
    fn a_key_that_is_empty_long_or_half_quoted_is_refused() {
        for value in ["", "\"\"", "\"abc", r#""a\bc""#, &"k".repeat(256)] {
            assert_eq!(key(value), Err(()), "{value}");
        }
        assert!(idempotency_key(&HeaderMap::new()).is_err());
    }
}
