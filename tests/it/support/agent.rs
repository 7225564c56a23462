//! An outlet's program, or an officer's: what they send and what they read.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A vehicle that the mock knows.
#[derive(Debug, Clone)]
pub struct Vehicle {
    pub plate: String,
    pub chassis: String,
}

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn state(&self) -> &str {
        self.body["state"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.body["payment_id"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts that it is a whole problem (RFC 9457) of that status and code, with that word on retrying.
    pub fn is_problem(&self, status: u16, code: &str, retry: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{code}");
        assert_eq!(self.body["status"], status, "{code}");
        assert_eq!(self.body["retry"], retry, "{code}");
        assert_eq!(self.body["type"], format!("urn:samsat-opop:problem:{}", code.to_ascii_lowercase()));
        for member in ["title", "detail"] {
            assert!(self.body[member].as_str().is_some_and(|text| text.len() > 5), "{code}: {member}");
        }
        assert_eq!(self.header("cache-control"), Some("no-store"), "{code}");
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What may be paid.
#[derive(Debug, Clone)]
pub struct Quote {
    pub lookup_id: String,
    pub total: i64,
    pub body: Value,
}

impl Quote {
    /// What goes to one beneficiary.
    pub fn part(&self, beneficiary: &str) -> i64 {
        let lines = self.body["periods"].as_array().into_iter().flatten();
        let lines = lines.flat_map(|period| period["lines"].as_array().into_iter().flatten());
        let of = lines.filter(|line| line["beneficiary"] == beneficiary);
        of.map(|line| line["principal"].as_i64().unwrap_or(0) + line["penalty"].as_i64().unwrap_or(0)).sum()
    }

    pub fn fee(&self) -> i64 {
        self.body["fee"].as_i64().expect("a fee")
    }
}

/// Somebody with a credential.
#[derive(Debug, Clone)]
pub struct Client {
    pub base: String,
    pub credential: String,
    pub code: String,
    pub http: reqwest::Client,
}

impl Client {
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.credential);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a whole answer");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn asks(&self, vehicle: &Vehicle) -> Answer {
        let body = json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis});
        self.send(Method::POST, "/v1/lookups", &[], Some(&body)).await
    }

    /// Looks a vehicle up that can be paid.
    pub async fn looks_up(&self, vehicle: &Vehicle) -> Quote {
        let answer = self.asks(vehicle).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        Quote {
            lookup_id: answer.body["lookup_id"].as_str().expect("an id").to_owned(),
            total: answer.body["total"].as_i64().expect("a total"),
            body: answer.body,
        }
    }

    pub async fn pays_with(&self, key: &str, quote: &Quote) -> Answer {
        let body = json!({"lookup_id": quote.lookup_id, "amount": quote.total});
        self.send(Method::POST, "/v1/payments", &[("Idempotency-Key", key)], Some(&body)).await
    }

    /// Sends a payment as told, key and all.
    pub async fn sends_payment(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send(Method::POST, "/v1/payments", headers, Some(body)).await
    }

    /// Pays with a key of its own.
    pub async fn pays(&self, quote: &Quote) -> Answer {
        self.pays_with(&uuid::Uuid::now_v7().to_string(), quote).await
    }

    pub async fn reads(&self, payment_id: &str) -> Answer {
        self.get(&format!("/v1/payments/{payment_id}")).await
    }

    pub async fn cancels(&self, payment_id: &str) -> Answer {
        self.send(Method::POST, &format!("/v1/payments/{payment_id}/cancel"), &[], None).await
    }

    pub async fn float(&self) -> (i64, i64) {
        let answer = self.get("/v1/float").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        (answer.body["available"].as_i64().expect("available"), answer.body["held"].as_i64().expect("held"))
    }
}
