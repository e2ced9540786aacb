//! `skep openapi` and `skep completions`, which need no configuration and no store.

use super::{Cli, json};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use skep_application::kernel::BoxError;

/// Print the OpenAPI document.
///
/// A server returns the same document at `/openapi.json`. Generators of clients read it.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  skep openapi > openapi.json")]
pub(super) struct OpenApi {}

/// Print the script that completes commands in a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  skep completions bash > ~/.local/share/bash-completion/completions/skep
  skep completions zsh  > ~/.zfunc/_skep
  skep completions fish > ~/.config/fish/completions/skep.fish")]
pub(super) struct Completions {
    /// The shell that reads the script.
    shell: Shell,
}

pub(super) fn print_document() -> Result<(), BoxError> {
    json(&skep_http::Api::document())
}

pub(super) fn print_completions(command: &Completions) -> Result<(), BoxError> {
    let mut script = vec![];
    clap_complete::generate(command.shell, &mut Cli::command(), "skep", &mut script);
    Ok(tell!("{}", String::from_utf8_lossy(&script).trim_end())?)
}
