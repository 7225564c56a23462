//! One call to one host: signed, bounded in time and size, its answer's signature checked, its words kept.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::breaker::{Breaker, Went};
use super::call::{Asked, Call, end_of_day, root_cause, signed_head};
use super::host_clock::HostClock;
use super::sign::{InvalidKey, PublicKey, answer_text, request_signature, sha256_hex};
use crate::config;
use crate::domain::{Authority, Clock, EvidenceId, Timestamp, rfc3339_wib};

/// What is asked of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own words")]
pub enum Operation {
    Inquiry,
    Payment,
    Status,
    Reversal,
    Settlement,
}

impl Operation {
    /// The word in evidence, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Payment => "payment",
            Self::Status => "status",
            Self::Reversal => "reversal",
            Self::Settlement => "settlement",
        }
    }

    /// The operation of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Inquiry, Self::Payment, Self::Status, Self::Reversal, Self::Settlement]
            .into_iter()
            .find(|operation| operation.as_str() == word)
    }
}

/// What a host said, byte for byte, with what its signature covers.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of the table `evidence`")]
pub struct Evidence {
    pub id: EvidenceId,
    pub authority: Authority,
    pub operation: Operation,
    pub reference: Option<Uuid>,
    pub status: u16,
    pub path: String,
    pub request_sha256: String,
    pub body: Vec<u8>,
    pub host_timestamp: String,
    pub signature: String,
    pub received_at: Timestamp,
}

/// A signed answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Host time of the answer, when it can be believed.
    pub(crate) host_time: Option<DateTime<Utc>>,
    pub(crate) evidence: Evidence,
}

impl Answer {
    /// The `code` of a refusal.
    pub(crate) fn code(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Refusal {
            code: String,
        }
        let refusal: Refusal = serde_json::from_slice(&self.evidence.body).ok()?;
        let shaped = (1..=64).contains(&refusal.code.len())
            && refusal.code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        shaped.then_some(refusal.code)
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Provably no byte left this machine.
    NotSent(String),
    /// Sent or maybe sent; nothing usable came back.
    Silent(String),
    /// The host says that it is closing its day. Unsigned perhaps: good for a message, never for an outcome.
    EndOfDay(Option<DateTime<Utc>>),
    /// A signed answer.
    Answered(Box<Answer>),
}

/// One authority's host.
#[derive(Debug)]
pub struct Host {
    authority: Authority,
    base: reqwest::Url,
    partner_id: String,
    secret: SecretString,
    key: PublicKey,
    client: reqwest::Client,
    clock: HostClock,
    own_clock: Clock,
    breaker: Breaker,
    closing_until: Mutex<Option<Timestamp>>,
    body_max: usize,
    pub(super) settlement_max: u64,
    pub(super) settlement_within: Duration,
}

/// The client of all hosts: it follows nothing, repeats nothing, uses no proxy.
pub(crate) fn client(config: &config::Upstream) -> Result<reqwest::Client, InvalidKey> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .timeout(Duration::from_millis(config.total_timeout_ms))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(64)
        .pool_idle_timeout(Duration::from_secs(20))
        .build()
        .map_err(|e| InvalidKey(e.to_string()))
}

impl Host {
    pub(crate) fn new(
        config: &config::Upstream,
        authority: Authority,
        client: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, InvalidKey> {
        let host = config.host(authority);
        Ok(Self {
            authority,
            base: reqwest::Url::parse(host.url.trim_end_matches('/'))
                .map_err(|e| InvalidKey(format!("url of {authority}: {e}")))?,
            partner_id: config.partner_id.clone(),
            secret: config.secret.clone(),
            key: PublicKey::from_pem(&host.public_key_pem)?,
            client,
            clock: HostClock::new(clock.clone()),
            own_clock: clock,
            breaker: Breaker::default(),
            closing_until: Mutex::new(None),
            body_max: config.body_max_bytes,
            settlement_max: config.settlement_max_bytes,
            settlement_within: Duration::from_millis(config.settlement_timeout_ms),
        })
    }

    /// Whose host.
    #[must_use]
    pub const fn authority(&self) -> Authority {
        self.authority
    }

    /// The key that its answers are checked with.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// True when this host signed that answer.
    pub(crate) fn has_signed(&self, kept: &Evidence) -> bool {
        let text =
            answer_text(kept.status, &kept.path, &kept.request_sha256, &kept.body, &kept.host_timestamp);
        kept.authority == self.authority && self.key.verifies(text.as_bytes(), &kept.signature)
    }

    /// True when this host signed an answer whose body has that hash.
    pub(super) fn has_signed_hash(&self, asked: &Asked, body_sha256: &str, head: (&str, &str)) -> bool {
        let (host_timestamp, signature) = head;
        let text = format!("200:{}:{}:{body_sha256}:{host_timestamp}", asked.path, asked.request_sha256);
        self.key.verifies(text.as_bytes(), signature)
    }

    /// Its breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// True while it has said that it is closing its day.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        let until = *self.closing_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        until.is_some_and(|until| self.now() < until)
    }

    /// Remembers an announced closing, at most a quarter of an hour: the announcement need not be signed.
    fn heard_of_closing(&self, until: Option<Timestamp>) {
        let now = self.now();
        let latest = now + chrono::TimeDelta::minutes(15);
        let until = until.map_or(now + chrono::TimeDelta::minutes(1), |until| until.min(latest));
        *self.closing_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(until);
    }

    fn heard_of_opening(&self) {
        *self.closing_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    /// Its time now, by its last signed answer.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn get(&self, operation: Operation, path: &str, about: Option<Uuid>) -> Reply {
        self.call(Call { operation, method: "GET", path, body: Vec::new(), about }).await
    }

    pub(crate) async fn post(
        &self,
        operation: Operation,
        path: &str,
        body: &impl serde::Serialize,
        about: Option<Uuid>,
    ) -> Reply {
        match serde_json::to_vec(body) {
            Ok(body) => self.call(Call { operation, method: "POST", path, body, about }).await,
            Err(e) => Reply::NotSent(e.to_string()),
        }
    }

    async fn call(&self, call: Call<'_>) -> Reply {
        let (operation, about) = (call.operation, call.about);
        let began = std::time::Instant::now();
        self.breaker.calls();
        let reply = self.exchange(call).await;
        self.note(operation, about, began, &reply);
        reply
    }

    /// What a call tells of the host, to the breaker, the metrics and the log.
    pub(super) fn note(
        &self,
        operation: Operation,
        about: Option<Uuid>,
        began: std::time::Instant,
        reply: &Reply,
    ) {
        let outcome = match reply {
            Reply::NotSent(_) => "not_sent",
            Reply::Silent(_) => "silent",
            Reply::EndOfDay(_) => "end_of_day",
            Reply::Answered(_) => "answered",
        };
        self.learn(operation, reply);
        self.measured(operation, outcome, began);
        if let Reply::NotSent(why) | Reply::Silent(why) = reply {
            tracing::warn!(host = self.authority.as_str(), operation = operation.as_str(), outcome, why, reference = ?about, "no answer from a host");
        }
    }

    /// A whole answer that was taken in piece by piece.
    pub(super) fn noted_whole(&self, operation: Operation, began: std::time::Instant) {
        self.breaker.saw(Went::Answered);
        self.measured(operation, "answered", began);
    }

    fn measured(&self, operation: Operation, outcome: &'static str, began: std::time::Instant) {
        let labels =
            [("host", self.authority.as_str()), ("operation", operation.as_str()), ("outcome", outcome)];
        metrics::histogram!("upstream_seconds", &labels).record(began.elapsed());
    }

    /// The time of a signed answer, when it can be believed.
    pub(super) fn hears(
        &self,
        host_timestamp: &str,
        asked: &Asked,
    ) -> Result<Option<DateTime<Utc>>, chrono::ParseError> {
        let at = DateTime::parse_from_rfc3339(host_timestamp)?.with_timezone(&Utc);
        Ok(self.clock.hear(at, asked.began.elapsed()).then_some(at))
    }

    /// What a reply says of the host itself.
    fn learn(&self, operation: Operation, reply: &Reply) {
        match reply {
            Reply::NotSent(_) => self.breaker.saw(Went::NotConnected),
            Reply::Silent(_) => self.breaker.saw(Went::NoAnswer),
            Reply::EndOfDay(until) => {
                self.breaker.saw(Went::Answered);
                self.heard_of_closing(*until);
            }
            Reply::Answered(_) => {
                self.breaker.saw(Went::Answered);
                if matches!(operation, Operation::Inquiry | Operation::Payment) {
                    self.heard_of_opening();
                }
            }
        }
    }

    async fn exchange(&self, call: Call<'_>) -> Reply {
        match self.send(call, None).await {
            Ok((response, asked)) => self.read(response, asked).await,
            Err(reply) => reply,
        }
    }

    /// Asks; the answer's head is there, its body not yet. `within` takes the place of the client's total deadline.
    pub(super) async fn send(
        &self,
        call: Call<'_>,
        within: Option<Duration>,
    ) -> Result<(reqwest::Response, Asked), Reply> {
        let Call { operation, method, path, body, about } = call;
        let Ok(url) = reqwest::Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')))
        else {
            return Err(Reply::NotSent("no address".to_owned()));
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let timestamp = rfc3339_wib(self.clock.now());
        let signature =
            request_signature(self.secret.expose_secret().as_bytes(), method, &target, &body, &timestamp);
        let request_sha256 = sha256_hex(&body);
        let began = std::time::Instant::now();
        let request = if method == "GET" { self.client.get(url) } else { self.client.post(url) };
        let request = request
            .header("X-Partner-Id", &self.partner_id)
            .header("X-Timestamp", timestamp)
            .header("X-Signature", signature)
            .header("Content-Type", "application/json")
            .body(body);
        let request = match within {
            Some(within) => request.timeout(within),
            None => request,
        };
        match request.send().await {
            Ok(response) => {
                Ok((response, Asked { operation, path: target, request_sha256, reference: about, began }))
            }
            // Only a connection that was never made proves that nothing left.
            Err(e) if e.is_connect() || e.is_builder() => Err(Reply::NotSent(root_cause(&e))),
            Err(e) => Err(Reply::Silent(root_cause(&e))),
        }
    }

    pub(super) async fn read(&self, mut response: reqwest::Response, asked: Asked) -> Reply {
        let status = response.status().as_u16();
        let (host_timestamp, signature) = signed_head(&response);
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.body_max => {
                    return Reply::Silent("answer too large".to_owned());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(e) => return Reply::Silent(root_cause(&e)),
            }
        }
        if status == 503
            && let Some(until) = end_of_day(&body)
        {
            return Reply::EndOfDay(until.0);
        }
        if !(200..300).contains(&status) && !(400..500).contains(&status) {
            return Reply::Silent(format!("status {status}"));
        }
        let text = answer_text(status, &asked.path, &asked.request_sha256, &body, &host_timestamp);
        if !self.key.verifies(text.as_bytes(), &signature) {
            return Reply::Silent(format!("status {status} without a valid signature"));
        }
        let Ok(host_time) = self.hears(&host_timestamp, &asked) else {
            return Reply::Silent("X-Timestamp is no time".to_owned());
        };
        let evidence = Evidence {
            id: EvidenceId::new(),
            authority: self.authority,
            operation: asked.operation,
            reference: asked.reference,
            status,
            path: asked.path,
            request_sha256: asked.request_sha256,
            body,
            host_timestamp,
            signature,
            received_at: self.own_clock.now(),
        };
        Reply::Answered(Box::new(Answer { status, host_time, evidence }))
    }
}
