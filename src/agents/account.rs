//! What a person does with its own access: change the password, set a PIN, see and end sign-ins. And what operators of the
//! gateway do with a person's.

use serde_json::json;
use sqlx::PgConnection;

use super::operator::{SecondFactor, SessionLine, SignIn};
use super::operator_store as store;
use super::password::{Unfit, fit_password, fit_pin};
use super::secret::{hash_password, sha256};
use super::session_store as sessions;
use super::sign_in::{Opening, SignInError, SignIns, SignedIn, Visitor, note};
use crate::domain::{PersonId, SessionId, Timestamp};

/// As audit events name whoever has a shell with the gateway's configuration; people at pages have a name of their own.
pub const SHELL: &str = "shell";

/// Why a password or a PIN is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The present password is wrong, or cannot be looked at now.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The new one cannot be chosen.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::SignIn(error.into())
    }
}

impl SignIns {
    /// Changes the person's own password: every session ends, no PIN opens anything, and this device gets a new session.
    ///
    /// # Errors
    /// [`ChangeError`] when the present password is wrong or the new one cannot be chosen.
    pub async fn change_password(
        &self,
        session: &SignIn,
        visitor: &Visitor,
        (present, new): (&str, &str),
    ) -> Result<SignedIn, ChangeError> {
        let member = &session.member;
        fit_password(new, &member.username)?;
        self.prove(session, present).await?;
        if present == new {
            return Err(Unfit::Same.into());
        }
        let hash = self.hash(new.to_owned()).await?;
        let (id, at) = (member.person_id, self.clock.now());
        let mut transaction = self.db.requests.begin().await?;
        store::set_password(&mut transaction, id, (&hash, false)).await?;
        sessions::revoke_all(&mut transaction, id, at).await?;
        store::forget_devices(&mut transaction, id, at).await?;
        note(&mut transaction, &member.actor(), ("changed password", id), json!({}), at).await?;
        let device = sha256(&visitor.device);
        store::know_device(&mut transaction, (id, &device, &visitor.device_name), at).await?;
        // The code that opened this session goes on counting.
        let code_at = (session.second_factor == SecondFactor::Given).then_some(at);
        let opening = Opening { by: "new password", code_at, at };
        let token = self.open(&mut transaction, visitor, member, opening).await?;
        transaction.commit().await?;
        Ok(SignedIn { token, member: member.clone() })
    }

    /// Sets a PIN for this person on this device, proven by the password.
    ///
    /// # Errors
    /// [`ChangeError`] when the password is wrong or the PIN cannot be chosen.
    pub async fn set_pin(
        &self,
        session: &SignIn,
        device: &str,
        (password, pin): (&str, &str),
    ) -> Result<(), ChangeError> {
        fit_pin(pin)?;
        if session.member.role.needs_second_factor() {
            return Err(SignInError::PinGone.into());
        }
        self.prove(session, password).await?;
        let hash = self.hash(pin.to_owned()).await?;
        let (id, at) = (session.member.person_id, self.clock.now());
        let mut transaction = self.db.requests.begin().await?;
        if !store::set_pin(&mut transaction, (id, &sha256(device)), Some(&hash)).await? {
            return Err(SignInError::PinGone.into());
        }
        note(&mut transaction, &session.member.actor(), ("set PIN", id), json!({}), at).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes this person's PIN off this device.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn drop_pin(&self, session: &SignIn, device: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.db.requests.acquire().await?;
        store::set_pin(&mut connection, (session.member.person_id, &sha256(device)), None).await?;
        Ok(())
    }

    /// Whether this person has a PIN on this device.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn has_pin(&self, session: &SignIn, device: &str) -> Result<bool, sqlx::Error> {
        let mut connection = self.db.requests.acquire().await?;
        store::has_pin(&mut connection, (session.member.person_id, &sha256(device))).await
    }

    /// The person's living sign-ins.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn sessions(&self, id: PersonId) -> Result<Vec<SessionLine>, sqlx::Error> {
        let mut connection = self.db.requests.acquire().await?;
        sessions::sessions_of(&mut connection, id, self.clock.now()).await
    }

    /// Ends one of the person's own sign-ins; false when it is not the person's, or over.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn end_session(&self, session: &SignIn, other: SessionId) -> Result<bool, sqlx::Error> {
        let (id, at) = (session.member.person_id, self.clock.now());
        let mut transaction = self.db.requests.begin().await?;
        let ended = sessions::revoke_session(&mut transaction, (id, other), at).await?;
        if ended {
            let facts = json!({"session_id": other});
            note(&mut transaction, &session.member.actor(), ("ended session", id), facts, at).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }

    async fn prove(&self, session: &SignIn, password: &str) -> Result<(), SignInError> {
        let mut connection = self.db.requests.acquire().await?;
        let hash = store::password_hash(&mut connection, session.member.person_id).await?;
        drop(connection);
        let lane = super::lanes::Lane::Known(session.member.username.clone(), b"account".to_vec());
        let lanes = [lane];
        self.take_turn(&lanes).await?;
        if !self.compare(password.to_owned(), hash, true).await? {
            return Err(SignInError::Wrong);
        }
        self.forgive(&lanes);
        Ok(())
    }

    async fn hash(&self, secret: String) -> Result<String, SignInError> {
        let hashed = tokio::task::spawn_blocking(move || hash_password(&secret)).await;
        let broken = SignInError::Broken("a password could not be hashed");
        hashed.ok().and_then(Result::ok).ok_or(broken)
    }
}

/// Gives a person another password in the caller's transaction, which must be changed at the next sign-in; every one ends.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn reset_password(
    connection: &mut PgConnection,
    person: &super::Person,
    (password_hash, by): (&str, &str),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    store::set_password(connection, person.person_id, (password_hash, true)).await?;
    end_access(connection, person.person_id, at).await?;
    note(connection, by, ("password reset", person.person_id), json!({}), at).await
}

/// Disables a person or enables it again, in the caller's transaction. Every sign-in of a disabled one ends, and an enabled
/// one signs in anew. None when there is no such person or nothing to change.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn set_enabled(
    connection: &mut PgConnection,
    (username, enabled): (&str, bool),
    by: &str,
    at: Timestamp,
) -> Result<Option<PersonId>, sqlx::Error> {
    let disabled_at = (!enabled).then_some(at);
    let Some(id) = store::set_disabled(connection, username, disabled_at).await? else { return Ok(None) };
    end_access(connection, id, at).await?;
    let action = if enabled { "enabled" } else { "disabled" };
    note(connection, by, (action, id), json!({}), at).await?;
    Ok(Some(id))
}

/// Ends every sign-in of a person at somebody's word, in the caller's transaction; tells how many.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn sign_out(
    connection: &mut PgConnection,
    person: &super::Person,
    by: &str,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let ended = end_access(connection, person.person_id, at).await?;
    let facts = json!({"sessions_ended": ended});
    note(connection, by, ("signed out", person.person_id), facts, at).await?;
    Ok(ended)
}

/// Ends every sign-in of a person and forgets its devices, in the caller's transaction; tells how many sign-ins ended.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn end_access(
    connection: &mut PgConnection,
    id: PersonId,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    store::forget_devices(connection, id, at).await?;
    sessions::revoke_all(connection, id, at).await
}
