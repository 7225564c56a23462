//! The key that signs receipts, and the one that checks them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::upstream::PublicKey;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("receipt key: {0}")]
    Io(#[from] std::io::Error),
    /// It is no Ed25519 key in PKCS#8 PEM.
    #[error("receipt key: not an Ed25519 private key in PKCS#8 PEM")]
    Format,
    /// The system has no randomness to give.
    #[error("receipt key: no randomness")]
    Randomness,
}

/// Signs receipts. Does not print.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// Reads PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Format`] when it is no such key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let inner: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(inner).map_err(|_| KeyError::Format)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Self).map_err(|_| KeyError::Format)
    }

    /// Reads the file that the configuration names.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be read or is no such key.
    pub fn from_file(path: &str) -> Result<Self, KeyError> {
        Self::from_pem(&std::fs::read_to_string(path)?)
    }

    /// A new key and its PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Randomness`].
    pub fn generate() -> Result<(Self, String), KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Randomness)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Format)?;
        let pem = pem("PRIVATE KEY", der.as_ref());
        Ok((Self(pair), pem))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().as_ref().to_vec())
    }

    /// Ed25519 over a text; each kind of text begins with its own name, so that none passes for another.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }
}

/// Checks receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// Reads SPKI PEM.
    ///
    /// # Errors
    /// [`KeyError::Format`] when it is no Ed25519 public key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        PublicKey::from_pem(pem).map(|key| Self(key.bytes().to_vec())).map_err(|_| KeyError::Format)
    }

    /// SPKI PEM (RFC 8410).
    #[must_use]
    pub fn to_pem(&self) -> String {
        let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        pem("PUBLIC KEY", &[&prefix, self.0.as_slice()].concat())
    }

    /// The bare 32 bytes in base64, as browsers import a key.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// True when `signature` (base64, standard) is this key's over `text`.
    #[must_use]
    pub fn signed(&self, text: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|signature| self.verifies(text, &signature))
    }

    pub(super) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, &self.0);
        key.verify(text, signature).is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
