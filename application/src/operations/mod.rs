//! Keeping Skep running: schema, health, keys, limits, sweeping.
//!
//! Uses `catalog`: a store is all of its contexts.
//! Uses `identity`: a store is all of its contexts.
//! Uses `ordering`: a store is all of its contexts.

pub mod constraints;
mod gcra;
mod ports;
mod sweep;

pub use gcra::Gcra;
pub use ports::*;
pub use sweep::{SweepExpired, Swept};
