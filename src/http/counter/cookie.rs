//! Two cookies: the device's and the session's. Both `__Host-`: from this host alone, over TLS alone (browsers take them
//! from `localhost` without), out of reach of scripts.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

/// Which device this is: 400 days, the longest that browsers keep.
pub(super) const DEVICE: &str = "__Host-perangkat";
/// The sign-in: until the browser closes, or the session ends here.
pub(super) const SESSION: &str = "__Host-sesi";

const DEVICE_AGE_S: u32 = 34_560_000;
/// Longer than any value we give.
const VALUE_MAX: usize = 100;

/// The value of a cookie, if it looks like one of ours.
pub(super) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value)?;
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (plain && !value.is_empty() && value.len() <= VALUE_MAX).then(|| value.to_owned())
}

/// Adds the device's cookie to an answer.
pub(super) fn with_device(response: Response, secret: &str) -> Response {
    with(response, &format!("{DEVICE}={secret}; Max-Age={DEVICE_AGE_S}"))
}

/// Adds the session's cookie to an answer.
pub(super) fn with_session(response: Response, token: &str) -> Response {
    with(response, &format!("{SESSION}={token}"))
}

/// Takes the session's cookie away.
pub(super) fn without_session(response: Response) -> Response {
    with(response, &format!("{SESSION}=; Max-Age=0"))
}

fn with(mut response: Response, cookie: &str) -> Response {
    // Lax: a link from elsewhere finds the cashier signed in; a form from elsewhere brings no cookie.
    let cookie = format!("{cookie}; Path=/; Secure; HttpOnly; SameSite=Lax");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_value_like_ours_is_read() {
        let headers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            headers
        };
        let read = |text: &str| read(&headers(text), SESSION);
        assert_eq!(read("a=b; __Host-sesi=ses_A-1; c=d").as_deref(), Some("ses_A-1"));
        for text in ["__Host-sesi=", "__Host-sesi=a b", "x__Host-sesi=a", "__Host-sesi=a\"", "sesi=a"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("__Host-sesi={}", "a".repeat(101))), None);
    }
}
