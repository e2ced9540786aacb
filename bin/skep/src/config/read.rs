//! Reads values from the file and the environment, and collects faults.

use super::{
    fault::{ConfigError, Fault, Location, Values},
    file,
    injected::is_injected,
    near::nearest_name,
    operation_limits,
    setting::{Setting, setting},
    values::{Secret, StoreChoice},
};
use skep_http::api::OperationLimit;
use skep_postgres::PostgresOptions;
use skep_redis::RedisLimits;
use std::{ffi::OsString, sync::Arc};

pub(super) struct Source {
    settings: &'static [Setting],
    values: Values,
    faults: Vec<Fault>,
}

impl Source {
    /// The file, if it exists, overlaid by the environment. Variables of other programs are ignored, and so are those
    /// that Kubernetes adds for services. All others that start with `SKEP_` must be settings.
    pub(super) fn new(
        settings: &'static [Setting],
        config_file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let mut source = Self { settings, values: Values::new(), faults: vec![] };
        if let Some((name, text)) = config_file {
            file::read(settings, name, text, &mut source.values, &mut source.faults);
        }
        let mut variables: Vec<_> = variables.into_iter().collect();
        variables.sort();
        for (name, value) in variables {
            source.variable(&name.to_string_lossy(), value);
        }
        source
    }

    fn variable(&mut self, name: &str, value: OsString) {
        if let Some(setting) = self.settings.iter().find(|setting| setting.name == name) {
            match value.into_string() {
                // An empty value counts as not set: compose files write it so.
                Ok(value) if value.is_empty() => {}
                Ok(value) => drop(self.values.insert(setting.name, (value, Location::Environment))),
                Err(_) => self.fault(name, format!("is not UTF-8; expected {}", setting.form)),
            }
        } else if name.starts_with("SKEP_")
            && !FOR_TESTS.iter().any(|prefix| name.starts_with(prefix))
            && !value.to_str().is_some_and(|value| is_injected(name, value))
        {
            let hint =
                nearest_name(self.settings, name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            self.fault(name, format!("there is no such setting{hint}"));
        }
    }

    /// Adds a fault of the setting called `name`.
    pub(super) fn fault(&mut self, name: &str, text: impl Into<String>) {
        let found = self.settings.iter().find(|setting| setting.name == name);
        let (name, place) = match (found, self.values.get(name)) {
            (Some(setting), Some((_, place @ Location::File { .. }))) => (setting.key, place.clone()),
            _ => (name, Location::Environment),
        };
        self.faults.push(Fault { name: name.to_owned(), place, text: text.into() });
    }

    /// A setting with a default.
    pub(super) fn required<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> T {
        let value = self.optional(name, &read);
        value.unwrap_or_else(|| read(setting(self.settings, name).default).expect("every default can be read"))
    }

    /// A setting that may be missing.
    pub(super) fn optional<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (text, _) = self.values.get(name)?;
        let value = read(text);
        if value.is_none() {
            let setting = setting(self.settings, name);
            let text = format!("expected {}{}{}", setting.form, found(setting, text), advice(setting, text));
            self.fault(name, text);
        }
        value
    }

    /// Whether a setting has a value.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The address of a PostgreSQL server.
    fn postgres(&mut self, name: &'static str) -> Option<Secret> {
        let url = self.optional(name, address(&["postgres://", "postgresql://"]))?;
        match PostgresOptions::new(url.0.as_str()).check_address() {
            Ok(()) => Some(url),
            Err(invalid) => {
                self.fault(name, invalid.to_string());
                None
            }
        }
    }

    /// The address of the PostgreSQL server without a pooler.
    pub(super) fn direct_postgres(&mut self) -> Option<Secret> {
        const NAME: &str = "SKEP_DATABASE_DIRECT_URL";
        if self.values.contains_key(NAME) && !self.values.contains_key("DATABASE_URL") {
            self.fault(NAME, "is set, but DATABASE_URL is not, which says where the data is");
            return None;
        }
        self.postgres(NAME)
    }

    /// The address of the Redis server.
    pub(super) fn redis(&mut self) -> Option<Secret> {
        const NAME: &str = "REDIS_URL";
        let url = self.optional(NAME, address(&["redis://", "rediss://", "unix://", "redis+unix://"]))?;
        match RedisLimits::check_address(&url.0) {
            Ok(()) => Some(url),
            Err(invalid) => {
                self.fault(NAME, invalid.to_string());
                None
            }
        }
    }

    /// The limits of single operations.
    pub(super) fn operation_limits(&mut self) -> Arc<[OperationLimit]> {
        const NAME: &str = "SKEP_OPERATION_LIMITS";
        let text = self.values.get(NAME).map_or("", |(text, _)| text);
        operation_limits::read(text).map_or_else(
            |faults| {
                faults.into_iter().for_each(|fault| self.fault(NAME, fault));
                Arc::default()
            },
            Arc::from,
        )
    }

    /// The store that `SKEP_STORE` names, or else the one with an address.
    pub(super) fn store(&mut self) -> StoreChoice {
        let postgres = self.postgres("DATABASE_URL");
        let mongodb = self.optional("MONGODB_URI", address(&["mongodb://", "mongodb+srv://"]));
        let named = self
            .optional("SKEP_STORE", |text| ["sqlite", "postgres", "mongodb"].into_iter().find(|name| *name == text));
        match (named, postgres, mongodb) {
            (None, None, None) | (Some("sqlite"), _, _) => StoreChoice::Sqlite,
            (None, Some(url), None) | (Some("postgres"), Some(url), _) => StoreChoice::Postgres(url),
            (None, None, Some(uri)) | (Some("mongodb"), _, Some(uri)) => StoreChoice::Mongodb(uri),
            (None, Some(_), Some(_)) => {
                let (postgres, mongodb) = (self.place("DATABASE_URL"), self.place("MONGODB_URI"));
                let text = format!("is not set, but both {postgres} and {mongodb} are; expected postgres or mongodb");
                self.fault("SKEP_STORE", text);
                StoreChoice::Sqlite
            }
            (Some(name), ..) => {
                let address = setting(self.settings, if name == "postgres" { "DATABASE_URL" } else { "MONGODB_URI" });
                // A wrong address is a fault of its own.
                if !self.values.contains_key(address.name) {
                    let text = format!("is {name}, but {} is not set; expected {}", address.name, address.form);
                    self.fault("SKEP_STORE", text);
                }
                StoreChoice::Sqlite
            }
        }
    }

    /// The name of a setting at its place, and the place.
    fn place(&self, name: &str) -> String {
        match self.values.get(name) {
            Some((_, place @ Location::File { .. })) => format!("{} ({place})", setting(self.settings, name).key),
            _ => format!("{name} ({})", Location::Environment),
        }
    }

    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError { faults: self.faults }) }
    }
}

/// Accepts an address with one of these schemes.
fn address(schemes: &'static [&'static str]) -> impl Fn(&str) -> Option<Secret> {
    move |text| {
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme))?;
        (!rest.is_empty() && !rest.contains(char::is_whitespace)).then(|| Secret(text.to_owned()))
    }
}

/// Prefixes of the variables of Skep's tests. A server that a test starts inherits these variables.
const FOR_TESTS: &[&str] = &["SKEP_TEST_", "SKEP_REQUIRE_", "SKEP_BLESS"];

/// The part of a value that a message may show. Of a secret, that is the scheme of its address. The same holds for any
/// value that looks like an address or a connection string with a password.
fn found(setting: &Setting, text: &str) -> String {
    let names_secret = || ["password", "passwd", "pwd", "secret", "token"].iter().any(|word| has_word(text, word));
    let has_password = text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) || names_secret();
    match (setting.secret || has_password, text.split_once(':')) {
        (false, _) => format!(", found {text:?}"),
        (true, Some((scheme, _))) if is_scheme(scheme) => format!(", found an address of {scheme}:"),
        (true, _) => String::new(),
    }
}

/// Whether a text contains a word, in capitals or not.
fn has_word(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether this is a well-known scheme. Any other text may be the first half of a secret.
fn is_scheme(text: &str) -> bool {
    const KNOWN: &[&str] = &[
        "sqlite",
        "file",
        "mysql",
        "mariadb",
        "mssql",
        "sqlserver",
        "oracle",
        "jdbc",
        "postgres",
        "postgresql",
        "mongodb",
        "mongodb+srv",
        "redis",
        "rediss",
        "redis+unix",
        "unix",
        "valkey",
        "http",
        "https",
        "tcp",
    ];
    KNOWN.contains(&text)
}

/// What to do instead, for mistakes that are common.
fn advice(setting: &Setting, text: &str) -> &'static str {
    let sqlite = text.starts_with("sqlite:") || text.starts_with("file:");
    match setting.name {
        "DATABASE_URL" if sqlite => {
            "; SQLite needs no address: remove DATABASE_URL, and set SKEP_DATA_DIR to the folder of the SQLite file"
        }
        "HOST" if text == "localhost" => "; use 127.0.0.1 for IPv4 or ::1 for IPv6",
        _ => "",
    }
}
