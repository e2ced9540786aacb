//! Faults of a configuration and their places.

use std::{collections::BTreeMap, fmt};

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An environment variable.
    Environment,
    /// A line of the configuration file.
    File {
        /// Its path, as `SKEP_CONFIG` has it.
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

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable, or the key of the file.
    pub name: String,
    /// Where the setting is.
    pub place: Location,
    /// What is wrong, and what is expected.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.place, self.text)
    }
}

/// All faults of a configuration.
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

/// The values that are set, by the name of the environment variable.
pub(super) type Values = BTreeMap<&'static str, (String, Location)>;
