//! What is wrong with a configuration, and where.

use std::{collections::BTreeMap, fmt};

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In an environment variable.
    Environment,
    /// In the configuration file.
    File {
        /// Its path, as it was named.
        name: String,
        /// The line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::File { name, line } => write!(f, "{name} line {line}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable, or the key of the file.
    pub name: String,
    /// Where it was found.
    pub place: Location,
    /// What is wrong and what is expected.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.place, self.text)
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigError {}

/// What is set, by the name of the environment variable.
pub(super) type Values = BTreeMap<&'static str, (String, Location)>;
