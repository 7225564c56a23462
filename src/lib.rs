//! The Samsat OPOP gateway: vehicle tax of East Java, paid exactly once.
//!
//! Modules in the one allowed order of import, leftmost first: `http → reconciliation → receipt → payment → lookup →
//! agents → tariff → upstream → ledger → audit → db → telemetry → config → domain`.

pub mod domain;
pub mod tariff;
