//! The Samsat OPOP gateway: vehicle tax of East Java, paid exactly once.
//!
//! Modules in the one allowed order of import, leftmost first: `http → verify → reconciliation → paper → payment → receipt →
//! lookup → drawer → agents → cases → tariff → upstream → ledger → audit → db → config → domain`.

pub mod agents;
pub mod audit;
pub mod cases;
pub mod config;
pub mod db;
pub mod domain;
pub mod drawer;
pub mod http;
pub mod ledger;
pub mod lookup;
pub mod paper;
pub mod payment;
pub mod receipt;
pub mod reconciliation;
pub mod tariff;
pub mod upstream;
pub mod verify;

pub use db::MIGRATOR;
