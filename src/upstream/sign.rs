//! Signatures of the protocol, both directions: HMAC-SHA512 on what we ask, Ed25519 on what we are told.

use aws_lc_rs::{digest, hmac, signature};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A key or address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upstream: {0}")]
pub struct InvalidKey(pub String);

/// Lower-case hex of SHA-256.
#[must_use]
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// `X-Signature` of a request.
#[must_use]
pub(crate) fn request_signature(
    secret: &[u8],
    method: &str,
    path: &str,
    body: &[u8],
    timestamp: &str,
) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA512, secret);
    let text = format!("{method}:{path}:{}:{timestamp}", sha256_hex(body));
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// A host's Ed25519 public key.
#[derive(Debug, Clone)]
pub struct PublicKey(Vec<u8>);

/// DER prefix of an Ed25519 `SubjectPublicKeyInfo` (RFC 8410 section 4); the 32 bytes of the key follow.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl PublicKey {
    /// Reads SPKI PEM.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is no Ed25519 public key.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let wrong = || InvalidKey("public_key_pem is not an Ed25519 SPKI PEM".to_owned());
        let inner: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(inner).map_err(|_| wrong())?;
        let key = der.strip_prefix(&SPKI_PREFIX).filter(|key| key.len() == 32).ok_or_else(wrong)?;
        Ok(Self(key.to_vec()))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when `signature` (base64, standard) fits `text`.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|signature| self.verifies_bytes(text, &signature))
    }

    /// True when the raw signature fits `text`.
    #[must_use]
    pub fn verifies_bytes(&self, text: &[u8], signature: &[u8]) -> bool {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0).verify(text, signature).is_ok()
    }
}

/// What a host signs of an answer.
#[must_use]
pub(crate) fn answer_text(
    status: u16,
    path: &str,
    request_sha256: &str,
    body: &[u8],
    timestamp: &str,
) -> String {
    format!("{status}:{path}:{request_sha256}:{}:{timestamp}", sha256_hex(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ed25519_spki_pem_is_a_public_key() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(PublicKey::from_pem(pem).unwrap().bytes().len(), 32);
        for wrong in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "nonsense"] {
            assert!(PublicKey::from_pem(wrong).is_err());
        }
    }

    #[test]
    fn a_request_signature_is_hmac_sha512_of_its_four_parts() {
        // echo -n 'POST:/p:<sha256 of {}>:t' | openssl dgst -sha512 -hmac secret
        let signature = request_signature(b"secret", "POST", "/p", b"{}", "t");
        let again = request_signature(b"secret", "POST", "/p", b"{}", "t");
        assert_eq!(signature, again);
        assert_eq!(STANDARD.decode(&signature).unwrap().len(), 64);
        for other in [
            request_signature(b"secreT", "POST", "/p", b"{}", "t"),
            request_signature(b"secret", "GET", "/p", b"{}", "t"),
            request_signature(b"secret", "POST", "/q", b"{}", "t"),
            request_signature(b"secret", "POST", "/p", b"[]", "t"),
            request_signature(b"secret", "POST", "/p", b"{}", "u"),
        ] {
            assert_ne!(signature, other);
        }
    }
}
