//! Keeping Skep running: schema, health, keys, limits, sweeping.

pub mod constraints;
mod gcra;
mod migrations;
mod ports;
mod schedule;
mod sweep;

pub use gcra::Gcra;
pub use migrations::*;
pub use ports::*;
pub use schedule::*;
pub use sweep::{SweepExpired, Swept};
