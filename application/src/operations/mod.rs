//! Keeping Skep running: schema, health, keys of the deployment, forgetting what has expired.

pub mod constraints;
mod ports;
mod sweep;

pub use ports::*;
pub use sweep::{SweepExpired, SweepIdempotencyKeys};
