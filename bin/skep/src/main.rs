//! The `skep` command.

use clap::Parser as _;
use skep::commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    skep::commands::run(Cli::parse())
}
