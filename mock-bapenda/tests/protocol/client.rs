//! A partner of both authorities: signs what it sends, checks what it gets.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use mock_bapenda::{Keys, Mock, Options, VehicleCase, generate_keys, start};
use serde_json::{Value, json};

pub(crate) const PARTNER: &str = "OPOP";
pub(crate) const SECRET: &str = "a secret between two";
pub(crate) const BAPENDA: &str = "BAPENDA";
pub(crate) const JASA_RAHARJA: &str = "JASA_RAHARJA";

/// A mock in a folder of its own, and the partner's end of the line.
pub(crate) struct Office {
    pub(crate) mock: Mock,
    pub(crate) keys: Keys,
    pub(crate) http: reqwest::Client,
    folder: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: Vec<u8>,
    pub(crate) timestamp: Option<DateTime<FixedOffset>>,
    pub(crate) signed: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// Status and code of a refusal, once its signature has been found good.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert!(self.signed, "an unsigned refusal: {self:?}");
        (self.status, self.code())
    }
}

pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    std::env::temp_dir().join(format!("mock-bapenda-{}-{number}", std::process::id()))
}

pub(crate) fn now() -> DateTime<FixedOffset> {
    DateTime::<Utc>::from(SystemTime::now()).with_timezone(&FixedOffset::east_opt(7 * 3600).unwrap())
}

pub(crate) fn today() -> String {
    now().date_naive().to_string()
}

pub(crate) fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("0198c0de-{:04x}-7000-8000-{number:012x}", std::process::id() & 0xffff)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

pub(crate) fn signature(method: &str, path: &str, body: &str, timestamp: &str) -> String {
    let text = format!("{method}:{path}:{}:{timestamp}", sha256(body.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA512, SECRET.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

pub(crate) fn prefix(host: &str) -> &'static str {
    if host == BAPENDA { "/bapenda/v1" } else { "/jasa-raharja/v1" }
}

fn bill_member(host: &str) -> &'static str {
    if host == BAPENDA { "bill_id" } else { "assessment_id" }
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::reopen(folder(), generate_keys()).await
    }

    async fn reopen(folder: PathBuf, keys: Keys) -> Self {
        let options = Options {
            seed: 20_261_124,
            data_dir: folder.clone(),
            partner_id: PARTNER.to_owned(),
            secret: SECRET.to_owned(),
            bapenda_key_pem: keys.bapenda_private_pem.clone(),
            jasa_raharja_key_pem: keys.jasa_raharja_private_pem.clone(),
            allow_faults: true,
            bapenda_listen: "127.0.0.1:0".parse().unwrap(),
            jasa_raharja_listen: "127.0.0.1:0".parse().unwrap(),
        };
        let mock = start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { mock, keys, http, folder }
    }

    /// The mock ends without notice and starts again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { mock, keys, folder, .. } = self;
        drop(mock);
        Self::reopen(folder, keys).await
    }

    pub(crate) async fn close(self) {
        self.mock.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    pub(crate) fn url(&self, host: &str) -> String {
        if host == BAPENDA { self.mock.bapenda_url() } else { self.mock.jasa_raharja_url() }
    }

    pub(crate) async fn post(&self, host: &str, path: &str, body: &Value) -> Answer {
        self.send(host, "POST", path, &body.to_string()).await.unwrap()
    }

    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        self.send(host, "GET", path, "").await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        host: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Answer, reqwest::Error> {
        let path = format!("{}{path}", prefix(host));
        let timestamp = now().to_rfc3339();
        let seal = signature(method, &path, body, &timestamp);
        self.send_as(host, (method, &path, body), (PARTNER, &timestamp, &seal)).await
    }

    pub(crate) async fn send_as(
        &self,
        host: &str,
        (method, path, body): (&str, &str, &str),
        (partner, timestamp, seal): (&str, &str, &str),
    ) -> Result<Answer, reqwest::Error> {
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.url(host)))
            .header("X-Partner-Id", partner)
            .header("X-Timestamp", timestamp)
            .header("X-Signature", seal)
            .body(body.to_owned());
        let response = request.send().await?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (timestamp, seal) = (header("x-timestamp"), header("x-signature"));
        let bytes = response.bytes().await?.to_vec();
        let text = format!("{status}:{path}:{}:{}:{timestamp}", sha256(body.as_bytes()), sha256(&bytes));
        let signed = self.is_signed(host, &text, &seal);
        let timestamp = DateTime::parse_from_rfc3339(&timestamp).ok();
        Ok(Answer { status, bytes, timestamp, signed })
    }

    fn is_signed(&self, host: &str, text: &str, seal: &str) -> bool {
        let pem =
            if host == BAPENDA { &self.keys.bapenda_public_pem } else { &self.keys.jasa_raharja_public_pem };
        let body: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
        let der = STANDARD.decode(body).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, &der[der.len() - 32..]);
        let Ok(seal) = STANDARD.decode(seal) else { return false };
        key.verify(text.as_bytes(), &seal).is_ok()
    }

    pub(crate) fn vehicle(&self, case: &str) -> VehicleCase {
        self.mock.vehicles(60).into_iter().find(|vehicle| vehicle.case == case).unwrap()
    }

    pub(crate) async fn ask(&self, host: &str, vehicle: &VehicleCase) -> Answer {
        let question = json!({
            "reference": uuid(),
            "plate": vehicle.plate,
            "chassis_last5": vehicle.chassis_last5,
            "as_of": today(),
        });
        self.post(host, "/inquiries", &question).await
    }

    /// A fresh order to pay what the host bills for the vehicle, good for a minute.
    pub(crate) async fn order(&self, host: &str, vehicle: &VehicleCase) -> Value {
        let answer = self.ask(host, vehicle).await;
        assert_eq!(answer.status, 200, "{vehicle:?} {answer:?}");
        order_for(host, &answer.json())
    }

    pub(crate) async fn pay(&self, host: &str, order: &Value) -> Answer {
        self.post(host, "/payments", order).await
    }

    pub(crate) async fn status(&self, host: &str, order: &Value) -> Answer {
        self.get(host, &format!("/payments/{}", order["reference"].as_str().unwrap())).await
    }

    pub(crate) async fn reverse(&self, host: &str, order: &Value, reversal_reference: &str) -> Answer {
        let path = format!("/payments/{}/reversal", order["reference"].as_str().unwrap());
        let body = json!({
            "reversal_reference": reversal_reference,
            "reason": "WRONG_VEHICLE",
            "requested_by": "ani",
            "approved_by": "budi",
        });
        self.post(host, &path, &body).await
    }

    /// Pays one vehicle after another, as many as asked for, and returns the orders.
    pub(crate) async fn pay_some(&self, host: &str, count: usize) -> Vec<Value> {
        let mut orders = Vec::new();
        for vehicle in self.mock.vehicles(count).iter().filter(|vehicle| vehicle.case == "PAYABLE") {
            let order = self.order(host, vehicle).await;
            assert_eq!(self.pay(host, &order).await.status, 200);
            orders.push(order);
        }
        orders
    }

    pub(crate) fn play(&self, rules: &Value) {
        self.mock.set_faults(json!({ "seed": 5, "rules": rules })).unwrap();
    }

    /// Plays one fault on every call of an operation.
    pub(crate) fn play_always(&self, operation: &str, fault: &str) {
        self.play(&json!([{ "host": "*", "operation": operation, "fault": fault }]));
    }

    pub(crate) fn play_fair(&self) {
        self.play(&json!([]));
    }

    /// How the mock's own book shows a payment.
    pub(crate) fn booked(&self, host: &str, order: &Value) -> Option<Value> {
        self.mock.book()[host].get(order["reference"].as_str().unwrap()).cloned()
    }
}

pub(crate) fn order_for(host: &str, bill: &Value) -> Value {
    json!({
        "reference": uuid(),
        bill_member(host): bill[bill_member(host)],
        "amount": bill["total"],
        "agent_code": "PSN-0042",
        "taken_at": now().to_rfc3339(),
        "not_after": in_seconds(60),
    })
}

pub(crate) fn in_seconds(seconds: i64) -> String {
    (now() + TimeDelta::seconds(seconds)).to_rfc3339()
}

/// The same JSON object with one member changed.
pub(crate) fn with(object: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut changed = object.clone();
    changed[member] = value.into();
    changed
}
