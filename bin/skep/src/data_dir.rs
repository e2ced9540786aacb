//! The data folder: only its owner can read it, and one server uses it at a time.

use crate::config::Config;
use rustix::{
    fs::{Access, access},
    process::geteuid,
};
use skep_application::kernel::Random;
use skep_crypto::{HmacFingerprints, InstanceSecret, InstanceSecrets, InvalidSecret, SealError};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server uses the folder.
    #[error("another server uses the data folder {}: stop it, or set SKEP_DATA_DIR to another folder", .0.display())]
    InUse(PathBuf),
    /// The file has no secret, or one that can be guessed.
    #[error("{} cannot be used", path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: InvalidSecret,
    },
    /// Other users can read or change the secret.
    #[error(
        "other users can use {}, which has the mode {mode:03o}: run chmod 600 on it (a file of root may have 0440 or 0640, \
         as Kubernetes mounts secrets with `defaultMode: 0440` and an `fsGroup`)",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// This user may not read the secret.
    #[error(
        "this user may not read {}: give the file to the user that runs skep (in Kubernetes, set `fsGroup` and \
         `defaultMode: 0440`)",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The value of a setting is no secret.
    #[error("{FIELD_SECRET} cannot be used: {0}")]
    Given(InvalidSecret),
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

/// The file name of the lock.
const LOCK: &str = "server.lock";
/// The file name of the secret in the data folder.
pub(crate) const SECRET: &str = "instance.secret";
/// The modes of a secret in the data folder that a start mends: Kubernetes gives the files of a volume to a group at each
/// mount. A secret that everyone can read is refused instead, because others may know it by now.
const MENDED: u32 = 0o770;
/// More bytes than a secret has in any form.
const LONGEST_SECRET: u64 = 4096;
/// The setting that names the file of the secret.
pub(crate) const SECRET_FILE: &str = "SKEP_SECRET_FILE";
/// The setting that names the file of the previous secret.
pub(crate) const PREVIOUS_SECRET_FILE: &str = "SKEP_PREVIOUS_SECRET_FILE";

/// The setting that names the file of the secret of sealed fields.
pub(crate) const FIELD_SECRET_FILE: &str = "SKEP_FIELD_SECRET_FILE";
/// The setting that has the same secret as a value.
pub(crate) const FIELD_SECRET: &str = "SKEP_FIELD_SECRET";
/// The setting that names the file of the previous secret of sealed fields.
pub(crate) const PREVIOUS_FIELD_SECRET_FILE: &str = "SKEP_PREVIOUS_FIELD_SECRET_FILE";

/// The secrets that settings name or have. A file that is named must exist.
#[derive(Default)]
pub(crate) struct NamedSecrets {
    current: Option<InstanceSecret>,
    previous: Option<InstanceSecret>,
    field: Option<InstanceSecret>,
    previous_field: Option<InstanceSecret>,
}

/// The secrets of an instance.
pub(crate) struct Secrets {
    /// Those that every key of the deployment is sealed with.
    pub(crate) instances: InstanceSecrets,
    /// Those that wrap the keys of sealed fields.
    pub(crate) fields: InstanceSecrets,
}

impl Secrets {
    /// The key of links to contents of files.
    pub(crate) fn link_key(&self) -> Result<HmacFingerprints, SealError> {
        self.instances.fingerprints("links to contents of files")
    }
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
            field: match given_field_secret(config)? {
                None => read(FIELD_SECRET_FILE, config.field_secret_file.as_deref())?,
                given => given,
            },
            previous_field: read(PREVIOUS_FIELD_SECRET_FILE, config.previous_field_secret_file.as_deref())?,
        })
    }
}

impl DataDir {
    /// The folder, which may be missing.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Creates the folder if it is missing. Takes the rights of other users away from the folder and from our files in
    /// it: a backup may have been restored with other modes, and Kubernetes gives a volume to a group.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error(path))?;
        let folder = Self(path.to_owned());
        folder.loose().iter().for_each(Loose::mend);
        Ok(folder)
    }

    /// Fails if no file can be made in the folder.
    pub(crate) fn check_access(&self) -> Result<(), DataDirError> {
        let checked = access(&self.0, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
        checked.map_err(|error| io_error(&self.0)(error.into()))
    }

    /// The folder of the contents of files.
    pub(crate) fn contents(&self) -> PathBuf {
        self.0.join("files")
    }

    /// The folder of mails that no server takes.
    pub(crate) fn mails(&self) -> PathBuf {
        self.0.join("mail")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("skep.db")
    }

    /// Our files that exist, except the secret.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let database = ["", "-wal", "-shm", "-schema-lock"].map(|end| format!("skep.db{end}"));
        let names = database.into_iter().chain([LOCK.to_owned()]);
        names.map(|name| self.0.join(name)).filter(|path| path.exists())
    }

    /// The folder and our files in it that other users can use.
    pub(crate) fn loose(&self) -> Vec<Loose> {
        // A link may lead to a file that is not ours.
        let found = |path: PathBuf| fs::symlink_metadata(&path).ok().map(|found| (path, found));
        let found = |path: PathBuf| found(path).filter(|(_, found)| !found.is_symlink());
        let others_can = |found: &Metadata| found.permissions().mode() & 0o077 != 0;
        let folder = Some(self.0.clone()).filter(|_| self.is_only_ours());
        let paths = folder.into_iter().chain(self.files()).filter_map(found);
        let mut loose: Vec<_> = paths.filter(|(_, found)| others_can(found)).collect();
        let secret = found(self.0.join(SECRET));
        loose.extend(secret.filter(|(_, found)| {
            others_can(found) && is_ours(found) && found.permissions().mode() & !MENDED & 0o777 == 0
        }));
        loose.into_iter().map(|(path, found)| Loose { path, found }).collect()
    }

    /// Whether everything in the folder is ours. Others may need to use a folder that has more, such as `/var/lib`.
    fn is_only_ours(&self) -> bool {
        let is_folder = |name: &str| ["files", "mail"].contains(&name);
        let is_ours = |name: &str| {
            name.starts_with("skep.db") || name.starts_with("instance.") || name == LOCK || is_folder(name)
        };
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name());
        let is_special = fs::metadata(&self.0).is_ok_and(|found| found.permissions().mode() & 0o1000 != 0);
        !is_special && names.all(|name| name.to_str().is_some_and(is_ours))
    }

    /// Locks the folder against a second server.
    pub(crate) fn lock(&self) -> Result<ServerLock, DataDirError> {
        let path = self.0.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(io_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(ServerLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::InUse(self.0.clone())),
            Err(fs::TryLockError::Error(source)) => Err(DataDirError::Io { path, source }),
        }
    }

    /// Reads the secret in the folder as the next start will, which closes it to its group first.
    pub(crate) fn secret_after_mending(&self) -> Result<InstanceSecret, DataDirError> {
        read_closed(&self.0.join(SECRET), |found| if is_ours(found) { !MENDED & 0o077 } else { 0o077 })
    }

    /// Fails if the secret in the folder exists and cannot be used.
    pub(crate) fn check_secret(&self, named: &NamedSecrets) -> Result<(), DataDirError> {
        match named.current {
            Some(_) => Ok(()),
            None => self.existing_secret().map(drop),
        }
    }

    /// The secrets of the instances. Without a named one, the current secret is in the folder.
    pub(crate) fn secrets(&self, named: NamedSecrets, random: &dyn Random) -> Result<Secrets, DataDirError> {
        let NamedSecrets { current, previous, field, previous_field } = named;
        let instances = InstanceSecrets::new(current.map_or_else(|| self.secret(random), Ok)?, previous);
        let fields = instances.with_own(field, previous_field);
        Ok(Secrets { instances, fields })
    }

    fn existing_secret(&self) -> Result<Option<InstanceSecret>, DataDirError> {
        match read_secret(&self.0.join(SECRET)) {
            Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            done => done.map(Some),
        }
    }

    /// The secret in the folder. It is made if it is missing.
    fn secret(&self, random: &dyn Random) -> Result<InstanceSecret, DataDirError> {
        if let Some(secret) = self.existing_secret()? {
            return Ok(secret);
        }
        let path = self.0.join(SECRET);
        write_secret(&path, &InstanceSecret::generate(random))?;
        // Two servers that start at once both use the secret that was written first.
        read_secret(&path)
    }
}

/// The secret of sealed fields, if a setting has it as a value.
pub(crate) fn given_field_secret(config: &Config) -> Result<Option<InstanceSecret>, DataDirError> {
    let given = config.field_secret.as_ref().map(|text| InstanceSecret::from_text(&text.0));
    given.transpose().map_err(DataDirError::Given)
}

/// A file or folder of ours that other users can use.
pub(crate) struct Loose {
    pub(crate) path: PathBuf,
    found: Metadata,
}

impl Loose {
    /// Whether the start can take the rights of others away.
    pub(crate) fn can_be_mended(&self) -> bool {
        is_ours(&self.found)
    }

    fn mend(&self) {
        let Self { path, found } = self;
        let shown = path.display();
        let mode = found.permissions().mode() & 0o700;
        let mended = if is_ours(found) { fs::set_permissions(path, Permissions::from_mode(mode)) } else { Ok(()) };
        match mended {
            // The folder of a volume belongs to root. The files in it are ours, and closed.
            Ok(()) if !is_ours(found) => tracing::debug!("other users can use {shown}, which belongs to another user"),
            Ok(()) => tracing::warn!("other users could use {shown}; its mode is {mode:03o} now"),
            Err(error) => tracing::warn!(%error, "other users can use {shown}, and its mode cannot be changed"),
        }
    }
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == geteuid().as_raw()
}

/// Reads a secret. Follows the links with which Kubernetes mounts it.
///
/// Takes the modes that PostgreSQL takes for the key of its certificate: the owner alone may use the file, and the group
/// may read one that belongs to root.
pub(crate) fn read_secret(path: &Path) -> Result<InstanceSecret, DataDirError> {
    read_closed(path, |found| if found.uid() == 0 { 0o037 } else { 0o077 })
}

/// Reads a secret whose mode has none of the `forbidden` bits.
fn read_closed(path: &Path, forbidden: impl FnOnce(&Metadata) -> u32) -> Result<InstanceSecret, DataDirError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied => DataDirError::Unreadable { path: path.to_owned(), source },
        _ => DataDirError::Io { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    let mode = found.permissions().mode() & 0o777;
    if mode & forbidden(&found) != 0 {
        return Err(DataDirError::Open { path: path.to_owned(), mode });
    }
    let mut content = vec![];
    Read::take(&mut file, LONGEST_SECRET).read_to_end(&mut content).map_err(failed)?;
    InstanceSecret::from_file(&content).map_err(|source| DataDirError::NoSecret { path: path.to_owned(), source })
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
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(folder.secret(&OsRandom), Err(DataDirError::Open { mode: 0o644, .. })));
        assert!(matches!(DataDir::open(parent.path()).unwrap().secret(&OsRandom), Err(DataDirError::Open { .. })));
    }

    #[test]
    fn a_secret_is_taken_with_the_modes_that_postgresql_takes() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path()).unwrap();
        folder.secret(&OsRandom).unwrap();
        let path = parent.path().join(SECRET);
        // Tests of another user than root own the file.
        let is_root = geteuid().is_root();
        for (mode, is_taken) in [
            (0o600, true),
            (0o400, true),
            (0o440, is_root),
            (0o640, is_root),
            (0o660, false),
            (0o450, false),
            (0o604, false),
            (0o444, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path).is_ok(), is_taken, "{mode:o}");
        }
        if is_root {
            std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
            assert!(matches!(read_secret(&path), Err(DataDirError::Open { .. })), "another user owns it");
        }
    }

    #[test]
    fn loose_modes_of_our_files_are_mended() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let folder = DataDir::open(&path).unwrap();
        folder.secret(&OsRandom).unwrap();
        let of_others = path.join("notes");
        for file in [folder.database(), path.join("skep.db-wal"), of_others.clone()] {
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        }
        fs::set_permissions(path.join(SECRET), Permissions::from_mode(0o660)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o775)).unwrap();
        // Neither is a link, which may lead to a file of others.
        std::os::unix::fs::symlink(&of_others, path.join(LOCK)).unwrap();
        assert_eq!(folder.loose().len(), 3);
        assert!(folder.loose().iter().all(Loose::can_be_mended));
        let folder = DataDir::open(&path).unwrap();
        assert_eq!(folder.loose().len(), 0);
        let modes = || ["", "skep.db", "skep.db-wal", SECRET].map(|name| mode(&path.join(name)));
        assert_eq!(modes(), [0o775, 0o600, 0o600, 0o600], "a folder with files of others stays open");
        assert_eq!(mode(&of_others), 0o664, "other files are left alone");
        folder.secret(&OsRandom).unwrap();
        fs::remove_file(of_others).unwrap();
        DataDir::open(&path).unwrap();
        assert_eq!(modes()[0], 0o700);
    }

    #[test]
    fn a_weak_secret_is_told_apart_from_another_text() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path()).unwrap();
        for (content, expected) in
            [("0".repeat(64), InvalidSecret::Weak), ("hunter2".to_owned(), InvalidSecret::Format)]
        {
            fs::write(parent.path().join(SECRET), content).unwrap();
            fs::set_permissions(parent.path().join(SECRET), Permissions::from_mode(0o600)).unwrap();
            let named = NamedSecrets::default();
            let Err(DataDirError::NoSecret { source, .. }) = folder.check_secret(&named) else { panic!("it is taken") };
            assert_eq!(source, expected);
        }
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
        assert!(matches!(refused(&current), ("SKEP_SECRET_FILE", DataDirError::NoSecret { .. })));
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
