//! Through HTTP, with a real `PostgreSQL` and the real mock, a database of its own for every test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::assigning_clones,
    clippy::large_futures,
    unreachable_pub,
    reason = "test binary"
)]

mod faults;
mod support;

mod access;
mod api;
mod append_only;
mod check;
mod counter;
mod decisions;
mod gather;
mod growth;
mod idempotency;
mod limits;
mod logs;
mod lookup;
mod matrix;
mod migrations;
mod openapi;
mod outlet;
mod paper;
mod payment;
mod receipt;
mod reconciliation;
mod tidy;
mod verify;
