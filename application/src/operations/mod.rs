//! Operating Skep: migrations, health, keys of the deployment, and the sweep of what has expired.

pub mod constraints;
pub(crate) mod erasures;
mod key_rotation;
mod migrations;
mod ports;
mod schedule;
mod sweep;

pub use key_rotation::{AdvanceKeys, KeyRotation, KeyStep};
pub use migrations::*;
pub use ports::*;
pub use schedule::*;
pub use sweep::{SweepExpired, SweepIdempotencyKeys, UnfinishedSweep};
