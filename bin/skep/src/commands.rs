//! The command line: its arguments, and the commands that they start.

/// Writes a line to the standard output. See [`output::line`].
macro_rules! tell {
    ($($argument:tt)*) => { $crate::commands::output::line(&format!($($argument)*)) };
}

mod calibrate;
mod check;
mod demo;
mod events;
mod files;
mod group;
mod jobs;
mod keys;
mod mail;
mod migrate;
mod openapi;
pub(crate) mod output;
mod role;
mod schedules;
mod search;
mod serve;
mod user;
mod worker;

use crate::{causes::with_causes, config::Config};
use clap::{Parser, Subcommand};
use skep_application::kernel::{AppError, BoxError, FieldError};
use std::{
    error::Error,
    io::{BufRead as _, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

/// A product backend in one program: accounts, catalog, orders.
///
/// Without a command, skep starts the server. Without settings, the data is in SQLite, in ./skep-data.
#[derive(Debug, Parser)]
#[command(
    name = "skep",
    version,
    after_help = "Settings come from environment variables and from skep.toml in the working directory, or the file that \
                  SKEP_CONFIG names. Variables win. docs/configuration.md lists the settings; `skep check` finds wrong \
                  ones.",
    after_long_help = "Settings come from environment variables and from skep.toml in the working directory, or the file \
                       that SKEP_CONFIG names. Variables win. docs/configuration.md lists the settings; `skep check` \
                       finds wrong ones.

Every command can run while a server runs, with two exceptions. A second `serve` needs a data folder of its own.
Before `migrate down`, stop every server, because it deletes tables that a server needs.

A command waits 30 s for a PostgreSQL or MongoDB server that does not answer (SKEP_START_TIMEOUT).

Exit codes: 0 success; 1 failure, with the reason on the standard error; 2 wrong arguments.

Examples:
  skep
  skep check
  skep demo
  DATABASE_URL=postgres://skep:secret@db.internal:5432/skep skep serve"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server; skep without a command does the same.
    ///
    /// Makes the data folder, the secret and the schema if they are missing. Prints its addresses and, before the first
    /// admin exists, the command that makes one. After SIGINT or SIGTERM, running requests may end. After a second
    /// signal the server stops at once.
    ///
    /// A PostgreSQL or MongoDB server that does not answer is reported at once and every few seconds. The start waits
    /// for it for 30 s (SKEP_START_TIMEOUT) and then ends with exit code 1.
    ///
    /// A process that was killed may leave a lease or an open transaction on MongoDB, which end by themselves. The start
    /// waits for them, and says so.
    Serve,
    /// Run background jobs, without HTTP.
    ///
    /// `serve` runs jobs, too. More workers for the same PostgreSQL or MongoDB store run in any number of processes, on
    /// any number of machines, with the same settings. SKEP_WORKERS is the number of jobs at a time. After SIGINT or
    /// SIGTERM, running jobs may end; those that do not are handed to other workers.
    ///
    /// With SQLite the command is refused, because the server runs the jobs.
    Worker,
    /// Show background jobs, run them again or cancel them.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Show events and their subscribers, deliver events again, and act on those that were held back.
    #[command(subcommand)]
    Events(events::Events),
    /// Check the contents of files, and copy them to a bucket or back.
    #[command(subcommand)]
    Files(files::Files),
    /// Show the schedules that make background jobs, run them now, pause or resume them.
    #[command(subcommand)]
    Schedules(schedules::Schedules),
    /// Build the search index again.
    #[command(subcommand)]
    Search(search::Search),
    Check(check::Check),
    /// Change the schema of the store, or show its state.
    ///
    /// `serve` applies missing migrations by itself. A store that a newer version of skep has changed is refused.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Make accounts, show them, disable them, and change their roles.
    #[command(subcommand)]
    User(user::User),
    /// Show roles and permissions, and make roles of your own.
    #[command(subcommand)]
    Role(role::Role),
    /// Show groups of accounts, make them, and change their roles and members.
    #[command(subcommand)]
    Group(group::Group),
    /// Show the keys of the deployment, or replace the key that signs access tokens.
    ///
    /// The keys are in the store, sealed with the secret of the instances. The key that signs access tokens and the secret
    /// can be replaced at any time.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Send a mail to see whether the settings of mails are right.
    #[command(subcommand)]
    Mail(mail::MailCommand),
    Calibrate(calibrate::Calibrate),
    Demo(demo::Demo),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Completions(openapi::Completions),
}

/// Runs the command of the process. The exit code is 0 for success, 1 for a failure, whose reason is on the standard
/// error, and 2 for wrong arguments.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => run_parsed(cli),
        Err(parsed) => output::of_the_parser(&parsed).map_err(Into::into),
    };
    done.unwrap_or_else(|error| fail(&*error))
}

fn run_parsed(cli: Cli) -> Result<ExitCode, BoxError> {
    let success = |()| ExitCode::SUCCESS;
    match cli.command.unwrap_or(Command::Serve) {
        Command::OpenApi(_) => openapi::print_document().map(success),
        Command::Calibrate(command) => calibrate::run(&command).map(success),
        Command::Completions(command) => openapi::print_completions(&command).map(success),
        command => with_store(command),
    }
}

/// How long the process waits at its end for a thread that a handler of a program has blocked.
const FOR_THREADS: Duration = Duration::from_secs(1);

/// Runs a command that needs the configuration. Most of them also need a store.
fn with_store(command: Command) -> Result<ExitCode, BoxError> {
    // A provider that was installed before stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = Config::load();
    if !matches!(command, Command::Serve | Command::Worker) {
        show_warnings();
    }
    let done = runtime.block_on(async {
        let done = match command {
            Command::Check(command) => return check::run(config, command).await,
            Command::Serve => serve::run(&config?).await,
            Command::Worker => worker::run(&config?).await,
            Command::Jobs(command) => jobs::run(&config?, command).await,
            Command::Events(command) => events::run(&config?, command).await,
            Command::Files(command) => files::run(&config?, command).await,
            Command::Schedules(command) => schedules::run(&config?, command).await,
            Command::Search(command) => search::run(&config?, command).await,
            Command::Migrate(command) => migrate::run(&config?, command).await,
            Command::User(command) => user::run(&config?, command).await,
            Command::Role(command) => role::run(&config?, command).await,
            Command::Group(command) => group::run(&config?, command).await,
            Command::Keys(command) => keys::run(&config?, command).await,
            Command::Mail(command) => mail::run(&config?, command).await,
            Command::Demo(command) => demo::run(&config?, command).await,
            Command::OpenApi(_) | Command::Completions(_) | Command::Calibrate(_) => Ok(()),
        };
        done.map(|()| ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(FOR_THREADS);
    done
}

/// Shows warnings on the standard error, for example that the command waits for the store. The server has a log of its
/// own.
fn show_warnings() {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_target(false);
    // A standard error that cannot be written would otherwise end the process.
    let lines = lines.with_ansi(std::io::stderr().is_terminal()).log_internal_errors(false);
    // A subscriber that was installed before stays.
    let _ = lines.with_max_level(tracing::Level::WARN).try_init();
}

/// Prints what went wrong, with every cause.
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    output::hint(&format!("skep: {}", with_causes(error, "\n  because: ")));
    ExitCode::FAILURE
}

/// The error of a use case. Fields that are invalid are named as the options that gave them; `bare` is not an option.
fn of_arguments<E: AppError>(error: E, bare: &str) -> BoxError {
    let text = |field: &FieldError| match option(&field.pointer) {
        name if name == bare => format!("{bare}: {}", field.detail),
        name => format!("--{}: {}", name.replace('_', "-"), field.detail),
    };
    let fields: Vec<_> = error.fields().iter().map(text).collect();
    if fields.is_empty() { error.into() } else { fields.join("; ").into() }
}

/// The name of the option that gives a field. An option of a list is repeated, so it names one item.
fn option(pointer: &str) -> &str {
    let field = pointer.trim_start_matches('/');
    match field.split('/').next() {
        Some("roles") => "role",
        Some("permissions") => "permission",
        _ => field,
    }
}

/// Prints an answer for programs.
fn json(answer: &impl serde::Serialize) -> Result<(), BoxError> {
    Ok(tell!("{}", serde_json::to_string_pretty(answer)?)?)
}

/// Reads the password from the first line of the standard input.
fn read_password() -> Result<String, BoxError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        output::hint("Type the password and press Enter (the terminal shows it):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        Err("the standard input has no password on its first line".into())
    } else {
        Ok(password.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::kernel::Invalid;

    #[test]
    fn a_fault_names_the_option_that_gave_the_field() {
        for (pointer, text) in [
            ("/roles/0", "--role: is wrong"),
            ("/permissions", "--permission: is wrong"),
            ("/parent_id", "--parent-id: is wrong"),
            ("/name", "name: is wrong"),
        ] {
            let error = of_arguments(Invalid::one(pointer, "wrong", "is wrong"), "name");
            assert_eq!(error.to_string(), text);
        }
    }
}
