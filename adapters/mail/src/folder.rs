//! Mails as files, for deployments without a mail server.

use crate::message::message;
use async_trait::async_trait;
use skep_application::{
    kernel::Clock,
    notifications::{MailError, Mailer, ServerWords},
};
use skep_domain::notifications::Mail;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::Mutex, task::spawn_blocking};

/// How many files stay in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderBounds {
    /// The greatest number of files. The oldest ones are deleted.
    pub files: usize,
    /// Older files are deleted.
    pub age: Duration,
}

impl Default for FolderBounds {
    fn default() -> Self {
        Self { files: 1_000, age: Duration::from_secs(30 * 24 * 60 * 60) }
    }
}

/// Writes each mail to a file `KEY.eml` that only the owner can read. A mail that is sent again replaces its file. A file
/// is there as a whole or not at all.
pub struct FolderMailer {
    folder: PathBuf,
    bounds: FolderBounds,
    clock: Arc<dyn Clock>,
    /// One mail at a time, so that each sees the files of the others.
    turn: Arc<Mutex<()>>,
}

impl std::fmt::Debug for FolderMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FolderMailer").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl FolderMailer {
    /// Writes to this folder, which the first mail creates.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, bounds: FolderBounds, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), bounds, clock, turn: Arc::default() }
    }
}

#[async_trait]
impl Mailer for FolderMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message(mail, self.clock.now());
        let bytes = message.map_err(|error| MailError::Refused(ServerWords::of(&error.to_string())))?.formatted();
        let (folder, bounds, name) = (self.folder.clone(), self.bounds, format!("{}.eml", mail.key));
        let turn = self.turn.clone().lock_owned().await;
        let written = spawn_blocking(move || {
            let _turn = turn;
            store(&folder, &name, &bytes)?;
            tidy(&folder, bounds)
        });
        written.await.map_err(MailError::unavailable)?.map_err(MailError::unavailable)
    }

    async fn check(&self) -> Result<(), MailError> {
        let folder = self.folder.clone();
        let made = spawn_blocking(move || make(&folder)).await;
        made.map_err(MailError::unavailable)?.map_err(MailError::unavailable)
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes the file under another name and renames it, so that a reader never sees a part of it.
fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make(folder)?;
    let (partial, path) = (folder.join(format!("{name}.part")), folder.join(name));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    File::open(folder)?.sync_all()
}

/// Deletes what is too old or too much.
fn tidy(folder: &Path, bounds: FolderBounds) -> io::Result<()> {
    let mut mails: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "eml") {
            mails.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    // The newest ones first.
    mails.sort_unstable_by(|one, other| other.cmp(one));
    let now = SystemTime::now();
    let is_old = |time: &SystemTime| now.duration_since(*time).is_ok_and(|age| age > bounds.age);
    for (place, (time, path)) in mails.iter().enumerate() {
        if place >= bounds.files || is_old(time) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_domain::notifications::{MailAddress, MailPart, MessageKey, Subject};
    use skep_local::SystemClock;
    use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _};

    fn mail(key: &str) -> Mail {
        let address = MailAddress::parse("ada@example.com").unwrap();
        Mail {
            key: MessageKey::parse(key).unwrap(),
            from: address.clone(),
            to: address,
            reply_to: None,
            subject: Subject::parse("Hello").unwrap(),
            text: MailPart::parse("Hello").unwrap(),
            html: None,
        }
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn mailer(folder: &Path, files: usize) -> FolderMailer {
        let bounds = FolderBounds { files, ..FolderBounds::default() };
        FolderMailer::new(folder.join("mail"), bounds, Arc::new(SystemClock::new()))
    }

    #[tokio::test]
    async fn only_the_owner_can_read_a_mail_and_its_folder() {
        let home = tempfile::tempdir().unwrap();
        mailer(home.path(), 9).send(&mail("a")).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = home.path().join("mail");
        assert_eq!((mode(&folder), mode(&folder.join("a.eml"))), (0o700, 0o600));
        assert_eq!(names(&folder), BTreeSet::from(["a.eml".to_owned()]), "no part stays");
    }

    #[tokio::test]
    async fn old_mails_make_room_and_other_files_stay() {
        let home = tempfile::tempdir().unwrap();
        let (mailer, folder) = (mailer(home.path(), 3), home.path().join("mail"));
        for key in ["a", "b", "c"] {
            mailer.send(&mail(key)).await.unwrap();
        }
        fs::write(folder.join("notes.txt"), "").unwrap();
        let set_age = |name: &str, days: u64| {
            let time = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
            File::options().write(true).open(folder.join(name)).unwrap().set_modified(time).unwrap();
        };
        set_age("a.eml", 1);
        set_age("b.eml", 3);
        set_age("c.eml", 2);
        mailer.send(&mail("d")).await.unwrap();
        let expected = ["a.eml", "c.eml", "d.eml", "notes.txt"].map(str::to_owned);
        assert_eq!(names(&folder), BTreeSet::from(expected));
        set_age("c.eml", 31);
        mailer.send(&mail("d")).await.unwrap();
        let expected = ["a.eml", "d.eml", "notes.txt"].map(str::to_owned);
        assert_eq!(names(&folder), BTreeSet::from(expected));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_a_matter_of_later() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("mail"), "a file").unwrap();
        let mailer = mailer(home.path(), 3);
        assert!(matches!(mailer.send(&mail("a")).await, Err(MailError::Unavailable { .. })));
        assert!(matches!(mailer.check().await, Err(MailError::Unavailable { .. })));
    }
}
