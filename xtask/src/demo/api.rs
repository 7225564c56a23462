//! The gateway's API as a cashier's program sees it: an answer, or none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, Method, Response};
use serde_json::Value;

/// Longer than the 20 s that the gateway promises.
const ANSWER: Duration = Duration::from_secs(25);

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Retry-After`, when it names seconds.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Value,
}

impl Answer {
    /// A member of the body as text, empty when it is none.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// The problem's code, or the status when the body has none.
    pub(crate) fn code(&self) -> String {
        let code = self.text("code");
        if code.is_empty() { format!("HTTP_{}", self.status) } else { code.to_owned() }
    }
}

/// One cashier's way to the gateways: the next one is tried when one does not answer.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    urls: Vec<String>,
    token: String,
    current: AtomicUsize,
}

impl Api {
    /// For the outlet that owns `api_key`, beginning with the gateway number `first`.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub(crate) fn new(urls: &[String], api_key: &str, first: usize) -> Result<Self> {
        Ok(Self {
            client: client(ANSWER)?,
            urls: urls.to_vec(),
            token: api_key.to_owned(),
            current: AtomicUsize::new(first),
        })
    }

    /// The outlet's key.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Sends a body; `key` makes it safe to send again. `None` when the answer was lost.
    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        self.send(Method::POST, path, key, Some(body)).await
    }

    /// Reads. `None` when the answer was lost.
    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        self.send(Method::GET, path, None, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let current = self.current.load(Ordering::Relaxed);
        let url = self.urls.get(current % self.urls.len())?;
        let mut request = self.client.request(method, format!("{url}{path}")).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let Ok(response) = request.send().await else {
            self.current.store(current.wrapping_add(1), Ordering::Relaxed);
            return None;
        };
        read(response).await
    }
}

/// A client that never goes through a proxy: it speaks to this machine only.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn client(timeout: Duration) -> Result<Client> {
    Client::builder().no_proxy().timeout(timeout).build().context("cannot build an HTTP client")
}

async fn read(response: Response) -> Option<Answer> {
    let status = response.status().as_u16();
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let body = response.bytes().await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Answer { status, retry_after, body })
}
