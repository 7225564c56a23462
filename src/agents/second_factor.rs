//! The second factor: six digits from an app, new every thirty seconds (RFC 6238), for everybody but the cashier.
//!
//! The secret is made here, shown to the one session that sets it, and kept sealed. A code counts within one step of now
//! and once: the used step is in the database, so that two gateways take it once together. Codes have a lane of their own,
//! which only a right password leads to: guessing one of a million takes years, and nobody is locked out.

use aws_lc_rs::rand;
use serde_json::json;
use sqlx::PgConnection;
use totp_rs::{Builder, Secret, Totp};

use super::lanes::Lane;
use super::operator::{Member, SecondFactor, SignIn};
use super::secret::sha256;
use super::sign_in::{Opening, SignInError, SignIns, SignedIn, Visitor, note};
use super::{Person, operator_store, totp_store as store};
use crate::domain::{PersonId, Timestamp};

/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// As authenticator apps name us.
const ISSUER: &str = "Samsat%20OPOP";

/// What a person types or scans into an authenticator app.
#[derive(Clone)]
pub struct Enrolment {
    /// The secret in base 32, in groups of four.
    pub secret: String,
    /// `otpauth://totp/…`, as apps read it.
    pub uri: String,
}

impl Enrolment {
    fn of(totp: &Totp, member: &Member) -> Self {
        let secret = totp.secret().to_base32();
        let uri = format!("otpauth://totp/{ISSUER}:{}?secret={secret}&issuer={ISSUER}", member.username);
        let groups: Vec<&str> =
            secret.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
        Self { secret: groups.join(" "), uri }
    }
}

fn totp(secret: Vec<u8>) -> Result<Totp, SignInError> {
    let built = Builder::new().with_secret(Secret::from(secret)).build();
    built.map_err(|_| SignInError::Broken("a second factor's secret is too short"))
}

fn new_secret() -> Result<Vec<u8>, SignInError> {
    let mut secret = vec![0; SECRET_BYTES];
    rand::fill(&mut secret).map_err(|_| SignInError::Broken("no randomness"))?;
    Ok(secret)
}

impl SignIns {
    /// What this sign-in must put into an app: the same each time it is asked, and no other sign-in's.
    ///
    /// # Errors
    /// [`SignInError::Wrong`] when the sign-in has no second factor to set.
    pub async fn enrolment(&self, sign_in: &SignIn) -> Result<Enrolment, SignInError> {
        if sign_in.second_factor != SecondFactor::ToSet {
            return Err(SignInError::Wrong);
        }
        let fresh = self.sealed(sign_in.member.person_id, &new_secret()?)?;
        let mut connection = self.db.requests.acquire().await?;
        let sealed = store::shown(&mut connection, sign_in.session_id, &fresh).await?;
        let sealed = sealed.ok_or(SignInError::Wrong)?;
        Ok(Enrolment::of(&self.opened(sign_in.member.person_id, &sealed)?, &sign_in.member))
    }

    /// Finishes a sign-in with its code; a person's first code sets the second factor. The device is known from then on.
    ///
    /// # Errors
    /// [`SignInError`]
    pub async fn by_code(
        &self,
        sign_in: &SignIn,
        visitor: &Visitor,
        code: &str,
    ) -> Result<SignedIn, SignInError> {
        let (member, id) = (&sign_in.member, sign_in.member.person_id);
        let device = sha256(&visitor.device);
        let first = match sign_in.second_factor {
            SecondFactor::NotNeeded | SecondFactor::Given => return Err(SignInError::Wrong),
            SecondFactor::Asked => None,
            SecondFactor::ToSet => {
                let mut connection = self.db.requests.acquire().await?;
                let shown = store::was_shown(&mut connection, sign_in.session_id).await?;
                Some(shown.ok_or(SignInError::Wrong)?)
            }
        };
        let step = self.check(member, first.as_deref(), code).await?;
        let at = self.clock.now();
        let mut transaction = self.db.requests.begin().await?;
        if let Some(sealed) = &first {
            if !store::set(&mut transaction, (id, sealed), at).await? {
                return Err(SignInError::Wrong);
            }
            note(&mut transaction, &member.actor(), ("set second factor", id), json!({}), at).await?;
        }
        if !store::use_step(&mut transaction, (id, step)).await? {
            return Err(SignInError::Wrong);
        }
        let known = operator_store::is_known(&mut transaction, (id, &device)).await?;
        operator_store::know_device(&mut transaction, (id, &device, &visitor.device_name), at).await?;
        let opening = Opening { by: "password and code", code_at: Some(at), at };
        let token = self.open(&mut transaction, visitor, member, opening).await?;
        transaction.commit().await?;
        self.forgive(&self.lanes_of((&member.username, known), visitor.address, &device));
        self.forgive(&[code_lane(member)]);
        Ok(SignedIn { token, member: member.clone() })
    }

    /// Asks for a code again before something that cannot be taken back.
    ///
    /// # Errors
    /// [`SignInError::Wrong`] when it is not the person's present code, or has been used.
    pub async fn prove_code(&self, sign_in: &SignIn, code: &str) -> Result<(), SignInError> {
        if sign_in.second_factor != SecondFactor::Given {
            return Err(SignInError::Wrong);
        }
        let step = self.check(&sign_in.member, None, code).await?;
        let mut connection = self.db.requests.acquire().await?;
        if !store::use_step(&mut connection, (sign_in.member.person_id, step)).await? {
            return Err(SignInError::Wrong);
        }
        self.forgive(&[code_lane(&sign_in.member)]);
        Ok(())
    }

    /// Gives a person a second factor without asking, in the caller's transaction: the secret in base 32, for a seed.
    ///
    /// # Errors
    /// [`SignInError`]
    pub async fn enrol(
        &self,
        connection: &mut PgConnection,
        id: PersonId,
        at: Timestamp,
    ) -> Result<String, SignInError> {
        let secret = new_secret()?;
        let sealed = self.sealed(id, &secret)?;
        if !store::set(connection, (id, &sealed), at).await? {
            return Err(SignInError::Wrong);
        }
        Ok(totp(secret)?.secret().to_base32())
    }

    /// The step of a right code, by the person's secret or the one that is being set. A wrong one is an audit event.
    async fn check(&self, member: &Member, first: Option<&[u8]>, code: &str) -> Result<i64, SignInError> {
        self.take_turn(&[code_lane(member)]).await?;
        let mut connection = self.db.requests.acquire().await?;
        let kept = match first {
            Some(_) => None,
            None => store::secret(&mut connection, member.person_id).await?,
        };
        let sealed = first.or(kept.as_deref()).ok_or(SignInError::Wrong)?;
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let now = self.clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let step = self.opened(member.person_id, sealed)?.check(&code, seconds);
        if let Some(step) = step.and_then(|step| i64::try_from(step).ok()) {
            return Ok(step);
        }
        note(&mut connection, &member.actor(), ("gave wrong code", member.person_id), json!({}), now).await?;
        Err(SignInError::Wrong)
    }

    fn sealed(&self, id: PersonId, secret: &[u8]) -> Result<Vec<u8>, SignInError> {
        self.seal.seal(id, secret).map_err(|_| SignInError::Broken("a second factor cannot be sealed"))
    }

    fn opened(&self, id: PersonId, sealed: &[u8]) -> Result<Totp, SignInError> {
        let broken = SignInError::Broken("a second factor was sealed under another receipt key: reset it");
        totp(self.seal.open(id, sealed).ok_or(broken)?)
    }
}

fn code_lane(member: &Member) -> Lane {
    Lane::Code(member.username.clone())
}

/// Takes a person's second factor away, in the caller's transaction: every sign-in ends, and the next one sets another.
/// False when there is none.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn reset_second_factor(
    connection: &mut PgConnection,
    person: &Person,
    by: &str,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    if !store::take_away(connection, person.person_id).await? {
        return Ok(false);
    }
    let ended = super::end_access(connection, person.person_id, at).await?;
    let facts = json!({"sessions_ended": ended});
    note(connection, by, ("reset second factor", person.person_id), facts, at).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, the last six digits.
    #[test]
    fn codes_are_those_of_the_standard_and_one_step_off_is_still_right() {
        let totp = totp(b"12345678901234567890".to_vec()).unwrap();
        for (seconds, code) in [
            (1_111_111_111, "050471"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp.check(code, seconds), Some(seconds / 30), "{code}");
            for near in [seconds - 30, seconds + 30] {
                assert_eq!(totp.check(code, near), Some(seconds / 30), "{code} at {near}");
            }
            for far in [seconds - 61, seconds + 61] {
                assert_eq!(totp.check(code, far), None, "{code} at {far}");
            }
        }
    }

    #[test]
    fn an_app_can_read_what_is_shown() {
        let member = Member {
            person_id: PersonId::new(),
            username: "siti.aminah".to_owned(),
            full_name: None,
            role: super::super::Role::Bapenda,
            outlet: None,
        };
        let shown = Enrolment::of(&totp(b"12345678901234567890".to_vec()).unwrap(), &member);
        assert_eq!(shown.secret, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            shown.uri,
            "otpauth://totp/Samsat%20OPOP:siti.aminah?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Samsat%20OPOP"
        );
    }
}
