//! Commands for contributors to Skep, as subcommands of `cargo xtask`.

mod bench;
mod crash;
mod siege;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Commands for contributors to Skep.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the server on a store, and compare it with the limits of the machine.
    Bench(bench::Bench),
    /// Compare the server with one of before, in interleaved pairs of measurements.
    Pairs(bench::pairs::Pairs),
    /// Kill the server under load, start it again, and check the acknowledged commands.
    Crash(crash::Crash),
    /// Attack the server as one client can, and check that other clients do not notice.
    Siege(siege::Siege),
    /// Run one of the limits that `bench` compares with.
    #[command(hide = true, subcommand)]
    Baseline(bench::baseline::Baseline),
    /// Run background work in this process, for `bench`.
    #[command(hide = true, subcommand)]
    Inside(bench::inside::Inside),
}

#[expect(clippy::print_stderr, reason = "a person sees the error")]
fn main() -> ExitCode {
    let done = match Xtask::parse().command {
        Command::Bench(bench) => bench::run(&bench),
        Command::Pairs(pairs) => bench::pairs::run(&pairs),
        Command::Crash(crash) => crash::run(&crash),
        Command::Siege(siege) => siege::run(&siege),
        Command::Baseline(baseline) => bench::baseline::run(&baseline),
        Command::Inside(inside) => bench::inside::run(&inside),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
