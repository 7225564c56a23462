//! What must be read again but never be readable in a table: sealed with AES-256-GCM, bound to whose it is.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;

use crate::domain::PersonId;

/// Seals and opens; every gateway of a database has the same one. Does not print.
pub struct Seal(RandomizedNonceKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(***)")
    }
}

impl Seal {
    /// With a key of 256 bits.
    ///
    /// # Errors
    /// When the library refuses the key.
    pub fn new(key: &[u8; 32]) -> Result<Self, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self)
    }

    /// Nonce, ciphertext and tag; only for this person does it open again.
    pub(super) fn seal(&self, whose: PersonId, secret: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(whose.0.as_bytes()), &mut sealed)?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    /// What was sealed for this person; none when it was not, or by another key.
    pub(super) fn open(&self, whose: PersonId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        self.0.open_in_place(nonce, Aad::from(whose.0.as_bytes()), &mut rest).ok().map(|open| open.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_one_opens_for_nobody_else_and_under_no_other_key() {
        let (one, other) = (PersonId::new(), PersonId::new());
        let seal = Seal::new(&[7; 32]).unwrap();
        let sealed = seal.seal(one, b"twenty bytes of secret").unwrap();
        assert_eq!(seal.open(one, &sealed).as_deref(), Some(&b"twenty bytes of secret"[..]));
        assert_eq!(seal.open(other, &sealed), None);
        assert_eq!(Seal::new(&[8; 32]).unwrap().open(one, &sealed), None);
        let mut spoiled = sealed.clone();
        spoiled[20] ^= 1;
        assert_eq!(seal.open(one, &spoiled), None);
        assert_eq!(seal.open(one, &sealed[..8]), None);
        assert!(!sealed.windows(6).any(|w| w == b"twenty"), "it is not readable");
        assert_ne!(sealed, seal.seal(one, b"twenty bytes of secret").unwrap(), "never twice the same");
        assert_eq!(format!("{seal:?}"), "Seal(***)");
    }
}
