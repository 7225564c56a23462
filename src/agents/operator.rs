//! People who sign in at pages: cashiers and supervisors with the outlet they stand in for, officers, auditors, admins.

use super::{Agent, Person, Role};
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

/// A person as pages know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub person_id: PersonId,
    /// Login name.
    pub username: String,
    /// As colleagues call the person.
    pub full_name: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// The outlet of a `kasir` or `penyelia`; nobody else has one.
    pub outlet: Option<Agent>,
}

impl Member {
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

    /// The person as proposals and approvals know it.
    #[must_use]
    pub fn person(&self) -> Person {
        Person { person_id: self.person_id, username: self.username.clone(), role: self.role }
    }

    /// The same, where it works at an outlet.
    #[must_use]
    pub fn operator(&self) -> Option<Operator> {
        let outlet = self.outlet.clone().filter(|_| self.role.is_at_outlet())?;
        Some(Operator {
            person_id: self.person_id,
            username: self.username.clone(),
            full_name: self.full_name.clone(),
            role: self.role,
            outlet,
        })
    }
}

/// How a sign-in stands with the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// A cashier has none.
    NotNeeded,
    /// The code was right.
    Given,
    /// The password was right; the code is still to come.
    Asked,
    /// The password was right; the person has no second factor yet and must set one.
    ToSet,
}

/// A sign-in that lives, whosever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Names it in lists.
    pub session_id: SessionId,
    /// Whose.
    pub member: Member,
    /// Somebody else chose the password: nothing goes on before it is changed.
    pub must_change_password: bool,
    /// Nothing at all goes on before the second factor is given.
    pub second_factor: SecondFactor,
    /// The person's last act.
    pub seen_at: Timestamp,
}

impl SignIn {
    /// The same at an outlet's counter; none for who has no outlet.
    #[must_use]
    pub fn at_outlet(&self) -> Option<Session> {
        Some(Session { session_id: self.session_id, operator: self.member.operator()? })
    }
}

/// A sign-in at an outlet's counter, with nothing left to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it in lists.
    pub session_id: SessionId,
    /// Whose.
    pub operator: Operator,
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
