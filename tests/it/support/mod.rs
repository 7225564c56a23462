//! A world for one test: a database, both authorities, a gateway, and people who act in it.
//!
//! Verbs, not URLs. Nothing here sleeps: what takes time is driven by hand (`settle_doubts`) or by moving the hosts'
//! clock (`hosts_later`).

mod agent;
mod between;
mod books;
mod cashier;
mod coded;
mod database;
mod deeds;
pub mod drawn;
pub mod line;
mod outlet;
pub mod pdf;
mod setting;
mod trouble;
mod world;

pub use agent::{Answer, Client, Quote, Vehicle};
pub use cashier::{Cashier, PASSWORD, Page};
pub use coded::{Coded, Codes};
pub use database::Database;
pub use line::Mode;
pub use outlet::{in_pieces, slip};
pub use trouble::hang_up;
pub use world::{FLOAT, Shape, World};
