//! The data folder: only its owner can read it, and one server uses it at a time.

use crate::config::Config;
use skep_application::kernel::Random;
use skep_crypto::{InstanceSecret, InstanceSecrets};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server uses the folder.
    #[error("another server uses the data folder {}: stop it, or set SKEP_DATA_DIR to another folder", .0.display())]
    InUse(PathBuf),
    /// The file does not have a secret.
    #[error("{} does not have an instance secret: expected 64 hexadecimal digits", .0.display())]
    NoSecret(PathBuf),
    /// Other users can read the secret.
    #[error("other users can read {}: run chmod 600 on it", .0.display())]
    Open(PathBuf),
    /// A secret that a setting names cannot be used.
    #[error("the secret that {setting} names cannot be used")]
    Named {
        /// The environment variable with the path of its file.
        setting: &'static str,
        /// What is wrong with the file.
        source: Box<DataDirError>,
    },
    /// The system refuses an operation.
    #[error("{} cannot be used: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

pub(crate) struct DataDir(PathBuf);

/// The lock of the running server. The system frees it when the process ends for any reason.
pub(crate) struct ServerLock {
    _file: File,
}

/// The file name of the secret in the data folder.
pub(crate) const SECRET: &str = "instance.secret";
/// The setting that names the file of the secret.
pub(crate) const SECRET_FILE: &str = "SKEP_SECRET_FILE";
/// The setting that names the file of the previous secret.
pub(crate) const PREVIOUS_SECRET_FILE: &str = "SKEP_PREVIOUS_SECRET_FILE";

/// The secrets whose files are named by settings. Such a file must exist.
pub(crate) struct NamedSecrets {
    current: Option<InstanceSecret>,
    previous: Option<InstanceSecret>,
}

impl NamedSecrets {
    /// Reads the files that the configuration names.
    pub(crate) fn read(config: &Config) -> Result<Self, DataDirError> {
        let read = |setting: &'static str, path: Option<&Path>| {
            let secret = path.map(read_secret).transpose();
            secret.map_err(|error| DataDirError::Named { setting, source: Box::new(error) })
        };
        Ok(Self {
            current: read(SECRET_FILE, config.secret_file.as_deref())?,
            previous: read(PREVIOUS_SECRET_FILE, config.previous_secret_file.as_deref())?,
        })
    }
}

impl DataDir {
    /// The folder, which may be missing.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Creates the folder if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error(path))?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("skep.db")
    }

    /// Locks the folder against a second server.
    pub(crate) fn lock(&self) -> Result<ServerLock, DataDirError> {
        let path = self.0.join("server.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(io_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(ServerLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::InUse(self.0.clone())),
            Err(fs::TryLockError::Error(source)) => Err(DataDirError::Io { path, source }),
        }
    }

    /// The secrets of the instances. Without a named one, the current secret is in the folder.
    pub(crate) fn secrets(&self, named: NamedSecrets, random: &dyn Random) -> Result<InstanceSecrets, DataDirError> {
        let NamedSecrets { current, previous } = named;
        Ok(InstanceSecrets::new(current.map_or_else(|| self.secret(random), Ok)?, previous))
    }

    /// The secret in the folder. It is made if it is missing.
    fn secret(&self, random: &dyn Random) -> Result<InstanceSecret, DataDirError> {
        let path = self.0.join(SECRET);
        match read_secret(&path) {
            Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                write_secret(&path, &InstanceSecret::generate(random))?;
                // Two servers that start at once both use the secret that was written first.
                read_secret(&path)
            }
            done => done,
        }
    }
}

pub(crate) fn read_secret(path: &Path) -> Result<InstanceSecret, DataDirError> {
    let content = fs::read(path).map_err(io_error(path))?;
    let mode = fs::metadata(path).map_err(io_error(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(DataDirError::Open(path.to_owned()));
    }
    InstanceSecret::from_file(&content).map_err(|_| DataDirError::NoSecret(path.to_owned()))
}

/// Writes the secret to a draft and then links the draft to its place, unless a secret exists. A reader never sees
/// half.
fn write_secret(path: &Path, secret: &InstanceSecret) -> Result<(), DataDirError> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(secret.to_text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    })();
    // A draft that stays behind does no harm: the next start writes over it.
    let _ = fs::remove_file(&draft);
    written.map_err(io_error(path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_local::OsRandom;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_can_read_the_folder_and_the_secret() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("skep-data");
        let folder = DataDir::open(&path).unwrap();
        let first = folder.secret(&OsRandom).unwrap();
        assert_eq!((mode(&path), mode(&path.join("instance.secret"))), (0o700, 0o600));
        assert_eq!(folder.secret(&OsRandom).unwrap().to_text(), first.to_text());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_other_users_can_read_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path()).unwrap();
        folder.secret(&OsRandom).unwrap();
        let path = parent.path().join("instance.secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(folder.secret(&OsRandom), Err(DataDirError::Open(_))));
    }

    #[test]
    fn a_named_secret_must_exist_and_be_valid() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("named");
        let refused = |config: &Config| match NamedSecrets::read(config).err().unwrap() {
            DataDirError::Named { setting, source } => (setting, *source),
            other => panic!("{other:?}"),
        };
        let current = Config { secret_file: Some(named.clone()), ..Config::default() };
        let previous = Config { previous_secret_file: Some(named.clone()), ..Config::default() };
        assert!(matches!(refused(&current), ("SKEP_SECRET_FILE", DataDirError::Io { .. })));
        assert!(matches!(refused(&previous), ("SKEP_PREVIOUS_SECRET_FILE", DataDirError::Io { .. })));
        fs::write(&named, "short").unwrap();
        fs::set_permissions(&named, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(refused(&current), ("SKEP_SECRET_FILE", DataDirError::NoSecret(_))));
    }

    #[test]
    fn two_servers_cannot_use_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path()).unwrap();
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(DataDirError::InUse(_))));
        drop(lock);
        assert!(folder.lock().is_ok());
    }
}
