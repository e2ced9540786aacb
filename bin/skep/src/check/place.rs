//! Checks of the data folder, the secret and the disk.

use super::finding::Finding;
use crate::{
    config::Config,
    data_dir::{self, DataDirError, PREVIOUS_SECRET_FILE, SECRET_FILE},
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
    if let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let text = format!("{shown} cannot be used: {error}");
        return vec![Finding::wrong(NAME, text, "give it to the user that runs skep, with chown".to_owned())];
    }
    vec![match found.permissions().mode() & 0o077 {
        0 => Finding::ok(NAME, format!("only its owner can read {shown}")),
        _ => Finding::note(NAME, format!("other users can read {shown}"), format!("chmod 700 {shown}")),
    }]
}

/// Also returns the secrets, for the check of the keys in the store.
pub(super) fn secrets(config: &Config) -> (Option<InstanceSecrets>, Vec<Finding>) {
    let own = config.data_dir.join(data_dir::SECRET);
    let path = config.secret_file.as_deref().unwrap_or(&own);
    let (current, found) = secret(path, config.secret_file.as_ref().map(|_| SECRET_FILE));
    let mut findings = vec![found];
    let previous = config.previous_secret_file.as_deref().and_then(|path| {
        let (previous, found) = secret(path, Some(PREVIOUS_SECRET_FILE));
        findings.push(found);
        previous
    });
    (current.map(|current| InstanceSecrets::new(current, previous)), findings)
}

/// A secret that a setting names must exist.
fn secret(path: &Path, setting: Option<&'static str>) -> (Option<InstanceSecret>, Finding) {
    const NAME: &str = "secret";
    let shown = path.display();
    match data_dir::read_secret(path) {
        Ok(secret) => (Some(secret), Finding::ok(NAME, format!("only its owner can read {shown}"))),
        Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let missing = |setting: &str| format!("{setting} names {shown}, which does not exist");
            let finding = match setting {
                None => Finding::ok(NAME, format!("the first start will make {shown}")),
                Some(PREVIOUS_SECRET_FILE) => Finding::wrong(
                    NAME,
                    missing(PREVIOUS_SECRET_FILE),
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
        Err(DataDirError::Open(_)) => {
            (None, Finding::wrong(NAME, format!("other users can read {shown}"), format!("chmod 600 {shown}")))
        }
        Err(error @ DataDirError::NoSecret(_)) => {
            let remedy = "restore the file from a backup; a new secret cannot open the keys of an existing store";
            (None, Finding::wrong(NAME, error.to_string(), remedy))
        }
        Err(error) => {
            let remedy = "make the file readable for the user that runs skep, and for no one else";
            (None, Finding::wrong(NAME, error.to_string(), remedy))
        }
    }
}

pub(super) fn disk(config: &Config) -> Finding {
    const NAME: &str = "disk";
    let path = nearest(&config.data_dir);
    let shown = path.display();
    match statvfs(&path) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB are free at {shown}", free / MIB);
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
