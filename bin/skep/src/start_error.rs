//! Why an instance does not start.

use crate::{data_dir::DataDirError, keys::RefreshError};
use skep_application::{
    kernel::{BoxError, StoreError},
    operations::{Defect, MigrationError},
};
use skep_crypto::{FieldKeyError, KeyRingError, SealError, TokenSetupError};
use std::time::Duration;

/// Why an instance does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The file of the store cannot be used.
    #[error("the {name} store cannot be used")]
    Store {
        /// Its name, as `SKEP_STORE` has it.
        name: &'static str,
        /// What the adapter reports.
        #[source]
        source: BoxError,
    },
    /// The store answers and cannot be used, for example because a right is missing.
    #[error("the {name} store cannot be used: {}", listed(defects))]
    Unfit {
        /// Its name, as `SKEP_STORE` has it.
        name: &'static str,
        /// What is wrong, with what to do about it.
        defects: Vec<Defect>,
    },
    /// The server of the store refuses the connection, or has no transactions.
    #[error("{server} cannot be used: check {setting}")]
    Refused {
        /// PostgreSQL or MongoDB.
        server: &'static str,
        /// The environment variable with its address.
        setting: &'static str,
        /// What the adapter reports.
        #[source]
        source: BoxError,
    },
    /// The server of the store did not answer in time.
    #[error("{server} did not answer within {} s (SKEP_START_TIMEOUT): start it, or correct {setting}", waited.as_secs())]
    Away {
        /// PostgreSQL or MongoDB.
        server: &'static str,
        /// The environment variable with its address.
        setting: &'static str,
        /// How long the start has waited.
        waited: Duration,
        /// The last error.
        #[source]
        source: BoxError,
    },
    /// Redis cannot have this address.
    #[error("Redis cannot be used: check REDIS_URL")]
    Limits(#[source] BoxError),
    /// The folder of the contents of files cannot be used.
    #[error("the folder {} of files cannot be used: check SKEP_FILES_DIR", folder.display())]
    Files {
        /// `SKEP_FILES_DIR`, or `files` in the data folder.
        folder: std::path::PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The client of the bucket with the contents of files cannot be set up.
    #[error("the bucket of files cannot be used: check SKEP_S3_ENDPOINT and the certificates of this machine")]
    Bucket(#[source] BoxError),
    /// The mailer cannot be set up.
    #[error("mails cannot be sent: check SKEP_MAIL_CA_FILE")]
    Mail(#[source] BoxError),
    /// The client of the scanner cannot be set up.
    #[error("the scanner of files cannot be asked: check SKEP_SCANNER and the certificates of this machine")]
    Scanner(#[source] BoxError),
    /// The schema could not be brought up to date.
    #[error("the schema of the store could not be brought up to date")]
    Migration(#[from] MigrationError),
    /// The keys in the store cannot be opened or made.
    #[error("the keys of this deployment cannot be used")]
    Keys(#[from] KeyRingError),
    /// The keys of sealed fields cannot be opened or made.
    #[error("the keys of sealed fields cannot be used")]
    FieldKeys(#[from] FieldKeyError),
    /// The key of links to contents of files cannot be derived from the secret.
    #[error("links to contents of files cannot be signed")]
    LinkKey(#[source] SealError),
    /// The subscribers of events could not be made known to the store.
    #[error("the subscribers of events could not be stored")]
    Subscribers(#[source] StoreError),
    /// The signer of access tokens cannot be set up.
    #[error("access tokens cannot be signed")]
    Tokens(#[from] TokenSetupError),
}

impl From<RefreshError> for StartError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Ring(error) => error.into(),
            RefreshError::Fields(error) => error.into(),
        }
    }
}

fn listed(defects: &[Defect]) -> String {
    let lines = defects.iter().map(|Defect { text, remedy, .. }| format!("{text}: {remedy}"));
    lines.collect::<Vec<_>>().join("; ")
}
