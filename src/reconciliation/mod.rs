//! The night.

pub mod class;
mod fields;
pub mod leg;
pub mod matching;
pub mod row;
#[cfg(test)]
mod sample;
pub mod settlement;
