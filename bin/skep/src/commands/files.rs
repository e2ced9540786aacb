//! `skep files`.

use crate::{Skep, config::Config};
use clap::Subcommand;
use skep_application::{
    files::Damage,
    kernel::{Actor, BoxError},
};

/// What to do with files.
#[derive(Debug, Subcommand)]
pub(super) enum Files {
    /// Read the contents of all files and compare them with their checksums.
    ///
    /// Prints the files whose content is missing or damaged, and then fails. It changes nothing. It reads every byte, so
    /// with many files it takes as long as the disk needs.
    #[command(after_long_help = "Example:
  skep files verify")]
    Verify,
}

pub(super) async fn run(config: &Config, command: Files) -> Result<(), BoxError> {
    let Files::Verify = command;
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = verify(&skep).await;
    skep.close().await;
    done
}

async fn verify(skep: &Skep) -> Result<(), BoxError> {
    let mut printed = Ok(());
    let mut report = |file: &skep_application::files::FileView, damage| {
        let damage = match damage {
            Damage::Missing => "missing",
            Damage::Different => "damaged",
        };
        if printed.is_ok() {
            printed = tell!("{}  {damage}  {} bytes  owner {}", file.id, file.size, file.owner_id);
        }
    };
    let verified = skep.app.files.verify_files.execute(&Actor::system("skep files"), &mut report).await?;
    printed?;
    if verified.damaged > 0 {
        return Err(format!("{} of {} files have no content, or a wrong one", verified.damaged, verified.files).into());
    }
    Ok(tell!("{} files with {} bytes are as they were stored", verified.files, verified.bytes)?)
}
