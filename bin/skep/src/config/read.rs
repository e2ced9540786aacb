//! Reading variables and collecting what is wrong with them.

use super::{SETTINGS, Secret, Setting, StoreChoice};
use std::{collections::BTreeMap, fmt};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable.
    pub name: String,
    /// What is wrong and what is expected.
    pub text: String,
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
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.name, fault.text))
    }
}

impl std::error::Error for ConfigError {}

pub(super) struct Source {
    values: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Source {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut source = Self { values: BTreeMap::new(), faults: vec![] };
        for (name, value) in variables {
            if SETTINGS.iter().any(|setting| setting.name == name) {
                // Set to nothing is not set, as compose files write it.
                if !value.is_empty() {
                    source.values.insert(name, value);
                }
            } else if name.starts_with("SKEP_") && !name.starts_with("SKEP_TEST_") && !name.starts_with("SKEP_REQUIRE_")
            {
                let hint = nearest(&name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                source.fault(&name, format!("there is no such setting{hint}"));
            }
        }
        source
    }

    pub(super) fn fault(&mut self, name: &str, text: impl Into<String>) {
        self.faults.push(Fault { name: name.to_owned(), text: text.into() });
    }

    /// A setting with a default.
    pub(super) fn required<T>(&mut self, name: &'static str, form: &str, read: impl Fn(&str) -> Option<T>) -> T {
        let value = self.optional(name, form, &read);
        value.unwrap_or_else(|| read(setting(name).default).expect("every default can be read"))
    }

    /// A setting that may be missing.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        form: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.values.get(name)?;
        let value = read(text);
        if value.is_none() {
            let found = if setting(name).secret { String::new() } else { format!(", found {text:?}") };
            self.fault(name, format!("expected {form}{found}"));
        }
        value
    }

    /// The store: the one that is named, or the one whose address is set.
    pub(super) fn store(&mut self) -> StoreChoice {
        let postgres = self.optional("DATABASE_URL", "postgres:// address", |text| {
            (text.starts_with("postgres://") || text.starts_with("postgresql://")).then(|| Secret(text.to_owned()))
        });
        let mongodb = self.optional("MONGODB_URI", "mongodb:// or mongodb+srv:// address", |text| {
            (text.starts_with("mongodb://") || text.starts_with("mongodb+srv://")).then(|| Secret(text.to_owned()))
        });
        let named = self.optional("SKEP_STORE", "sqlite, postgres or mongodb", |text| {
            ["sqlite", "postgres", "mongodb"].into_iter().find(|name| *name == text)
        });
        match (named, postgres, mongodb) {
            (None, None, None) | (Some("sqlite"), _, _) => StoreChoice::Sqlite,
            (None | Some("postgres"), Some(url), None) | (Some("postgres"), Some(url), Some(_)) => {
                StoreChoice::Postgres(url)
            }
            (None | Some("mongodb"), None, Some(uri)) | (Some("mongodb"), Some(_), Some(uri)) => {
                StoreChoice::Mongodb(uri)
            }
            (None, Some(_), Some(_)) => {
                self.fault(
                    "SKEP_STORE",
                    "DATABASE_URL and MONGODB_URI are both set; name the one to use: postgres or mongodb",
                );
                StoreChoice::Sqlite
            }
            (Some(name), ..) => {
                let address = if name == "postgres" { "DATABASE_URL" } else { "MONGODB_URI" };
                self.fault("SKEP_STORE", format!("is {name}, but {address} is not set"));
                StoreChoice::Sqlite
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError { faults: self.faults }) }
    }
}

fn setting(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("every setting that is read is documented")
}

/// The setting whose name differs least, if it is near.
fn nearest(name: &str) -> Option<&'static str> {
    let near = SETTINGS.iter().map(|setting| (distance(name, setting.name), setting.name)).min()?;
    (near.0 <= 3).then_some(near.1)
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
