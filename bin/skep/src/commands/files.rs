//! `skep files`.

mod copy;
mod rescan;

use crate::{Skep, config::Config};
use clap::{Subcommand, ValueEnum};
use skep_application::{
    files::Damage,
    kernel::{Actor, BoxError},
};
use std::path::PathBuf;

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
    Rescan(Rescan),
    Move(Move),
}

/// Ask the scanner again about all files that wait for it, or release them.
///
/// A file waits for a job that asks the scanner. Its job may be gone: it was discarded, for example because the file was
/// longer than the scanner takes, or the scanner was removed. The command stores a job for each file that has none, and
/// prints how many. A server with SKEP_SCANNER runs them.
///
/// Without a scanner, the command fails, because nothing can judge the files. With --release-unscanned, they are ready
/// then, as if they had been uploaded without a scanner, and the event `files.file_released.v1` says so of each. If a
/// scanner is configured, nothing is released.
///
/// It runs beside a server, and can be run again after it was stopped.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  skep files rescan
  skep files rescan --release-unscanned

With --json, the result has the members \"quarantined\", \"queued\" and \"released\".")]
pub(super) struct Rescan {
    /// Make all files ready that wait, although no scanner has judged them. Only without SKEP_SCANNER.
    #[arg(long)]
    release_unscanned: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Copy the contents of all files from the folder to the bucket, or back.
///
/// Needs SKEP_S3_BUCKET and the settings that belong to it. They may be set for this command alone, while a server still
/// uses the folder. The folder is `files` in the data folder, or that of --folder: SKEP_FILES_DIR cannot be set together
/// with a bucket.
///
/// Each content is compared with its checksum before it is stored. A content that the target has already is compared
/// there, and is not copied again, so run the command again after it was stopped. Contents that are missing or damaged
/// are printed; the other ones are copied, and then the command fails.
///
/// Nothing in the source is changed or deleted. Delete the old place yourself after the switch. Uploads in pieces that
/// are not complete are not copied. Run one such command at a time.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  skep files move --to s3
  skep files move --to s3 --only-missing
  skep files move --to folder --folder /srv/files --dry-run

With --json, the result has the members \"to\", \"dry_run\", \"files\", \"copied\", \"copied_bytes\", \"present\",
\"present_bytes\", \"not_copied\" and \"open_uploads\". Progress and the contents that are not copied are then on the
standard error.")]
pub(super) struct Move {
    /// Where the contents are copied to.
    #[arg(long)]
    to: Place,
    /// The folder, instead of `files` in the data folder.
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Pass over contents that the target has, without reading them.
    #[arg(long)]
    only_missing: bool,
    /// Print what would be copied, and copy nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// A place of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Place {
    /// The bucket of SKEP_S3_BUCKET.
    S3,
    /// `files` in the data folder, or what --folder names.
    Folder,
}

pub(super) async fn run(config: &Config, command: Files) -> Result<(), BoxError> {
    let places = match &command {
        Files::Move(command) => Some(copy::open(config, command).await?),
        Files::Verify | Files::Rescan(_) => None,
    };
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = match (command, places) {
        (Files::Move(command), Some(places)) => copy::run(&skep, &command, places).await,
        (Files::Rescan(command), _) => rescan::run(&skep, &command).await,
        _ => verify(&skep).await,
    };
    skep.close().await;
    done
}

const fn name(damage: Damage) -> &'static str {
    match damage {
        Damage::Missing => "missing",
        Damage::Different => "damaged",
    }
}

async fn verify(skep: &Skep) -> Result<(), BoxError> {
    let mut printed = Ok(());
    let mut report = |file: &skep_application::files::FileView, damage| {
        if printed.is_ok() {
            printed = tell!("{}  {}  {} bytes  owner {}", file.id, name(damage), file.size, file.owner_id);
        }
    };
    let verified = skep.app.files.verify_files.execute(&Actor::system("skep files"), &mut report).await?;
    printed?;
    if verified.damaged > 0 {
        return Err(format!("{} of {} files have no content, or a wrong one", verified.damaged, verified.files).into());
    }
    Ok(tell!("{} files with {} bytes are as they were stored", verified.files, verified.bytes)?)
}
