//! An agent's balances and how one transfer moves them. Pure: the store locks the row, applies, writes it back.

use super::account::{AccountNo, AgentAccount};
use super::transfer::Transfer;
use crate::domain::{AgentId, Rupiah};

/// The balances of one agent, as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub agent_id: AgentId,
    /// The number its accounts carry.
    pub agent_no: i64,
    /// False for a suspended agent.
    pub active: bool,
    /// What it may take at most.
    pub caps: Caps,
    /// What may still be collected against.
    pub available: i64,
    /// To be given back to citizens.
    pub owed: i64,
    /// Number of float entries so far.
    pub seq: i64,
}

/// What an agent may take at most, rupiah; none without a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// In a day (WIB), refused and reversed payments aside.
    pub daily: Option<i64>,
    /// Of payments whose outcome is open, together.
    pub open: Option<i64>,
}

impl Caps {
    /// No cap.
    pub const NONE: Self = Self { daily: None, open: None };
}

/// The place of a transfer in an agent's float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// 1, 2, 3 …
    pub seq: i64,
    /// What is available after it.
    pub available_after: i64,
}

/// A balance would go below zero: the float is too small, or our own books are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the balance does not cover the transfer")]
pub struct Shortfall;

impl Balance {
    /// True when a transfer moves one of these balances: then the agent's row must be locked for it.
    #[must_use]
    pub fn is_moved_by(agent_no: i64, transfer: &Transfer) -> bool {
        [transfer.debit, transfer.credit].into_iter().any(|account| {
            matches!(
                account.as_agent_account(agent_no),
                Some(AgentAccount::Float | AgentAccount::OwedToCitizens)
            )
        })
    }

    /// True when a payment of `amount` fits.
    #[must_use]
    pub const fn covers(&self, amount: Rupiah) -> bool {
        self.available >= amount.get()
    }

    /// Moves the balances by one transfer of this agent; tells its place in the float when it touches it.
    ///
    /// # Errors
    /// [`Shortfall`] when a balance would go below zero; nothing has changed then.
    pub fn apply(&mut self, transfer: &Transfer) -> Result<Option<Position>, Shortfall> {
        let mut next = self.clone();
        let amount = transfer.amount.get();
        next.change(transfer.debit, -amount)?;
        next.change(transfer.credit, amount)?;
        let float = AccountNo::of_agent(self.agent_no, AgentAccount::Float);
        let touches = transfer.debit == float || transfer.credit == float;
        if touches {
            next.seq += 1;
        }
        *self = next;
        Ok(touches.then_some(Position { seq: self.seq, available_after: self.available }))
    }

    fn change(&mut self, account: AccountNo, by: i64) -> Result<(), Shortfall> {
        let balance = match account.as_agent_account(self.agent_no) {
            Some(AgentAccount::Float) => &mut self.available,
            Some(AgentAccount::OwedToCitizens) => &mut self.owed,
            Some(
                AgentAccount::Hold
                | AgentAccount::Fee
                | AgentAccount::ClaimOnOutlet
                | AgentAccount::CashInDrawer,
            )
            | None => return Ok(()),
        };
        let next = balance.checked_add(by).filter(|next| *next >= 0).ok_or(Shortfall)?;
        *balance = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::transfer::{For, hold, returned, void};
    use super::*;
    use crate::domain::PaymentId;

    fn balance(available: i64) -> Balance {
        let caps = Caps::NONE;
        Balance { agent_id: AgentId::new(), agent_no: 7, active: true, caps, available, owed: 0, seq: 0 }
    }

    fn of(balance: &Balance) -> For {
        let at = chrono::DateTime::default();
        For {
            agent_id: balance.agent_id,
            agent_no: balance.agent_no,
            payment_id: PaymentId::new(),
            leg: None,
            at,
        }
    }

    #[test]
    fn a_hold_and_its_void_leave_the_float_as_it_was_and_count_as_two_entries() {
        let mut b = balance(1000);
        let of = of(&b);
        let amount = Rupiah::new(600).unwrap();
        let held = hold(of, amount).unwrap();
        assert_eq!(b.apply(&held), Ok(Some(Position { seq: 1, available_after: 400 })));
        assert_eq!(b.available, 400);
        assert_eq!(
            b.apply(&void(of, held.id, amount, false)),
            Ok(Some(Position { seq: 2, available_after: 1000 }))
        );
        assert_eq!((b.available, b.owed), (1000, 0));
    }

    #[test]
    fn a_void_after_a_paper_is_owed_to_the_citizen_and_does_not_touch_the_float() {
        let mut b = balance(1000);
        let of = of(&b);
        let amount = Rupiah::new(600).unwrap();
        let held = hold(of, amount).unwrap();
        b.apply(&held).unwrap();
        assert_eq!(b.apply(&void(of, held.id, amount, true)), Ok(None));
        assert_eq!((b.available, b.owed), (400, 600));
    }

    #[test]
    fn what_the_float_does_not_cover_changes_nothing() {
        let mut b = balance(599);
        let before = b.clone();
        let held = hold(of(&b), Rupiah::new(600).unwrap()).unwrap();
        assert_eq!(b.apply(&held), Err(Shortfall));
        let back = returned(of(&b), Rupiah::new(1).unwrap());
        assert_eq!(b.apply(&back), Err(Shortfall), "nothing is owed");
        assert_eq!(b, before);
    }
}
