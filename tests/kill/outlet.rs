//! An outlet's program: what it sends, and what it does when an answer is lost.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How long an outlet tries to serve one citizen.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(25);

/// A vehicle that can be paid.
#[derive(Debug, Clone)]
pub struct Vehicle {
    pub plate: String,
    pub chassis: String,
}

/// An answer of a gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub replayed: bool,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    pub fn code(&self) -> &str {
        self.text("code")
    }

    pub fn state(&self) -> &str {
        self.text("state")
    }
}

/// What may be paid.
#[derive(Debug, Clone)]
pub struct Quote {
    pub lookup_id: String,
    pub total: i64,
}

/// How often something happened to one payment's requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    pub lost: usize,
    pub replayed: usize,
    pub in_progress: usize,
    pub unavailable: usize,
}

/// One key, and the last that was said about it.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub agent_code: String,
    pub key: String,
    pub plate: String,
    pub total: i64,
    pub said: Answer,
    pub seen: Seen,
}

/// An outlet.
#[derive(Debug, Clone)]
pub struct Outlet {
    pub code: String,
    key: String,
    http: reqwest::Client,
}

impl Outlet {
    pub fn new(code: String, key: String) -> Self {
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(21)).build().expect("a client");
        Self { code, key, http }
    }

    /// None when no whole answer came.
    pub async fn send(
        &self,
        method: Method,
        url: String,
        (key, body): (Option<&str>, &Value),
    ) -> Option<Answer> {
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let body = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        Some(Answer { status, replayed, body })
    }

    pub async fn asks(&self, gateway: &str, vehicle: &Vehicle) -> Option<Answer> {
        let body = json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis});
        self.send(Method::POST, format!("{gateway}/v1/lookups"), (None, &body)).await
    }

    /// Looks a payable vehicle up, again and again while an authority or the gateway fails.
    pub async fn looks_up(&self, gateway: &str, vehicle: &Vehicle) -> Quote {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            assert!(Instant::now() < deadline, "no quote for {}: {last:?}", vehicle.plate);
            if let Some(answer) = self.asks(gateway, vehicle).await {
                if answer.status == StatusCode::CREATED {
                    return Quote {
                        lookup_id: answer.text("lookup_id").to_owned(),
                        total: answer.body["total"].as_i64().expect("a total"),
                    };
                }
                last = Some(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn pays(&self, gateway: &str, key: &str, quote: &Quote) -> Option<Answer> {
        let body = json!({"lookup_id": quote.lookup_id, "amount": quote.total});
        self.send(Method::POST, format!("{gateway}/v1/payments"), (Some(key), &body)).await
    }

    /// Pays under one key until the gateway says how it stands: a lost answer is asked for again with the same key.
    pub async fn insists(&self, gateway: &str, key: &str, quote: &Quote) -> (Answer, Seen) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Seen::default();
        let mut last = None;
        loop {
            assert!(Instant::now() < deadline, "key {key}: no answer to keep; {seen:?}, the last {last:?}");
            match self.pays(gateway, key, quote).await {
                None => seen.lost += 1,
                Some(answer) if answer.code() == "IN_PROGRESS" => seen.in_progress += 1,
                Some(answer) if answer.status.is_server_error() => {
                    assert_eq!(answer.text("retry"), "same_key", "{answer:?}");
                    seen.unavailable += 1;
                    last = Some(answer);
                }
                Some(answer) => {
                    seen.replayed += usize::from(answer.replayed);
                    return (answer, seen);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Serves a citizen to a paper: after a refusal with a new quote and a new key.
    pub async fn serves(&self, gateway: &str, vehicle: &Vehicle) -> Vec<Attempt> {
        let mut attempts = vec![];
        while attempts.len() < 5 {
            let quote = self.looks_up(gateway, vehicle).await;
            let key = uuid::Uuid::now_v7().to_string();
            let (said, seen) = self.insists(gateway, &key, &quote).await;
            let ends = said.status.is_success();
            assert!(ends || said.status == StatusCode::UNPROCESSABLE_ENTITY, "{}: {said:?}", vehicle.plate);
            attempts.push(Attempt {
                agent_code: self.code.clone(),
                key,
                plate: vehicle.plate.clone(),
                total: quote.total,
                said,
                seen,
            });
            if ends {
                break;
            }
        }
        attempts
    }

    pub async fn float(&self, gateway: &str) -> (i64, i64) {
        let answer = self
            .send(Method::GET, format!("{gateway}/v1/float"), (None, &Value::Null))
            .await
            .expect("a float");
        (answer.body["available"].as_i64().unwrap(), answer.body["held"].as_i64().unwrap())
    }
}
