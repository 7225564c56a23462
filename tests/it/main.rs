//! Through HTTP, with a real PostgreSQL and the real mock, a database of its own for every test.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test binary")]
#![expect(clippy::too_many_lines, missing_docs, reason = "tests tell whole stories")]

mod support;

mod lookup;
mod payment;
mod reconciliation;
