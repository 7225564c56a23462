//! The books: accounts, two-phase transfers, floats.
//!
//! A transfer is one row with a debit and a credit account, so the books balance by construction. A hold moves money
//! from an agent's float to its holds; later it is resolved exactly once, by a void back or by the lines it pays for,
//! whose sum the database checks. Rows are never updated or deleted. Functions here take the caller's connection: only
//! use cases open and commit transactions. The ledger never touches the network.
//!
//! Locks are taken on `agent_float` rows in the order of agent ids.

mod account;
mod balance;
mod store;
mod transfer;

pub use account::{AccountNo, AgentAccount};
pub use balance::{Balance, Caps, Position, Shortfall};
pub use store::{
    Entry, FloatView, caps, entries, float_view, lock_balances, open_account, record, record_with,
};
pub use transfer::{
    Code, For, Transfer, claim, even_out, hold, hold_from_selisih, pay_late, post, post_fee, returned,
    reverse, reverse_fee, topup, void, void_to_selisih,
};
