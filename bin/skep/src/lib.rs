//! Skep as a program: configuration, the choice of adapters, and the commands. The only place that knows all adapters.

mod causes;
mod check;
pub mod commands;
pub mod config;
mod data_dir;
mod demo;
mod skep;
mod stores;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use data_dir::DataDirError;
pub use skep::{Builder, Gauges, ISSUER, Skep, StartError};

/// The guide to embedding, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/embed.md")]
struct EmbedGuide;
