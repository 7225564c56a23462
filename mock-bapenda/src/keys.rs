//! The authorities' Ed25519 keys as PEM: PKCS#8 for the private ones, SPKI for the public ones.

use std::io;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The DER that stands before the 32 bytes of a public Ed25519 key in SPKI (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Both authorities' key pairs.
#[derive(Clone)]
pub struct Keys {
    /// PKCS#8.
    pub bapenda_private_pem: String,
    /// SPKI.
    pub bapenda_public_pem: String,
    /// PKCS#8.
    pub jasa_raharja_private_pem: String,
    /// SPKI.
    pub jasa_raharja_public_pem: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keys")
            .field("bapenda_public_pem", &self.bapenda_public_pem)
            .field("jasa_raharja_public_pem", &self.jasa_raharja_public_pem)
            .finish_non_exhaustive()
    }
}

/// Makes two new key pairs.
///
/// # Errors
/// When the system gives no random numbers.
pub fn try_generate_keys() -> io::Result<Keys> {
    let (bapenda_private_pem, bapenda_public_pem) = new_pair()?;
    let (jasa_raharja_private_pem, jasa_raharja_public_pem) = new_pair()?;
    Ok(Keys { bapenda_private_pem, bapenda_public_pem, jasa_raharja_private_pem, jasa_raharja_public_pem })
}

/// Makes two new key pairs; for tests, where a machine without random numbers is not worth an error.
///
/// The PEM texts are empty when the system gives no random numbers, and then `start` refuses them.
#[must_use]
pub fn generate_keys() -> Keys {
    try_generate_keys().unwrap_or_else(|_| Keys {
        bapenda_private_pem: String::new(),
        bapenda_public_pem: String::new(),
        jasa_raharja_private_pem: String::new(),
        jasa_raharja_public_pem: String::new(),
    })
}

/// Reads a PKCS#8 private key.
///
/// # Errors
/// When the text is no PEM of an Ed25519 private key.
pub(crate) fn private_key(pem: &str) -> io::Result<Ed25519KeyPair> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not an Ed25519 private key in PKCS#8 PEM");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(body).map_err(|_| wrong())?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| wrong())
}

fn new_pair() -> io::Result<(String, String)> {
    let failed = |_| io::Error::other("no new key could be made");
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let private = pair.to_pkcs8v1().map_err(failed)?;
    let public: Vec<u8> =
        SPKI_PREFIX.iter().copied().chain(pair.public_key().as_ref().iter().copied()).collect();
    Ok((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", &public)))
}

/// RFC 7468: 64 characters a line.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    lines.extend(text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()));
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}
