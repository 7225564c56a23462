//! Our side of the night: what the ledger's payments say should stand in the authorities' files.

pub(crate) mod claim_store;
mod leg;
pub(crate) mod store;
pub(crate) mod stream;

pub use leg::{Door, Earlier, Leg, LegLine, LineKey, Reversal, Standing};
