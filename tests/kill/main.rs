//! Real processes on one database: killed, raced, drained; afterwards both books must agree to the rupiah.
//!
//! A binary of its own, so that its load does not disturb tests that count on short timeouts. Every random choice comes
//! from a seed that failures name. Nothing sleeps but to poll, under a deadline, for a process that dies or comes up.

#![expect(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "test binary")]

#[path = "../it/support/database.rs"]
#[expect(dead_code, reason = "the other binary needs more of it")]
mod database;
mod dice;
mod faults;
mod judge;
mod outlet;
mod process;
mod stack;
mod storm;

mod drain;
mod floats;
mod kill;
mod night;
mod race;
