//! The authorities as a program.
fn main() {}
