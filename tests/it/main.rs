//! Integration tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test binary")]

mod verify;
