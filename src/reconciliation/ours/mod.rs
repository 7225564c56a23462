//! Our side of the night: what the ledger's payments say should stand in the authorities' files.

mod leg;
pub(crate) mod store;

pub use leg::{Door, Earlier, Leg, LegLine, LineKey, Reversal, Standing};
