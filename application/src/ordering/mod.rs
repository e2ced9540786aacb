//! The use cases of ordering.

mod ports;

pub use ports::*;
