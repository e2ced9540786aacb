//! The use cases of identity.

mod ports;

pub use ports::*;
