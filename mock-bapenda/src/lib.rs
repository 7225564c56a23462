//! The authorities.
