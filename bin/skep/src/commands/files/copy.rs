//! `skep files move`.

use super::{Move, Place, name};
use crate::{
    Skep,
    causes::with_causes,
    check::{self, Level},
    commands::output::{self, CannotWrite},
    config::Config,
    data_dir::DataDir,
};
use serde_json::json;
use skep_application::{
    files::{BlobStore, CopiedContents, CopyContentsCommand, CopyReport, FileView, NotCopied},
    kernel::{Actor, BoxError, ListError, StoreError},
};
use skep_blobs::{DiskBlobs, S3Blobs};
use skep_local::system_runtime;
use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The time between two lines about the progress.
const EVERY: Duration = Duration::from_secs(5);
/// The file in the target folder that keeps a second command away. It is not a content.
const LOCK: &str = "move.lock";

/// The two places.
pub(super) struct Places {
    from: Arc<dyn BlobStore>,
    to: Arc<dyn BlobStore>,
    _lock: Option<File>,
}

/// Opens both places. A target that cannot be used is found before anything is copied.
pub(super) async fn open(config: &Config, Move { to, folder, dry_run, .. }: &Move) -> Result<Places, BoxError> {
    let Some(options) = &config.s3 else {
        return Err("set SKEP_S3_BUCKET and the settings of the bucket: contents are copied into it, or from it".into());
    };
    // The check writes, and a bucket that is only read may allow no writes.
    let found = if *to == Place::S3 && !dry_run { check::bucket(config).await } else { vec![] };
    if let Some(finding) = found.into_iter().find(|finding| finding.level == Level::Wrong) {
        return Err(match finding.remedy {
            Some(remedy) => format!("{}: {remedy}", finding.text).into(),
            None => finding.text.into(),
        });
    }
    let bucket: Arc<dyn BlobStore> = Arc::new(S3Blobs::new(options, system_runtime())?);
    let folder = folder.clone().unwrap_or_else(|| DataDir::at(&config.data_dir).contents());
    if *to == Place::S3 && !folder.is_dir() {
        return Err(format!("there is no folder {} with contents: name it with --folder", folder.display()).into());
    }
    let failed = |error: std::io::Error| format!("the folder {} cannot be used: {error}", folder.display());
    let contents: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(&folder).map_err(failed)?);
    match to {
        Place::S3 => Ok(Places { from: contents, to: bucket, _lock: None }),
        Place::Folder => {
            let lock = (!dry_run).then(|| lock(&folder)).transpose()?;
            Ok(Places { from: bucket, to: contents, _lock: lock })
        }
    }
}

/// Two commands would write the same files.
fn lock(folder: &Path) -> Result<File, BoxError> {
    let path = folder.join(LOCK);
    let failed = |error: std::io::Error| format!("{} cannot be locked: {error}", path.display());
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(format!("another command copies contents into {}", folder.display()).into())
        }
        Err(TryLockError::Error(error)) => Err(failed(error).into()),
    }
}

/// Prints the progress, and what is not copied.
struct Printer {
    /// Whether lines go to the standard error, because the result is JSON.
    to_error: bool,
    state: Mutex<State>,
}

struct State {
    printed_at: Instant,
    so_far: CopiedContents,
    written: Result<(), CannotWrite>,
}

impl Printer {
    fn new(to_error: bool) -> Self {
        let state = State { printed_at: Instant::now(), so_far: CopiedContents::default(), written: Ok(()) };
        Self { to_error, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, state: &mut State, line: &str) {
        if self.to_error {
            output::hint(line);
        } else if state.written.is_ok() {
            state.written = output::line(line);
        }
    }
}

impl CopyReport for Printer {
    fn progress(&self, so_far: &CopiedContents) {
        let mut state = self.state();
        state.so_far = *so_far;
        if state.printed_at.elapsed() >= EVERY {
            state.printed_at = Instant::now();
            self.print(&mut state, &progress(so_far));
        }
    }

    fn not_copied(&self, file: &FileView, is_picture: bool, reason: &NotCopied) {
        let reason = match reason {
            NotCopied::Damaged(damage) => name(*damage).to_owned(),
            NotCopied::Failed(error) => format!("failed: {}", with_causes(error, ": ")),
        };
        let picture = if is_picture { "  a picture of it in a size" } else { "" };
        let line = format!("{}  {reason}  {} bytes  owner {}{picture}", file.id, file.size, file.owner_id);
        self.print(&mut self.state(), &line);
    }
}

fn progress(so_far: &CopiedContents) -> String {
    let CopiedContents { files, files_in_all, copied, copied_bytes, present, .. } = so_far;
    let of = files_in_all.map_or_else(String::new, |all| format!(" of {all}"));
    format!("{files}{of} files  {copied} contents copied  {copied_bytes} bytes  {present} there already")
}

/// Copies the contents, and prints the result.
pub(super) async fn run(skep: &Skep, command: &Move, places: Places) -> Result<(), BoxError> {
    let Places { from, to, _lock } = places;
    let Move { only_missing, dry_run, json: as_json, .. } = *command;
    let printer = Printer::new(as_json);
    let copy = CopyContentsCommand { from, to, only_missing, dry_run };
    let copied = skep.app.files.copy_contents.execute(&Actor::system("skep files"), &copy, &printer).await;
    let State { so_far, written, .. } = printer.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    written?;
    print(command, &so_far)?;
    copied.map_err(|error| {
        let causes = with_causes(&error, ": ");
        match error {
            ListError::Store(StoreError::Full(_) | StoreError::Unavailable(_)) => {
                format!("the copy has ended early; run the command again to go on: {causes}")
            }
            _ => causes,
        }
    })?;
    match so_far.not_copied {
        0 => Ok(()),
        count => Err(format!("{count} contents are not in the target").into()),
    }
}

fn print(command: &Move, so_far: &CopiedContents) -> Result<(), BoxError> {
    let CopiedContents { files, copied, copied_bytes, present, present_bytes, not_copied, open_uploads, .. } = *so_far;
    let (to, dry_run) = (if command.to == Place::S3 { "s3" } else { "folder" }, command.dry_run);
    if command.json {
        return crate::commands::json(&json!({
            "to": to, "dry_run": dry_run, "files": files, "copied": copied, "copied_bytes": copied_bytes,
            "present": present, "present_bytes": present_bytes, "not_copied": not_copied, "open_uploads": open_uploads,
        }));
    }
    let were = if dry_run { "would be copied" } else { "were copied" };
    tell!(
        "{copied} contents with {copied_bytes} bytes {were}, and {present} with {present_bytes} bytes were there already"
    )?;
    if open_uploads > 0 {
        tell!("{open_uploads} uploads in pieces are not complete. What has arrived of them is not copied")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_command_does_not_copy_into_the_same_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().to_string().contains("another command"));
        drop(first);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn a_line_of_progress_is_due_after_its_time_only() {
        let printer = Printer::new(true);
        let printed_at = printer.state().printed_at;
        printer.progress(&CopiedContents { copied: 1, ..CopiedContents::default() });
        let State { printed_at: later, so_far, .. } = printer.state.into_inner().unwrap();
        assert_eq!((later, so_far.copied), (printed_at, 1));

        let printer = Printer::new(true);
        let long_ago = Instant::now().checked_sub(EVERY).unwrap();
        printer.state().printed_at = long_ago;
        printer.progress(&CopiedContents::default());
        assert!(printer.state().printed_at > long_ago);
    }

    #[test]
    fn the_progress_says_of_how_many() {
        let so_far = CopiedContents { files: 3, copied: 2, copied_bytes: 10, present: 1, ..CopiedContents::default() };
        assert_eq!(progress(&so_far), "3 files  2 contents copied  10 bytes  1 there already");
        let counted = CopiedContents { files_in_all: Some(9), ..so_far };
        assert_eq!(progress(&counted), "3 of 9 files  2 contents copied  10 bytes  1 there already");
    }
}
