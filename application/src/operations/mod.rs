//! Keeping Skep running: schema, health, keys, limits, sweeping.

pub mod constraints;
mod gcra;
mod ports;
mod sweep;

pub use gcra::Gcra;
pub use ports::*;
pub use sweep::{SweepExpired, Swept};
