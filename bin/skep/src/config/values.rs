//! The types of some settings.

use skep_domain::shared::Cidr;
use skep_mail::SmtpServer;
use skep_scanner::ScannerAddress;
use std::{path::PathBuf, time::Duration};

/// The store of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file in the data folder.
    Sqlite,
    /// The server at this address.
    Postgres(Secret),
    /// The replica set at this address.
    Mongodb(Secret),
}

impl StoreChoice {
    /// The name, as `SKEP_STORE` has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Mongodb(_) => "mongodb",
        }
    }

    /// The server of the store; SQLite does not have one.
    pub(crate) const fn server(&self) -> Option<StoreServer> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(_) => Some(StoreServer { name: "PostgreSQL", setting: "DATABASE_URL" }),
            Self::Mongodb(_) => Some(StoreServer { name: "MongoDB", setting: "MONGODB_URI" }),
        }
    }
}

/// A server that holds the data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreServer {
    pub(crate) name: &'static str,
    /// The environment variable with its address.
    pub(crate) setting: &'static str,
}

/// A value that no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Human,
    /// A JSON object per line.
    Json,
}

/// The collector of traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// An `http://` address without a path. Traces go to `/v1/traces` there.
    pub endpoint: String,
    /// The name of this deployment in traces.
    pub service_name: String,
    /// The percentage of traces that are recorded.
    pub percent: u8,
}

/// The scanner of files.
#[derive(Debug, Clone)]
pub struct ScannerServer {
    /// Where it listens. Without one, files are not scanned.
    pub address: Option<ScannerAddress>,
    /// The private networks that it may be in.
    pub networks: Vec<Cidr>,
    /// How long it may take for one file.
    pub patience: Duration,
}

/// Where mails go.
#[derive(Debug, Clone, Default)]
pub struct MailServer {
    /// The server. Without one, mails are written to a folder.
    pub smtp: Option<SmtpServer>,
    /// The private networks that it may be in.
    pub networks: Vec<Cidr>,
    /// The file with the certificates of a private authority.
    pub ca_file: Option<PathBuf>,
}
