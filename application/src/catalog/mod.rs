//! The use cases of catalog.

mod ports;

pub use ports::*;
