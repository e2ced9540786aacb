//! Skep as a program: configuration, the choice of adapters, and the commands. No other crate knows all adapters.

mod background;
mod causes;
mod check;
pub mod commands;
pub mod config;
mod data_dir;
mod demo;
mod fields;
mod files;
mod foundation;
mod gauges;
mod keys;
mod later;
mod listen;
mod mail;
mod scanning;
mod shared;
mod skep;
mod start_error;
mod stores;
mod sweeping;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod waiting;

pub use data_dir::DataDirError;
pub use fields::{FieldRotation, Fields};
pub use gauges::Gauges;
pub use keys::{Keys, RefreshError};
pub use skep::{Builder, ISSUER, Skep};
pub use skep_workers::WorkerOptions;
pub use start_error::StartError;

/// Compiles the guide to embedding.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/embed.md")]
struct EmbedGuide;

/// Compiles and runs the guide to background work.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../../docs/guides/background-work.md")]
struct BackgroundWorkGuide;
