//! Fixtures: databases that released programs have made.

use crate::Kind;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use skep_contract::Failure;
use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// One database of one store, made by one release.
#[derive(Debug, Clone)]
pub struct Fixture {
    folder: PathBuf,
}

/// The program's answers about its database.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// The password of every account.
    pub password: String,
    /// The addresses of the accounts; the first is the admin's.
    pub emails: Vec<String>,
    /// A login that is still valid.
    pub session: Session,
    /// A command that was sent with a key.
    pub command: Command,
    /// The answers to GET requests.
    pub answers: Vec<Answer>,
    /// When the fixture was made, in milliseconds since 1970. Every time in it is earlier.
    pub made_at: i64,
}

/// A login of an account.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// The address of the account.
    pub email: String,
    /// The access token.
    pub token: String,
}

/// A command, sent by the owner of [`Manifest::session`].
#[derive(Debug, Clone, Deserialize)]
pub struct Command {
    /// The path to which it was sent, with POST.
    pub path: String,
    /// The idempotency key.
    pub key: String,
    /// The JSON that was sent.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
    /// The JSON that was answered.
    pub answer: Value,
}

/// A GET request and its answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// The path, with its parameters.
    pub path: String,
    /// The account that sent it; `None` for a visitor.
    pub email: Option<String>,
    /// The JSON that was answered.
    pub answer: Value,
}

impl Fixture {
    /// Every fixture of a store, by the name of its schema.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn all(kind: Kind) -> Result<Vec<(String, Self)>, Failure> {
        let mut found = Vec::new();
        for release in fs::read_dir(Path::new(env!("SKEP_ROOT")).join("tests/upgrades/fixtures"))? {
            let release = release?;
            let folder = release.path().join(kind.name());
            if folder.is_dir() {
                found.push((release.file_name().to_string_lossy().into_owned(), Self { folder }));
            }
        }
        Ok(found)
    }

    /// The program's answers.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn manifest(&self) -> Result<Manifest, Failure> {
        Ok(serde_json::from_str(&self.text("manifest.json")?)?)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn text(&self, name: &str) -> Result<String, Failure> {
        Ok(fs::read_to_string(self.folder.join(name))?)
    }

    /// The unpacked bytes of a compressed file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn unpacked(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(self.folder.join(name))?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
