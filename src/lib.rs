//! Samsat OPOP gateway.
