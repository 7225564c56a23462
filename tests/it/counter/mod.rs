//! The counter, through HTTP and without script: who sits there, what is sold, and what becomes of it on a bad line.

pub(crate) mod commands;
mod devices;
mod doubt;
mod guards;
mod sale;
mod second_factor;
mod sign_in;
mod throttle;
mod tree;
