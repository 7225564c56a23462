//! The counter, through HTTP and without script: who sits there, what is sold, and what becomes of it on a bad line.

pub(crate) mod commands;
mod doubt;
mod guards;
mod sale;
mod sign_in;
mod throttle;
