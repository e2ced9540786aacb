//! Checks of the data folder, the secret and the disk.

use super::finding::Finding;
use crate::{
    causes::with_causes,
    config::{Config, StoreChoice},
    data_dir::{
        self, DataDir, DataDirError, FIELD_SECRET_FILE, PREVIOUS_FIELD_SECRET_FILE, PREVIOUS_SECRET_FILE, SECRET_FILE,
        Secrets,
    },
};
use rustix::fs::{Access, access, statvfs};
use skep_crypto::{InstanceSecret, InstanceSecrets};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

const MIB: u64 = 1024 * 1024;
/// Free bytes below which the server would soon fail to store anything.
const TOO_LITTLE: u64 = 64 * MIB;
/// Free bytes below which an operator should make room.
const LITTLE: u64 = 1024 * MIB;

pub(super) fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// The path itself, or the nearest folder above it that exists.
fn nearest(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

pub(super) fn folder(config: &Config) -> Vec<Finding> {
    const NAME: &str = "data folder";
    let path = &config.data_dir;
    let shown = path.display();
    let Ok(found) = fs::metadata(path) else {
        let above = nearest(path);
        let may = access(&above, Access::WRITE_OK | Access::EXEC_OK);
        return vec![match may {
            Ok(()) if above.is_dir() => Finding::ok(NAME, format!("the first start will make {shown}")),
            Ok(()) => Finding::wrong(
                NAME,
                format!("{shown} cannot be made, because {} is not a folder", above.display()),
                "set SKEP_DATA_DIR to another folder",
            ),
            Err(error) => Finding::wrong(
                NAME,
                format!("{shown} cannot be made in {}: {error}", above.display()),
                "make the folder and give it to the user that runs skep, or set SKEP_DATA_DIR to another folder",
            ),
        }];
    };
    if !found.is_dir() {
        return vec![Finding::wrong(NAME, format!("{shown} is not a folder"), "set SKEP_DATA_DIR to another folder")];
    }
    let data = DataDir::at(path);
    if let Err(error) = data.check_access() {
        return vec![Finding::wrong(NAME, error.to_string(), "give it to the user that runs skep, with chown")];
    }
    let mut findings: Vec<_> = data.files().filter_map(|file| unusable(NAME, &file)).collect();
    let loose = data.loose();
    findings.extend(loose.iter().map(|loose| {
        let shown = loose.path.display();
        let text = format!("other users can use {shown}");
        match loose.can_be_mended() {
            true => Finding::note(NAME, text, "nothing: the next start takes their rights away"),
            false => Finding::note(
                NAME,
                format!("{text}, which belongs to another user"),
                "the files that skep makes in it are closed to others; give it to the user that runs skep if you can",
            ),
        }
    }));
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, format!("only its owner can use {shown}")));
    }
    findings
}

/// A file that an earlier start may have made as another user.
fn unusable(name: &'static str, file: &Path) -> Option<Finding> {
    let error = access(file, Access::READ_OK | Access::WRITE_OK).err()?;
    let text = format!("{} cannot be used: {error}", file.display());
    Some(Finding::wrong(name, text, "give it to the user that runs skep, with chown"))
}

/// Also returns the secrets, for the check of the keys in the store.
pub(super) fn secrets(config: &Config) -> (Option<Secrets>, Vec<Finding>) {
    let (current, found) = match &config.secret_file {
        Some(path) => secret(path, data_dir::read_secret(path), Some(SECRET_FILE)),
        None => {
            let path = config.data_dir.join(data_dir::SECRET);
            secret(&path, DataDir::at(&config.data_dir).secret_after_mending(), None)
        }
    };
    let mut findings = vec![found];
    let mut named = |path: &Option<PathBuf>, setting| {
        let (found, finding) = path.as_deref().map(|path| secret(path, data_dir::read_secret(path), Some(setting)))?;
        findings.push(finding);
        found
    };
    let previous = named(&config.previous_secret_file, PREVIOUS_SECRET_FILE);
    let field = named(&config.field_secret_file, FIELD_SECRET_FILE);
    let previous_field = named(&config.previous_field_secret_file, PREVIOUS_FIELD_SECRET_FILE);
    // The configuration has checked the value.
    let field = field.or_else(|| data_dir::given_field_secret(config).ok().flatten());
    let secrets = current.map(|current| {
        let instances = InstanceSecrets::new(current, previous);
        let fields = instances.with_own(field, previous_field);
        Secrets { instances, fields }
    });
    (secrets, findings)
}

/// A secret that a setting names must exist.
fn secret(
    path: &Path,
    read: Result<InstanceSecret, DataDirError>,
    setting: Option<&'static str>,
) -> (Option<InstanceSecret>, Finding) {
    const NAME: &str = "secret";
    let shown = path.display();
    match read {
        Ok(secret) => (Some(secret), Finding::ok(NAME, format!("{shown} has a secret, closed to other users"))),
        Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let missing = |setting: &str| format!("{setting} names {shown}, which does not exist");
            let finding = match setting {
                None => Finding::ok(NAME, format!("the first start will make {shown}")),
                Some(setting @ (PREVIOUS_SECRET_FILE | PREVIOUS_FIELD_SECRET_FILE)) => Finding::wrong(
                    NAME,
                    missing(setting),
                    "restore the file, or remove the setting if every key is sealed with the current secret",
                ),
                Some(setting) => {
                    let remedy = format!(
                        "for a new store, make it: (umask 077; openssl rand -hex 32 > {shown}); for an existing one, \
                         restore the file"
                    );
                    Finding::wrong(NAME, missing(setting), remedy)
                }
            };
            (None, finding)
        }
        Err(error @ DataDirError::NoSecret { .. }) => {
            let remedy = "restore the file from a backup; a new secret cannot open the keys of an existing store";
            (None, Finding::wrong(NAME, with_causes(&error, ": "), remedy))
        }
        Err(error) => {
            let remedy = "make the file readable for the user that runs skep, and for no one else";
            (None, Finding::wrong(NAME, with_causes(&error, ": "), remedy))
        }
    }
}

/// A store that other instances can use, beside contents of files that they cannot read. `serve` logs it as a warning at
/// the start.
pub(crate) fn local_files(config: &Config) -> Option<Finding> {
    let shared = !matches!(config.store, StoreChoice::Sqlite);
    (shared && config.files_dir.is_none() && config.s3.is_none()).then(|| {
        Finding::note(
            "files",
            "SKEP_FILES_DIR is not set: contents of files are in the data folder of this instance; other instances of \
             the store cannot read them, and they are lost with this folder",
            "set SKEP_FILES_DIR to a folder that lasts and that all instances share; for one instance, to a folder that \
             lasts; or set SKEP_S3_BUCKET",
        )
    })
}

pub(super) fn disk(config: &Config) -> Finding {
    const NAME: &str = "disk";
    let path = nearest(&config.data_dir);
    let shown = path.display();
    match statvfs(&path) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB are free at {shown}", free / MIB);
            // Some file systems have no fixed number of files, and report none at all.
            if disk.f_files > 0 && disk.f_favail == 0 {
                let text = format!("no file can be made at {shown}: the file system has as many as it can have");
                return Finding::wrong(NAME, text, "delete files that are not needed");
            }
            match free {
                _ if free < TOO_LITTLE => {
                    Finding::wrong(NAME, text, "free some space: nothing can be stored on a full disk")
                }
                _ if free < LITTLE => Finding::note(NAME, text, "free some space soon"),
                _ => Finding::ok(NAME, text),
            }
        }
        Err(error) => Finding::note(NAME, format!("the free space at {shown} is unknown: {error}"), "check it with df"),
    }
}
