//! Skep as a program: configuration, the choice of adapters, and the commands. The only place that knows all adapters.

pub mod commands;
pub mod config;
mod data_dir;
mod instance;
mod stores;
mod telemetry;

pub use data_dir::DataDirError;
pub use instance::{Instance, StartError};
