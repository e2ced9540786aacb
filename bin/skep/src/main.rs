//! The `skep` command.

use clap::Parser as _;
use skep::commands::Cli;
use std::process::ExitCode;

/// The allocator of the server and of SQLite. A request makes hundreds of small allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    skep::commands::run(Cli::parse())
}
