//! The configuration: environment variables, read once at the start. Everything that is wrong is told at once, with the
//! name, the value where it is no secret, and the expected form.

mod read;
mod settings;

pub use read::{ConfigError, Fault};
pub use settings::{SETTINGS, Setting};

use skep_application::{Policies, identity::SessionPolicy, operations::Limit};
use skep_domain::{
    identity::PasswordPolicy,
    shared::{Currency, Money},
};
use skep_http::{
    api::RequestLimits,
    edge::{Cidr, Origin},
};
use std::{net::IpAddr, path::PathBuf, time::Duration};

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

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where clients reach the server, without a slash at the end.
    pub public_url: Option<String>,
    /// What to log, in the directives of `tracing`.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which store holds the data.
    pub store: StoreChoice,
    /// Connections to a store server.
    pub store_connections: u32,
    /// Whether SQLite survives a power cut with every acknowledged write.
    pub sqlite_full_sync: bool,
    /// Shares rate limits between instances.
    pub redis_url: Option<Secret>,
    /// The folder of the database, the secret and the lock.
    pub data_dir: PathBuf,
    /// The file with the secret of the instances; in the data folder if not named.
    pub secret_file: Option<PathBuf>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Which browser origins may call.
    pub cors_origins: Vec<Origin>,
    /// Whether `/api-docs` is served.
    pub docs: bool,
    /// What `/metrics` asks for.
    pub metrics_token: Option<Secret>,
    /// How often requests may come.
    pub limits: RequestLimits,
    /// The rules of the use cases.
    pub policies: Policies,
}

impl Config {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_variables(variables)
    }

    /// Reads these variables; those that are not Skep's are ignored, unless they start with `SKEP_`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut source = read::Source::new(variables);
        let host = source.required("HOST", "an IP address", |text| text.parse().ok());
        let port = source.required("PORT", "a number from 0 to 65535", |text| text.parse().ok());
        let public_url = source.optional("PUBLIC_URL", "an http or https address without path", read_url);
        let store = source.store();
        let attempts = source.required("SKEP_LOGIN_ATTEMPTS", "a number a minute, at least 1", a_minute);
        let token_lifetime =
            source.required("SKEP_TOKEN_LIFETIME", "seconds from 60 to 3600", |text| seconds(text, 60, 3_600));
        let session_lifetime = source
            .required("SKEP_SESSION_LIFETIME", "seconds from 60 to 31536000", |text| seconds(text, 60, 31_536_000));
        let passwords = source.required("SKEP_PASSWORD_MIN_LENGTH", "a number from 8 to 64", |text| {
            PasswordPolicy::with_min_chars(text.parse().ok()?)
        });
        let minimum_orders =
            source.required("SKEP_MINIMUM_ORDERS", "a list like EUR:1000,JPY:500, in minor units", |text| {
                list(text, read_minimum)
            });
        let sessions = SessionPolicy { token_lifetime, session_lifetime, attempts };
        let config = Self {
            host,
            port,
            public_url,
            log_level: source.required("LOG_LEVEL", "a level or directives like info,skep_http=debug", read_level),
            log_format: source.required("SKEP_LOG_FORMAT", "human or json", |text| match text {
                "human" => Some(LogFormat::Human),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
            store,
            store_connections: source.required("SKEP_STORE_CONNECTIONS", "a number from 2 to 1000", |text| {
                text.parse().ok().filter(|n| (2..=1_000).contains(n))
            }),
            sqlite_full_sync: source.required("SKEP_SQLITE_SYNCHRONOUS", "full or normal", |text| match text {
                "full" => Some(true),
                "normal" => Some(false),
                _ => None,
            }),
            redis_url: source.optional("REDIS_URL", "redis:// or rediss:// address", |text| {
                (text.starts_with("redis://") || text.starts_with("rediss://")).then(|| Secret(text.to_owned()))
            }),
            data_dir: source
                .required("SKEP_DATA_DIR", "a folder", |text| (!text.is_empty()).then(|| PathBuf::from(text))),
            secret_file: source.optional("SKEP_SECRET_FILE", "a file", |text| Some(PathBuf::from(text))),
            trusted_proxies: source.required("SKEP_TRUSTED_PROXIES", "a list of networks like 10.0.0.0/8", |text| {
                list(text, |item| item.parse().ok())
            }),
            cors_origins: source.required(
                "SKEP_CORS_ORIGINS",
                "a list of origins like https://shop.example.com",
                |text| list(text, |item| item.parse().ok()),
            ),
            docs: source.required("SKEP_DOCS", "on or off", on_off),
            metrics_token: source.optional("SKEP_METRICS_TOKEN", "16 characters or more", |text| {
                (text.len() >= 16).then(|| Secret(text.to_owned()))
            }),
            limits: RequestLimits {
                address: source.required("SKEP_LIMIT_ADDRESS", "a number a minute, at least 1", a_minute),
                user: source.required("SKEP_LIMIT_USER", "a number a minute, at least 1", a_minute),
                credentials: source.required("SKEP_LIMIT_CREDENTIALS", "a number a minute, at least 1", a_minute),
            },
            policies: Policies { passwords, sessions, minimum_orders },
        };
        if !config.host.is_loopback() && config.public_url.is_none() {
            source.fault(
                "PUBLIC_URL",
                "HOST is not the loopback, so clients must be told where the server is; set PUBLIC_URL",
            );
        }
        source.finish()?;
        Ok(config)
    }

    /// Where clients reach the server that listens on `port`.
    #[must_use]
    pub fn base_url(&self, port: u16) -> String {
        self.public_url.clone().unwrap_or_else(|| match self.host {
            IpAddr::V4(host) => format!("http://{host}:{port}"),
            IpAddr::V6(host) => format!("http://[{host}]:{port}"),
        })
    }
}

fn read_url(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@']) && !host.contains(char::is_whitespace);
    plain.then(|| text.to_owned())
}

fn read_level(text: &str) -> Option<String> {
    text.parse::<tracing_subscriber::filter::Targets>().ok().map(|_| text.to_owned())
}

fn read_minimum(text: &str) -> Option<Money> {
    let (currency, amount) = text.split_once(':')?;
    let currency: Currency = currency.parse().ok()?;
    amount.parse().ok().filter(|amount| *amount >= 0).map(|amount| Money::new(amount, currency))
}

fn seconds(text: &str, least: u64, most: u64) -> Option<Duration> {
    text.parse().ok().filter(|n| (least..=most).contains(n)).map(Duration::from_secs)
}

fn a_minute(text: &str) -> Option<Limit> {
    text.parse().ok().filter(|burst| *burst >= 1).map(|burst| Limit { burst, period: Duration::from_secs(60) })
}

fn on_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests;
