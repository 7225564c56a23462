//! The cash drawer (laci) of an operator: opened with what lies in it, closed by counting what lies in it then.
//!
//! Promises: one open drawer an operator; every movement is one entry that one account gives and another takes; a drawer is
//! closed once, with nothing left in it, and what the count lacks or has too much goes to *selisih laci* with a reason. Cash of
//! a payment belongs to the drawer that was open when it was taken. Never touches the float, never stops a payment's outcome
//! (decision 042). Locks: a drawer's row before any float.

mod count;
mod keep;
mod lines_store;
mod store;

pub use count::{BadCount, Count, DENOMINATIONS};
pub use keep::{Close, DrawerError, Drawers, Movement, Way};
pub use lines_store::{lines_of, variance_of};
pub use store::{book, drawer, drawers_of, hand_back, lock_open, lock_open_of, open_of, put_payments};

use crate::domain::{AgentId, DrawerId, PaymentId, PersonId, Rupiah, Timestamp};

/// A drawer from its opening to its closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawer {
    /// Its id.
    pub drawer_id: DrawerId,
    /// The outlet.
    pub agent_id: AgentId,
    /// Whose.
    pub person_id: PersonId,
    /// As pages name the operator.
    pub operator: String,
    /// What lay in it at the beginning.
    pub opening: Rupiah,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What was found at its end; none while it is open.
    pub closing: Option<Closing>,
}

/// The end of a drawer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// When.
    pub closed_at: Timestamp,
    /// Who counted, as pages name the person.
    pub closed_by: String,
    /// Notes and coins.
    pub count: Count,
    /// What they come to.
    pub counted: Rupiah,
    /// What the entries came to.
    pub expected: Rupiah,
    /// Why the two differ.
    pub reason: Option<String>,
}

impl Closing {
    /// Counted less expected: below zero when cash is missing.
    #[must_use]
    pub fn variance(&self) -> Rupiah {
        // Both are sums of what fits into a drawer.
        self.counted.minus(self.expected).unwrap_or_default()
    }
}

/// Why cash moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It lay in the drawer at the beginning.
    Opened,
    /// Change and coins from the outlet's safe.
    Added,
    /// A citizen paid.
    Taken,
    /// A citizen got it back after a paper was handed over.
    Returned,
    /// Given to the outlet's safe, or to the bank.
    HandedOver,
    /// The count lacks it.
    Short,
    /// The count has it too much.
    Over,
    /// Counted, and given to the outlet's safe.
    Closed,
}

/// An account of an outlet's cash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// This drawer.
    Drawer,
    /// The outlet's cash outside its drawers (kas gerai).
    Safe,
    /// What citizens handed over and got back (titipan warga).
    Citizens,
    /// What counts lacked or had too much (selisih laci).
    Variance,
}

impl Account {
    /// As the table spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drawer => "drawer",
            Self::Safe => "safe",
            Self::Citizens => "citizens",
            Self::Variance => "variance",
        }
    }
}

impl Code {
    const ALL: [Self; 8] = [
        Self::Opened,
        Self::Added,
        Self::Taken,
        Self::Returned,
        Self::HandedOver,
        Self::Short,
        Self::Over,
        Self::Closed,
    ];

    /// As the table spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "OPENED",
            Self::Added => "ADDED",
            Self::Taken => "TAKEN",
            Self::Returned => "RETURNED",
            Self::HandedOver => "HANDED_OVER",
            Self::Short => "SHORT",
            Self::Over => "OVER",
            Self::Closed => "CLOSED",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// Which account gives and which takes.
    #[must_use]
    pub const fn accounts(self) -> (Account, Account) {
        match self {
            Self::Opened | Self::Added => (Account::Safe, Account::Drawer),
            Self::Taken => (Account::Citizens, Account::Drawer),
            Self::Returned => (Account::Drawer, Account::Citizens),
            Self::HandedOver | Self::Closed => (Account::Drawer, Account::Safe),
            Self::Short => (Account::Drawer, Account::Variance),
            Self::Over => (Account::Variance, Account::Drawer),
        }
    }

    /// True when the drawer takes.
    #[must_use]
    pub fn fills(self) -> bool {
        self.accounts().1 == Account::Drawer
    }
}

/// One movement of a drawer, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Why.
    pub code: Code,
    /// Rupiah; negative when the drawer gave.
    pub amount: Rupiah,
    /// When.
    pub at: Timestamp,
    /// The payment it is about.
    pub payment_id: Option<PaymentId>,
    /// Its plate, as Bapenda spells it.
    pub plate: Option<String>,
    /// What the operator wrote to it.
    pub remark: Option<String>,
}

/// What must lie in a drawer by its entries and the payments that are not posted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Book {
    /// At the beginning, and from the safe.
    pub opening: Rupiah,
    /// From the safe later.
    pub added: Rupiah,
    /// From citizens, for payments that were not refused at once.
    pub taken: Rupiah,
    /// How many payments that was.
    pub payments: i64,
    /// Back to citizens.
    pub returned: Rupiah,
    /// To the safe.
    pub handed_over: Rupiah,
    /// Payments whose first answer is not there yet: until then it is not known whether the cash stays.
    pub at_work: i64,
}

impl Book {
    /// What must lie in it.
    ///
    /// # Errors
    /// [`crate::domain::MoneyError`] when a sum is no amount.
    pub fn expected(&self) -> Result<Rupiah, crate::domain::MoneyError> {
        let more = Rupiah::sum([self.opening, self.added, self.taken])?;
        more.minus(self.returned.plus(self.handed_over)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_lie_in_a_drawer_is_what_went_in_less_what_went_out() {
        let rupiah = |n| Rupiah::new(n).unwrap();
        let book = Book {
            opening: rupiah(200_000),
            added: rupiah(50_000),
            taken: rupiah(1_000_000),
            payments: 3,
            returned: rupiah(300_000),
            handed_over: rupiah(700_000),
            at_work: 0,
        };
        assert_eq!(book.expected().map(Rupiah::get), Ok(250_000));
    }

    #[test]
    fn every_code_moves_the_drawer_and_its_name_leads_back_to_it() {
        for code in Code::ALL {
            let (gives, takes) = code.accounts();
            assert_ne!(gives, takes);
            assert!(gives == Account::Drawer || takes == Account::Drawer);
            assert_eq!(Code::named(code.as_str()), Some(code));
        }
    }
}
