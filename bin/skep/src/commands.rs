//! The commands.

/// Writes a line to the standard output. Who closes it, as `head` does, has read enough: that is no fault.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::commands::write_line(&format!($($argument)*)) };
}

mod check;
mod demo;
mod migrate;
mod openapi;
mod serve;
mod user;

use crate::{causes::with_causes, config::Config};
use clap::{Parser, Subcommand};
use skep_application::kernel::BoxError;
use std::{
    error::Error,
    io::{BufRead as _, IsTerminal as _},
    process::ExitCode,
};

/// The whole backend of a product in one program.
///
/// Without a command the server starts, on SQLite, with nothing to configure.
#[derive(Debug, Parser)]
#[command(
    name = "skep",
    version,
    after_help = "Settings come from skep.toml in the working directory (or the file that SKEP_CONFIG names) and from \
                  environment variables, which win: see docs/configuration.md, and `skep check` for what is wrong.",
    after_long_help = "Settings come from skep.toml in the working directory (or the file that SKEP_CONFIG names) and \
                       from environment variables, which win: docs/configuration.md lists them, and `skep check` says \
                       what is wrong with them.

Every command works beside a running server, except a second `serve` on the same data folder, and
`migrate down`: stop every server first, for it needs the tables that `down` takes away.

Exit codes: 0 done; 1 it could not be done, and the standard error says why; 2 it was called wrongly.

Examples:
  skep                                   start the server
  skep check                             could it start here?
  skep demo                              fill an empty store with a believable shop
  DATABASE_URL=postgres://… skep serve   the same on PostgreSQL"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (also without a command).
    ///
    /// Makes the data folder, the secret and the schema if they are missing, says where it listens, and prints a
    /// one-time token for the first admin as long as there is none. SIGINT or SIGTERM lets running requests end.
    Serve,
    Check(check::Check),
    /// Move the schema of the store.
    ///
    /// `serve` does `up` by itself; a store that was moved by a newer program is refused.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Manage accounts.
    #[command(subcommand)]
    User(user::User),
    Demo(demo::Demo),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Completions(openapi::Completions),
}

/// Runs a command. 0: done; 1: it could not be done, and the standard error says why; 2: it was called wrongly.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command.unwrap_or(Command::Serve) {
        Command::OpenApi(_) => openapi::print_document().map(|()| ExitCode::SUCCESS),
        Command::Completions(command) => {
            openapi::print_completions(&command);
            Ok(ExitCode::SUCCESS)
        }
        command => with_store(command),
    };
    done.unwrap_or_else(|error| fail(&*error))
}

/// Runs what needs the configuration, and most of it a store.
fn with_store(command: Command) -> Result<ExitCode, BoxError> {
    // A program that embeds us may have chosen before: that choice stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = Config::load();
    runtime.block_on(async {
        let done = match command {
            Command::Check(command) => return check::run(config, command).await,
            Command::Serve => serve::run(&config?).await,
            Command::Migrate(command) => migrate::run(&config?, command).await,
            Command::User(command) => user::run(&config?, command).await,
            Command::Demo(command) => demo::run(&config?, command).await,
            Command::OpenApi(_) | Command::Completions(_) => Ok(()),
        };
        done.map(|()| ExitCode::SUCCESS)
    })
}

/// Says what went wrong, with every cause.
#[expect(clippy::print_stderr, reason = "this is the command line")]
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("skep: {}", with_causes(error, "\n  because: "));
    ExitCode::FAILURE
}

fn write_line(line: &str) {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Prints an answer for programs.
fn json(answer: &impl serde::Serialize) -> Result<(), BoxError> {
    tell!("{}", serde_json::to_string_pretty(answer)?);
    Ok(())
}

/// The password on the first line of the standard input.
#[expect(clippy::print_stderr, reason = "this is the command line")]
fn read_password() -> Result<String, BoxError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("password (it will show):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() { Err("no password on the standard input".into()) } else { Ok(password.to_owned()) }
}
