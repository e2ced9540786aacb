//! The configuration: `skep.toml` overlaid by environment variables, read once at the start. Everything that is wrong is
//! told at once, with the name, where it was found, the value where it is no secret, and the expected form.

mod fault;
mod file;
mod near;
mod parse;
mod read;
mod setting;
mod settings;
mod values;

pub use fault::{ConfigError, Fault, Location};
pub use setting::{Setting, Shape};
pub use settings::SETTINGS;
pub use values::{LogFormat, Secret, StoreChoice, Traces};

use parse::{a_minute, list, one_of, seconds};
use read::Source;
use skep_application::Policies;
use skep_http::{
    api::RequestLimits,
    edge::{Cidr, Origin, Timeouts},
};
use std::{
    ffi::OsString,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The configuration file, unless another one is named.
const FILE: &str = "skep.toml";

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
    /// Where traces go, if anywhere.
    pub traces: Option<Traces>,
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
    /// How many connections may be open.
    pub max_connections: usize,
    /// How long clients may take.
    pub timeouts: Timeouts,
    /// Whether `/api-docs` is served.
    pub docs: bool,
    /// What `/metrics` asks for.
    pub metrics_token: Option<Secret>,
    /// How often requests may come.
    pub limits: RequestLimits,
    /// The rules of the use cases.
    pub policies: Policies,
}

impl Default for Config {
    /// That of an empty environment.
    fn default() -> Self {
        Self::from_variables([]).expect("nothing has to be said")
    }
}

impl Config {
    /// Reads the configuration of the process: the file that `SKEP_CONFIG` names, or `skep.toml` in the working
    /// directory if there is one, overlaid by the environment.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load() -> Result<Self, ConfigError> {
        let (path, named) = Self::named_file();
        let name = path.display().to_string();
        let text = match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned()))),
            Err(error) if !named && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        let text = text.and_then(Option::transpose).map_err(|text| {
            let variable = if named { "SKEP_CONFIG" } else { FILE };
            let place = Location::Environment;
            ConfigError { faults: vec![Fault { name: variable.to_owned(), place, text: format!("{name} {text}") }] }
        })?;
        Self::from_sources(text.as_deref().map(|text| (name.as_str(), text)), std::env::vars_os())
    }

    /// The configuration file of the process, if there is one.
    #[must_use]
    pub fn file() -> Option<PathBuf> {
        Some(Self::named_file().0).filter(|path| path.exists())
    }

    /// Where the file is or would be, and whether it was named.
    fn named_file() -> (PathBuf, bool) {
        let named = std::env::var_os("SKEP_CONFIG").filter(|name| !name.is_empty());
        let is_named = named.is_some();
        (named.map_or_else(|| PathBuf::from(FILE), PathBuf::from), is_named)
    }

    /// Reads these variables and no file; those that are not Skep's are ignored, unless they start with `SKEP_`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self::from_sources(None, variables)
    }

    /// Reads the text of a file, given with its name, overlaid by these variables.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_sources(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut source = Source::new(&SETTINGS, file, variables);
        let policies = settings::policies(&mut source);
        let endpoint = source.optional("OTEL_EXPORTER_OTLP_ENDPOINT", read_collector);
        let service_name = source.required("OTEL_SERVICE_NAME", |text| {
            (text.len() <= 255 && !text.contains(char::is_control)).then(|| text.to_owned())
        });
        let percent = source.required("SKEP_TRACES_PERCENT", |text| text.parse().ok().filter(|n| *n <= 100));
        let config = Self {
            traces: endpoint.map(|endpoint| Traces { endpoint, service_name, percent }),
            host: source.required("HOST", |text| text.parse().ok()),
            port: source.required("PORT", |text| text.parse().ok()),
            public_url: source.optional("PUBLIC_URL", read_url),
            log_level: source.required("LOG_LEVEL", read_level),
            log_format: source.required("SKEP_LOG_FORMAT", |text| {
                one_of(text, [("human", LogFormat::Human), ("json", LogFormat::Json)])
            }),
            store: source.store(),
            store_connections: source
                .required("SKEP_STORE_CONNECTIONS", |text| text.parse().ok().filter(|n| (2..=1_000).contains(n))),
            sqlite_full_sync: source
                .required("SKEP_SQLITE_SYNCHRONOUS", |text| one_of(text, [("full", true), ("normal", false)])),
            redis_url: source.optional("REDIS_URL", |text| {
                let address = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"))?;
                (!address.is_empty()).then(|| Secret(text.to_owned()))
            }),
            data_dir: source.required("SKEP_DATA_DIR", |text| Some(PathBuf::from(text))),
            secret_file: source.optional("SKEP_SECRET_FILE", |text| Some(PathBuf::from(text))),
            trusted_proxies: source.required("SKEP_TRUSTED_PROXIES", |text| list(text, |item| item.parse().ok())),
            cors_origins: source.required("SKEP_CORS_ORIGINS", |text| list(text, |item| item.parse().ok())),
            max_connections: source
                .required("SKEP_MAX_CONNECTIONS", |text| text.parse().ok().filter(|n| (1..=1_000_000).contains(n))),
            timeouts: read_timeouts(&mut source),
            docs: source.required("SKEP_DOCS", |text| one_of(text, [("on", true), ("off", false)])),
            metrics_token: source
                .optional("SKEP_METRICS_TOKEN", |text| (text.len() >= 16).then(|| Secret(text.to_owned()))),
            limits: RequestLimits {
                address: source.required("SKEP_LIMIT_ADDRESS", a_minute),
                user: source.required("SKEP_LIMIT_USER", a_minute),
                credentials: source.required("SKEP_LIMIT_CREDENTIALS", a_minute),
            },
            policies,
        };
        if !config.host.is_loopback() && config.public_url.is_none() {
            let form = setting::setting(&SETTINGS, "PUBLIC_URL").form;
            let text = format!("is not set, but HOST is {}, which others reach; expected {form}", config.host);
            source.fault("PUBLIC_URL", text);
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

/// The secrets that stand in this file, by their keys.
pub(crate) fn secrets_in(file: &Path) -> Vec<&'static str> {
    let mut values = fault::Values::new();
    let text = fs::read_to_string(file).unwrap_or_default();
    file::read(&SETTINGS, "", &text, &mut values, &mut vec![]);
    let secrets = SETTINGS.iter().filter(|setting| setting.secret && values.contains_key(setting.name));
    secrets.map(|setting| setting.key).collect()
}

fn read_url(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@']) && !host.contains(char::is_whitespace);
    plain.then(|| text.to_owned())
}

/// A collector of traces: nearby, so without TLS.
fn read_collector(text: &str) -> Option<String> {
    read_url(text).filter(|url| url.starts_with("http://"))
}

/// Directives as `tracing` reads them, but a word alone must be a level: else a slip like `inof` would name a target, and
/// everything would be silent.
fn read_level(text: &str) -> Option<String> {
    let level = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic()) && text.parse::<LevelFilter>().is_ok()
    };
    let directive = |item: &str| match item.trim().split_once('=') {
        Some((target, of)) => target.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b)) && level(of),
        None => level(item.trim()),
    };
    (text.split(',').all(directive) && text.parse::<Targets>().is_ok()).then(|| text.to_owned())
}

fn read_timeouts(source: &mut Source) -> Timeouts {
    let mut timeout = |name| source.required(name, |text| seconds(text, 1, 3_600));
    let [header, body] = ["SKEP_HEADER_TIMEOUT", "SKEP_BODY_TIMEOUT"].map(&mut timeout);
    let usual = Timeouts::default();
    Timeouts {
        first_request: header,
        header_read: header,
        keep_alive: timeout("SKEP_IDLE_TIMEOUT"),
        body_gap: usual.body_gap.min(body),
        body_total: body,
        response_stall: timeout("SKEP_STALL_TIMEOUT"),
        drain: timeout("SKEP_DRAIN_TIMEOUT"),
        ..usual
    }
}

#[cfg(test)]
mod tests;
