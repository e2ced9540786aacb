//! `cargo xtask bench`: how fast the server is, and how far that is from what the machine can do.

use std::error::Error;

/// What is to be measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {}

/// Measures.
///
/// # Errors
/// Something could not be started or answered wrongly.
pub(crate) fn run(_: &Bench) -> Result<(), Box<dyn Error>> {
    Ok(())
}
