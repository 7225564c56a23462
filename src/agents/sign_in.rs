//! Signing in: by password anywhere, by PIN on a device that is known.
//!
//! Who needs a second factor is half signed in by the password alone (`second_factor`). A cashier's new device may have to
//! be admitted first (`device`).
//! Promises that an unknown name, a wrong password and a disabled person look and last alike; that every sign-in makes a
//! new token and ends the one before; that waiting occupies neither a thread nor a connection; and that at most one
//! password from known devices and one from others is hashed at a time, so that guessers queue behind each other only.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use tokio::sync::Semaphore;

use super::device_store;
use super::lanes::{Lane, Lanes};
use super::operator::{Member, SignIn};
use super::operator_store::{self as store, Known};
use super::seal::Seal;
use super::secret::{is_password, new_secret, sha256};
use super::session_store::{self as sessions, NewSession};
use super::{Role, device};
use crate::audit;
use crate::db::Db;
use crate::domain::{Clock, PersonId, SessionId, Timestamp};

/// How long a password may stand in the queue to be hashed.
const QUEUE_MAX: Duration = Duration::from_secs(5);
/// A name longer than this is nobody's (`person_username_shape`).
const USERNAME_MAX: usize = 32;

/// Who knocks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The device's own secret, from its cookie.
    pub device: String,
    /// The browser, in words.
    pub device_name: String,
    /// Where it comes from.
    pub address: IpAddr,
    /// The token of a session that a new one replaces.
    pub replaces: Option<String>,
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// Its token, for the cookie; kept nowhere here.
    pub token: String,
    /// Who.
    pub member: Member,
}

/// How a session is opened.
pub(super) struct Opening {
    /// With what.
    pub(super) by: &'static str,
    /// When the second factor was given.
    pub(super) code_at: Option<Timestamp>,
    pub(super) at: Timestamp,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The name, the password or the PIN is wrong, or the person is disabled: all alike.
    #[error("wrong name, password or PIN")]
    Wrong,
    /// The PIN opens nothing here any more: the password is needed.
    #[error("no PIN here any more")]
    PinGone,
    /// The password is right; the outlet's supervisor must admit this device first.
    #[error("the device is not admitted")]
    NotAdmitted {
        /// Names the device to the supervisor.
        mark: String,
    },
    /// Too many failures: after so many seconds.
    #[error("too many failures")]
    Wait {
        /// Until the next turn.
        seconds: u32,
    },
    /// No time to look at it now.
    #[error("too busy")]
    Busy,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Our own bug, or a system without randomness.
    #[error("broken: {0}")]
    Broken(&'static str),
}

/// The use case with what it needs; one per gateway.
#[derive(Debug, Clone)]
pub struct SignIns {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) seal: Arc<Seal>,
    lanes: Arc<Mutex<Lanes>>,
    at_known: Arc<Semaphore>,
    elsewhere: Arc<Semaphore>,
}

impl SignIns {
    /// Gathers what sign-ins need.
    #[must_use]
    pub fn new(db: &Db, clock: &Clock, seal: Seal) -> Self {
        Self {
            db: db.clone(),
            clock: clock.clone(),
            seal: Arc::new(seal),
            lanes: Arc::default(),
            at_known: Arc::new(Semaphore::new(1)),
            elsewhere: Arc::new(Semaphore::new(1)),
        }
    }

    /// Signs a person in by password; a cashier's device is known from then on, everybody else owes a code.
    ///
    /// # Errors
    /// [`SignInError`]; nothing in it tells whether the name exists, unless the password is right.
    pub async fn by_password(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &str,
    ) -> Result<SignedIn, SignInError> {
        let username = username.trim().to_lowercase();
        let username = if username.len() > USERNAME_MAX { String::new() } else { username };
        let device = sha256(&visitor.device);
        let mut connection = self.db.requests.acquire().await?;
        let found = store::member_by_name(&mut connection, &username, &device).await?;
        drop(connection);
        let trusted = found.as_ref().is_some_and(|known| known.on_this_device);
        let lanes = self.lanes_of((&username, trusted), visitor.address, &device);
        self.take_turn(&lanes).await?;
        let known_lane = matches!(lanes.first(), Some(Lane::Known(..)));
        let hash = found.as_ref().map(|known| known.password_hash.clone());
        let right = self.compare(password.to_owned(), hash, known_lane).await?;
        let Some(found) = found.filter(|_| right) else { return Err(SignInError::Wrong) };
        // A right password whose code is still to come counts as a failure until it has come.
        if !found.member.role.needs_second_factor() {
            self.forgive(&lanes);
        }
        self.half_or_whole(visitor, found, &device).await
    }

    async fn half_or_whole(
        &self,
        visitor: &Visitor,
        found: Known,
        device: &[u8],
    ) -> Result<SignedIn, SignInError> {
        let (member, at) = (found.member, self.clock.now());
        let by = if member.role.needs_second_factor() { HALF } else { "password" };
        let mut transaction = self.db.requests.begin().await?;
        if member.role == Role::Kasir {
            let this = (member.person_id, device, &*visitor.device_name);
            if found.devices_admitted && !found.on_this_device {
                device_store::asks(&mut transaction, this, at).await?;
                transaction.commit().await?;
                return Err(SignInError::NotAdmitted { mark: device::mark(device) });
            }
            store::know_device(&mut transaction, this, at).await?;
        }
        let token = self.open(&mut transaction, visitor, &member, Opening { by, code_at: None, at }).await?;
        transaction.commit().await?;
        Ok(SignedIn { token, member })
    }

    /// Signs a cashier in by the PIN of this device. Five wrong ones, and only the password opens it again.
    ///
    /// # Errors
    /// [`SignInError`]
    pub async fn by_pin(
        &self,
        visitor: &Visitor,
        username: &str,
        pin: &str,
    ) -> Result<SignedIn, SignInError> {
        let device = sha256(&visitor.device);
        let mut connection = self.db.requests.acquire().await?;
        let found = store::member_by_name(&mut connection, username, &device).await?;
        let Some(Known { member, on_this_device: true, .. }) = found else {
            return Err(SignInError::PinGone);
        };
        if member.role.needs_second_factor() {
            return Err(SignInError::PinGone);
        }
        let hash = store::try_pin(&mut connection, (member.person_id, &device)).await?;
        drop(connection);
        let hash = hash.ok_or(SignInError::PinGone)?;
        if !self.compare(pin.to_owned(), Some(hash), true).await? {
            return Err(SignInError::Wrong);
        }
        let at = self.clock.now();
        let mut transaction = self.db.requests.begin().await?;
        store::forgive_pin(&mut transaction, (member.person_id, &device), at).await?;
        let token =
            self.open(&mut transaction, visitor, &member, Opening { by: "pin", code_at: None, at }).await?;
        transaction.commit().await?;
        Ok(SignedIn { token, member })
    }

    /// The living session of a token. An act of the person keeps it from becoming idle; what a page asks by itself does not.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn session(&self, token: &str, is_act: bool) -> Result<Option<SignIn>, sqlx::Error> {
        let now = self.clock.now();
        let mut connection = self.db.requests.acquire().await?;
        let session = sessions::session_by_token(&mut connection, &sha256(token), now).await?;
        if let Some(session) = session.as_ref().filter(|_| is_act) {
            sessions::note_act(&mut connection, session, now).await?;
        }
        Ok(session)
    }

    /// Names that a PIN opens this device for: login name, name.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn names_with_pin(&self, device: &str) -> Result<Vec<(String, String)>, sqlx::Error> {
        let mut connection = self.db.requests.acquire().await?;
        store::names_with_pin(&mut connection, &sha256(device)).await
    }

    /// A known device has its own lane until it has failed too often; then it is a device like any other.
    pub(super) fn lanes_of(
        &self,
        (username, trusted): (&str, bool),
        address: IpAddr,
        device: &[u8],
    ) -> Vec<Lane> {
        let known = Lane::Known(username.to_owned(), device.to_vec());
        if trusted && self.locked().failures(&known, self.clock.now()) < KNOWN_FAILURES_MAX {
            return vec![known];
        }
        let name = username.to_owned();
        vec![Lane::PersonAt(name.clone(), address), Lane::Person(name), Lane::Address(address)]
    }

    pub(super) async fn take_turn(&self, lanes: &[Lane]) -> Result<(), SignInError> {
        let turn = self.locked().admit(lanes, self.clock.now());
        let wait = turn.map_err(|wait| SignInError::Wait {
            seconds: u32::try_from(wait.num_milliseconds().div_euclid(1000) + 1).unwrap_or(8),
        })?;
        // A future that sleeps holds a socket and nothing else.
        tokio::time::sleep(wait.to_std().unwrap_or_default()).await;
        Ok(())
    }

    /// Compares in a thread that may be busy for tens of milliseconds; nothing else waits for it.
    pub(super) async fn compare(
        &self,
        password: String,
        hash: Option<String>,
        known: bool,
    ) -> Result<bool, SignInError> {
        let queue = if known { &self.at_known } else { &self.elsewhere };
        let turn = tokio::time::timeout(QUEUE_MAX, Arc::clone(queue).acquire_owned()).await;
        let permit = turn.map_err(|_| SignInError::Busy)?.map_err(|_| SignInError::Busy)?;
        let compared = tokio::task::spawn_blocking(move || {
            // The permit is the thread's: a visitor who goes away frees no second one.
            let _permit = permit;
            is_password(&password, hash.as_deref())
        });
        compared.await.map_err(|_| SignInError::Broken("a password could not be compared"))
    }

    /// Opens a session and ends the one that the device had; tells the token. A half sign-in is nothing that happened yet.
    pub(super) async fn open(
        &self,
        connection: &mut PgConnection,
        visitor: &Visitor,
        member: &Member,
        opening: Opening,
    ) -> Result<String, SignInError> {
        let Opening { by, code_at, at } = opening;
        let token = new_secret("ses_").map_err(|_| SignInError::Broken("no randomness"))?;
        if let Some(old) = &visitor.replaces {
            sessions::revoke_token(connection, &sha256(old), at).await?;
        }
        let session_id = SessionId::new();
        let new = NewSession {
            token_sha256: &sha256(&token),
            device_sha256: &sha256(&visitor.device),
            device_name: &visitor.device_name,
            person_id: member.person_id,
            session_id,
            code_at,
        };
        sessions::insert_session(connection, &new, at).await?;
        if by == HALF {
            return Ok(token);
        }
        let agent_code = member.outlet.as_ref().map(|outlet| &outlet.agent_code);
        let facts = json!({"by": by, "session_id": session_id, "agent_code": agent_code});
        note(connection, &member.actor(), ("signed in", member.person_id), facts, at).await?;
        Ok(token)
    }

    /// Whoever stands in these lanes was right.
    pub(super) fn forgive(&self, lanes: &[Lane]) {
        self.locked().forgive(lanes, self.clock.now());
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right password of somebody who still owes a code.
const HALF: &str = "half";
/// Failures on a known device before it is treated like any other.
const KNOWN_FAILURES_MAX: u32 = 10;

/// An audit event about a person.
pub(super) async fn note(
    connection: &mut PgConnection,
    actor: &str,
    (action, subject): (&'static str, PersonId),
    facts: serde_json::Value,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    audit::append(connection, &[audit::Event::new(at, actor, action, subject.0, facts)]).await
}
