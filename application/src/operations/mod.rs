//! Keeping Skep running: schema, health, keys, limits, sweeping.

mod ports;
mod sweep;

pub use ports::*;
pub use sweep::SweepExpired;
