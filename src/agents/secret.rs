//! Secrets: made here, hashed here, never logged.

use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits as text, with a prefix that tells leaked keys from tokens.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_secret(prefix: &str) -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is kept of a key or token.
pub(super) fn sha256(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// argon2id with OWASP's floor: 19 MiB, two passes.
///
/// # Errors
/// When hashing fails.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| argon2::password_hash::Error::Internal)?;
    let hash: PasswordHash =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}
