//! People at an outlet: a cashier or a supervisor, the outlet they stand in for, and a sign-in of theirs.

use super::{Agent, Role};
use crate::domain::{PersonId, SessionId, Timestamp};

/// A cashier or a supervisor, acting for an outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub person_id: PersonId,
    /// Login name.
    pub username: String,
    /// As colleagues call the person.
    pub full_name: Option<String>,
    /// `kasir` or `penyelia`.
    pub role: Role,
    /// The outlet; also a suspended one, which may read.
    pub outlet: Agent,
}

impl Operator {
    /// As audit events name the person.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("person:{}", self.username)
    }

    /// As pages name the person.
    #[must_use]
    pub fn name(&self) -> &str {
        self.full_name.as_deref().unwrap_or(&self.username)
    }
}

/// A sign-in that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it in lists.
    pub session_id: SessionId,
    /// Whose.
    pub operator: Operator,
    /// Somebody else chose the password: nothing goes on before it is changed.
    pub must_change_password: bool,
    /// The person's last act.
    pub seen_at: Timestamp,
}

/// A sign-in in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// Names it.
    pub session_id: SessionId,
    /// The browser, in words.
    pub device_name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The person's last act.
    pub seen_at: Timestamp,
}
