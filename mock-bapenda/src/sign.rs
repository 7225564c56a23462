//! Authentication in both directions: HMAC-SHA512 on what comes in, Ed25519 on what goes out.
//!
//! Promises: a request's signature is compared in constant time; every answer is signed over its exact bytes.

use std::io;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Options;
use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::keys::private_key;

/// The protocol's limit of clock difference.
const DIFFERENCE_MAX_MS: i64 = 5 * 60_000;

/// What a request or an answer is about: the parts that stand in the signed text.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) method: String,
    /// Path with query.
    pub(crate) path: String,
    /// Lower-case hex SHA-256 of the request's body.
    pub(crate) body_sha256: String,
}

/// The three headers of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) partner_id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
}

#[derive(Debug)]
pub(crate) struct Signing {
    partner_id: String,
    secret: hmac::Key,
    keys: [Ed25519KeyPair; 2],
}

impl Signing {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        Ok(Self {
            partner_id: options.partner_id.clone(),
            secret: hmac::Key::new(hmac::HMAC_SHA512, options.secret.as_bytes()),
            keys: [private_key(&options.bapenda_key_pem)?, private_key(&options.jasa_raharja_key_pem)?],
        })
    }

    /// Whether the partner may ask this now. Times near the machine's clock are good even while the hosts' clock has
    /// been moved: moving it is how tests travel, not how a partner is locked out.
    pub(crate) fn admits(&self, subject: &Subject, shown: &Credentials, clock: &Clock) -> bool {
        let Some(sent_at) = Moment::parse(&shown.timestamp) else { return false };
        let near = |now: Moment| now.ms_since(sent_at).abs() <= DIFFERENCE_MAX_MS;
        let Ok(signature) = STANDARD.decode(&shown.signature) else { return false };
        let text = format!("{}:{}:{}:{}", subject.method, subject.path, subject.body_sha256, shown.timestamp);
        shown.partner_id == self.partner_id
            && (near(clock.now()) || near(Clock::real()))
            && hmac::verify(&self.secret, text.as_bytes(), &signature).is_ok()
    }

    /// The host's signature of an answer, in base64.
    pub(crate) fn answer(
        &self,
        host: Host,
        status: u16,
        subject: &Subject,
        (body, timestamp): (&[u8], &str),
    ) -> String {
        let text =
            format!("{status}:{}:{}:{}:{timestamp}", subject.path, subject.body_sha256, sha256_hex(body));
        let [bapenda, jasa_raharja] = &self.keys;
        let key = match host {
            Host::Bapenda => bapenda,
            Host::JasaRaharja => jasa_raharja,
        };
        STANDARD.encode(key.sign(text.as_bytes()))
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}
