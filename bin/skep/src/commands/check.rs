//! `skep check`.

use super::json;
use crate::{
    check::{self, Finding, Level},
    config::{Config, ConfigError},
};
use clap::Args;
use skep_application::kernel::BoxError;
use std::process::ExitCode;

/// Find anything that would stop the start of the server, and what to do about it.
///
/// Checks the configuration, the data folder, the secret, the disk, the store, the rights that are needed there, its
/// schema and its accounts, Redis, and the port. Changes nothing, and can run while a server runs.
#[derive(Debug, Args)]
#[command(after_long_help = "Exit codes: 0 if the server can start, 1 if something is wrong.

With --json, the answer has the members \"ok\" and \"checks\". One of the checks looks like
{\"name\": \"port\", \"level\": \"ok\", \"text\": \"127.0.0.1:8080 is free\", \"remedy\": null}
The level is ok, note (the server can start, but you should know this) or wrong.")]
pub(super) struct Check {
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Result<Config, ConfigError>, command: Check) -> Result<ExitCode, BoxError> {
    let findings = check::everything(config).await;
    let wrong = findings.iter().filter(|finding| finding.level == Level::Wrong).count();
    if command.json {
        json(&serde_json::json!({ "ok": wrong == 0, "checks": findings }))?;
    } else {
        for Finding { name, level, text, remedy } in &findings {
            tell!("{:<5}  {name:<13}  {text}", level.word())?;
            if let Some(remedy) = remedy {
                tell!("{:22}→ {remedy}", "")?;
            }
        }
        match wrong {
            0 => tell!("\nnothing is wrong: the server can start"),
            1 => tell!("\none thing is wrong"),
            _ => tell!("\n{wrong} things are wrong"),
        }?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
