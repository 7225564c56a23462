//! Journeys in a real Chromium, by finger, mouse and keyboard, against the gateway and the real mock.
//!
//! Chromium is driven over a pipe by its own protocol: no driver program, no port, no further crate, and it ends with
//! this process even when that is killed. Where none is installed every journey is skipped with a loud line, or fails
//! when `SAMSAT_TEST_BROWSER=required`. Nothing sleeps: what is waited for is looked for by the page itself, whenever
//! the page changes, under a deadline.

#![expect(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "test binary")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, clippy::assigning_clones, reason = "the other binary needs more of it")]
mod support;

mod chromium;
mod hand;
mod inspect;
mod stage;
mod tab;

mod badline;
mod day;
mod doubt;
mod looks;
mod office;
mod paper;
mod sale;
