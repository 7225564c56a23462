//! The mock's behaviour over HTTP, signed and checked by the tests themselves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod client;
mod faults;
mod file_faults;
mod inquiries;
mod payments;
mod program;
mod reversals;
mod settlements;
