//! Operating Skep: migrations, health, keys of the deployment, and the sweep of what has expired.

pub mod constraints;
pub(crate) mod erasures;
mod field_keys;
mod key_rotation;
mod migrations;
mod ports;
mod reseal_fields;
mod schedule;
mod sweep;

pub use field_keys::*;
pub use key_rotation::{AdvanceKeys, KeyRotation, KeyStep};
pub use migrations::*;
pub use ports::*;
pub use reseal_fields::{FieldProgress, FieldUses, ResealFields, Unopened, field_uses};
pub use schedule::*;
pub use sweep::{SweepExpired, SweepIdempotencyKeys, UnfinishedSweep};
