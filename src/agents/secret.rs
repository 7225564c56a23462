//! Secrets: made here, hashed here, never logged.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
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

fn argon2id() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| argon2::password_hash::Error::Internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// argon2id with OWASP's floor: 19 MiB, two passes.
///
/// # Errors
/// When hashing fails.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = argon2id()?.hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

/// Whether the password is the one of that hash. Without a hash as much work is done for nothing, so that the time does
/// not tell whether a person exists.
pub(super) fn is_password(password: &str, phc: Option<&str>) -> bool {
    let Ok(argon2) = argon2id() else { return false };
    let Some(hash) = phc.and_then(|phc| PasswordHash::new(phc).ok()) else {
        let _: Result<PasswordHash, _> = argon2.hash_password(password.as_bytes());
        return false;
    };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}

/// What a form must carry to be believed: derived from the cookie's secret, so that only a page of ours can know it.
#[must_use]
pub fn form_token(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(&format!("form {secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_opens_its_hash() {
        let hash = hash_password("tahu campur 9").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password("tahu campur 9", Some(&hash)));
        for (password, hash) in [
            ("Tahu campur 9", Some(&*hash)),
            ("", Some(&*hash)),
            ("tahu campur 9", None),
            ("x", Some("no hash")),
        ] {
            assert!(!is_password(password, hash), "{password}");
        }
    }
}
