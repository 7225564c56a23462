//! The signed text of a receipt: `SOPOP1.` base64url(canonical JSON) `.` base64url(Ed25519 over the ASCII before the
//! last dot). Canonical: members in alphabetical order, no spaces, integers only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::key::{SigningKey, VerifyingKey};
use crate::domain::{Authority, BusinessDate, PaymentId, Rupiah};

use super::Kind;

const PREFIX: &str = "SOPOP1";
/// Longer than any payload we sign.
const PAYLOAD_MAX: usize = 4096;

/// What one authority was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LegFacts {
    /// Rupiah.
    #[schema(value_type = i64)]
    pub amount: Rupiah,
    /// Whom.
    #[schema(value_type = String)]
    pub authority: Authority,
    /// The authority's accounting day, once booked.
    #[schema(value_type = Option<String>)]
    pub business_date: Option<BusinessDate>,
    /// NTPD or certificate number, once booked.
    pub number: Option<String>,
}

/// What a receipt says. Members stand in alphabetical order: their order is the canonical one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Code of the outlet.
    pub agent_code: String,
    /// Everything the citizen handed over.
    #[schema(value_type = i64)]
    pub amount: Rupiah,
    /// The outlet's fee within it.
    #[schema(value_type = i64)]
    pub fee: Rupiah,
    /// When it was issued, RFC 3339, WIB.
    pub issued_at: String,
    /// Which document.
    pub kind: Kind,
    /// What each authority was paid.
    pub legs: Vec<LegFacts>,
    /// When the next tax falls due.
    #[schema(value_type = Option<String>)]
    pub next_due_on: Option<BusinessDate>,
    /// The payment.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The vehicle, canonical.
    pub plate: String,
    /// Its number.
    pub receipt_no: String,
    /// When the cash was taken, RFC 3339, WIB.
    pub taken_at: String,
}

/// Text that no key of ours has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt that this key has signed")]
pub struct InvalidPayload;

impl Facts {
    /// The signed payload.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        // A struct of strings and integers always serializes.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let text = format!("{PREFIX}.{}", URL_SAFE_NO_PAD.encode(json));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

/// The payload in what somebody copied: without blanks and quotation marks around it, and out of a share link, where it
/// stands behind `#`. Whatever else the text holds stays, and makes it no receipt.
#[must_use]
pub fn pasted(text: &str) -> &str {
    let around = |c: char| c.is_whitespace() || "\"'`“”„‘’‚«»".contains(c);
    let text = text.trim_matches(around);
    match text.split_once('#') {
        Some((page, payload)) if is_link(page) => payload,
        _ => text,
    }
}

fn is_link(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("https" | "http")) && !text.contains(char::is_whitespace)
}

/// Reads a payload and checks it with the public key alone.
///
/// # Errors
/// [`InvalidPayload`] when anything about it does not fit, the canonical form included.
pub fn verify(payload: &str, key: &VerifyingKey) -> Result<Facts, InvalidPayload> {
    let payload = payload.trim();
    if payload.len() > PAYLOAD_MAX {
        return Err(InvalidPayload);
    }
    let (text, signature) = payload.rsplit_once('.').ok_or(InvalidPayload)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| InvalidPayload)?;
    if !key.verifies(text.as_bytes(), &signature) {
        return Err(InvalidPayload);
    }
    let body = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.')).ok_or(InvalidPayload)?;
    let json = URL_SAFE_NO_PAD.decode(body).map_err(|_| InvalidPayload)?;
    let facts: Facts = serde_json::from_slice(&json).map_err(|_| InvalidPayload)?;
    if serde_json::to_vec(&facts).is_ok_and(|canonical| canonical == json) {
        Ok(facts)
    } else {
        Err(InvalidPayload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_found_in_what_people_copy_and_only_one() {
        for text in [
            "SOPOP1.a.b",
            " SOPOP1.a.b\r\n",
            "\"SOPOP1.a.b\"",
            "“SOPOP1.a.b” ",
            "https://samsat.example/verify#SOPOP1.a.b",
            "\n'HTTPS://samsat.example/verify/PSN-0042-L26-000017#SOPOP1.a.b'",
        ] {
            assert_eq!(pasted(text), "SOPOP1.a.b", "{text}");
        }
        for text in [
            "lihat https://samsat.example/verify#SOPOP1.a.b",
            "x#SOPOP1.a.b",
            "SOPOP1.a.b SOPOP1.a.b",
            "https://samsat.example/verify#SOPOP1.a.b#SOPOP1.a.b",
            "https://samsat.example/verify?SOPOP1.a.b",
        ] {
            assert_ne!(pasted(text), "SOPOP1.a.b", "{text}");
        }
    }

    fn facts() -> Facts {
        let amount = |rupiah| Rupiah::new(rupiah).unwrap();
        let day = BusinessDate::parse("2026-11-24").ok();
        Facts {
            agent_code: "PSN-0042".into(),
            amount: amount(398_600),
            fee: amount(5000),
            issued_at: "2026-11-24T09:41:08+07:00".into(),
            kind: Kind::Lunas,
            legs: vec![
                LegFacts {
                    amount: amount(358_600),
                    authority: Authority::Bapenda,
                    business_date: day,
                    number: Some("A1B2C3D4E5F60718".into()),
                },
                LegFacts {
                    amount: amount(35_000),
                    authority: Authority::JasaRaharja,
                    business_date: day,
                    number: Some("JR-1".into()),
                },
            ],
            next_due_on: BusinessDate::parse("2027-03-10").ok(),
            payment_id: PaymentId::new(),
            plate: "L1234AB".into(),
            receipt_no: "PSN-0042-L26-000017".into(),
            taken_at: "2026-11-24T09:41:07+07:00".into(),
        }
    }

    #[test]
    fn a_receipt_verifies_with_the_public_key_alone() {
        let (key, pem) = SigningKey::generate().unwrap();
        let public = VerifyingKey::from_pem(&key.public().to_pem()).unwrap();
        let payload = SigningKey::from_pem(&pem).unwrap().sign_facts(&facts());
        assert_eq!(verify(&payload, &public).unwrap().plate, "L1234AB");
    }

    #[test]
    fn a_receipt_with_any_character_changed_is_refused() {
        let (key, _) = SigningKey::generate().unwrap();
        let payload = facts().sign(&key);
        for (i, _) in payload.char_indices() {
            let mut changed = payload.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(verify(&changed, &key.public()), Err(InvalidPayload), "{i}");
        }
        let (other, _) = SigningKey::generate().unwrap();
        assert_eq!(verify(&payload, &other.public()), Err(InvalidPayload));
        assert_eq!(verify("", &key.public()), Err(InvalidPayload));
    }

    impl SigningKey {
        fn sign_facts(&self, facts: &Facts) -> String {
            facts.sign(self)
        }
    }
}
