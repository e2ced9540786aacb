//! The commands.

mod migrate;
mod serve;
mod user;

use crate::config::Config;
use clap::{Parser, Subcommand};
use std::{error::Error, process::ExitCode};

/// The whole backend of a product in one program.
#[derive(Debug, Parser)]
#[command(
    name = "skep",
    version,
    about,
    after_help = "Without a command the server starts. All settings are environment variables; see docs/configuration.md."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (also without a command).
    Serve,
    /// Move the schema of the store.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Manage accounts.
    #[command(subcommand)]
    User(user::User),
}

/// Runs a command. 0: done; 1: it could not be done, and the standard error says why; 2: it was called wrongly.
pub fn run(cli: Cli) -> ExitCode {
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    // A program that embeds us may have chosen before: that choice stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&config).await,
            Command::Migrate(command) => migrate::run(&config, command).await,
            Command::User(command) => user::run(&config, command).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

/// Says what went wrong, with every cause.
#[expect(clippy::print_stderr, reason = "this is the command line")]
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("skep: {error}");
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            eprintln!("  because: {text}");
        }
        told = text;
        cause = error.source();
    }
    ExitCode::FAILURE
}
