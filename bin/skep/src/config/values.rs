//! What some settings are read as.

/// Which store holds the data.
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
}

/// A value that is not to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Human,
    /// A JSON object per line.
    Json,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The collector: an `http://` address without a path, to which `/v1/traces` is added.
    pub endpoint: String,
    /// What this deployment is called there.
    pub service_name: String,
    /// How many of a hundred traces that begin here are recorded.
    pub percent: u8,
}
