//! The configuration: `skep.toml` overlaid by environment variables, read once at the start. All faults are reported
//! together: each with its name, its place, the expected form, and its value unless that is a secret.

mod fault;
mod file;
mod injected;
mod near;
mod operation_limits;
mod parse;
mod read;
mod setting;
mod settings;
mod values;

pub use fault::{ConfigError, Fault, Location};
pub use setting::{Setting, Shape};
pub use settings::SETTINGS;
pub(crate) use values::StoreServer;
pub use values::{LogFormat, MailServer, ScannerServer, Secret, StoreChoice, Traces};

use http::HeaderName;
use parse::{a_minute, list, one_of, seconds};
use read::Source;
use skep_application::{Policies, kernel::WiderNetworks};
use skep_blobs::S3Options;
use skep_crypto::{Argon2Cost, InstanceSecret};
use skep_domain::jobs::QueueName;
use skep_http::{
    api::RequestLimits,
    edge::{BodyLimits, Cidr, ClientLimits, Origin, Timeouts},
};
use skep_images::ScalerLimits;
use skep_workers::WorkerOptions;
use std::{
    ffi::OsString,
    fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The configuration file, unless `SKEP_CONFIG` names another one.
const FILE: &str = "skep.toml";

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 is any free port.
    pub port: u16,
    /// Where clients reach the server, without a slash at the end.
    pub public_url: Option<String>,
    /// The level of the log, as directives of `tracing`.
    pub log_level: String,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The collector of traces. Without one nothing is recorded.
    pub traces: Option<Traces>,
    /// The store of the data.
    pub store: StoreChoice,
    /// The address of the same PostgreSQL database without a pooler. Migrations use it.
    pub database_direct_url: Option<Secret>,
    /// The most connections to a store server.
    pub store_connections: u32,
    /// How long the start waits for a store server that does not answer.
    pub start_timeout: Duration,
    /// Whether SQLite survives a power cut with every acknowledged write.
    pub sqlite_full_sync: bool,
    /// The Redis server that shares rate limits between instances.
    pub redis_url: Option<Secret>,
    /// The folder of the database, the secret and the lock.
    pub data_dir: PathBuf,
    /// The file with the secret of the instances. The default is in the data folder.
    pub secret_file: Option<PathBuf>,
    /// The file with the secret that was replaced, as long as keys are sealed with it.
    pub previous_secret_file: Option<PathBuf>,
    /// The file with a secret of its own for the keys of sealed fields.
    pub field_secret_file: Option<PathBuf>,
    /// The same secret as a value.
    pub field_secret: Option<Secret>,
    /// The file with the secret that it replaces.
    pub previous_field_secret_file: Option<PathBuf>,
    /// The proxies that may set `X-Forwarded-For`.
    pub trusted_proxies: Vec<Cidr>,
    /// The browser origins that may call.
    pub cors_origins: Vec<Origin>,
    /// Further request headers that browsers may send from these origins.
    pub cors_headers: Vec<HeaderName>,
    /// The most connections of clients.
    pub max_connections: usize,
    /// The most concurrent requests on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Limits of what one client may take of what all clients share.
    pub clients: ClientLimits,
    /// Limits of request bodies.
    pub bodies: BodyLimits,
    /// Limits of time for clients.
    pub timeouts: Timeouts,
    /// Whether `/api-docs` is served.
    pub docs: bool,
    /// The bearer token for `/metrics`.
    pub metrics_token: Option<Secret>,
    /// The address that serves `/metrics` and nothing else.
    pub metrics_address: Option<SocketAddr>,
    /// Limits of requests.
    pub limits: RequestLimits,
    /// The cost of the hash of a password.
    pub password_cost: Argon2Cost,
    /// How long a password may wait for a hasher. As many may wait as can be hashed in this time.
    pub hash_wait: Duration,
    /// How much of the server pictures may use.
    pub scaler: ScalerLimits,
    /// How many jobs run at a time; 0 if this process runs none.
    pub workers: usize,
    /// Where mails go.
    pub mail: MailServer,
    /// The folder of the contents of files. The default is in the data folder.
    pub files_dir: Option<PathBuf>,
    /// The bucket of the contents of files, instead of a folder.
    pub s3: Option<S3Options>,
    /// The scanner of files.
    pub scanner: ScannerServer,
    /// Settings of the use cases.
    pub policies: Policies,
}

impl Default for Config {
    /// The configuration of an empty environment.
    fn default() -> Self {
        Self::from_variables([]).expect("the defaults are valid")
    }
}

impl Config {
    /// Reads the configuration of the process: the file that `SKEP_CONFIG` names, or `skep.toml` in the working
    /// directory if there is one, overlaid by the environment.
    ///
    /// # Errors
    /// All faults.
    pub fn load() -> Result<Self, ConfigError> {
        let (path, named) = Self::named_file();
        let name = path.display().to_string();
        let text = match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()))),
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

    /// The configuration file of the process, if it exists.
    #[must_use]
    pub fn file() -> Option<PathBuf> {
        Some(Self::named_file().0).filter(|path| path.exists())
    }

    /// The path of the file, and whether `SKEP_CONFIG` names it.
    fn named_file() -> (PathBuf, bool) {
        let named = std::env::var_os("SKEP_CONFIG").filter(|name| !name.is_empty());
        let is_named = named.is_some();
        (named.map_or_else(|| PathBuf::from(FILE), PathBuf::from), is_named)
    }

    /// Reads these variables and no file. Variables of other programs are ignored, unless they start with `SKEP_` and
    /// are not among those that Kubernetes adds for services.
    ///
    /// # Errors
    /// All faults.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self::from_sources(None, variables)
    }

    /// Reads the text of a file, given with its name, overlaid by these variables.
    ///
    /// # Errors
    /// All faults.
    pub fn from_sources(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut source = Source::new(&SETTINGS, file, variables);
        let mut policies = settings::policies(&mut source);
        policies.sessions.networks = read_networks(&mut source);
        let endpoint = source.optional("OTEL_EXPORTER_OTLP_ENDPOINT", read_collector);
        let service_name = source.required("OTEL_SERVICE_NAME", |text| {
            (text.len() <= 255 && !text.contains(char::is_control)).then(|| text.to_owned())
        });
        let percent = source.required("SKEP_TRACES_PERCENT", |text| text.parse().ok().filter(|n| *n <= 100));
        let mut config = Self {
            traces: endpoint.map(|endpoint| Traces { endpoint, service_name, percent }),
            host: source.required("HOST", |text| text.parse().ok()),
            port: source.required("PORT", |text| text.parse().ok()),
            public_url: source.optional("PUBLIC_URL", read_url),
            log_level: source.required("LOG_LEVEL", read_level),
            log_format: source.required("SKEP_LOG_FORMAT", |text| {
                one_of(text, [("human", LogFormat::Human), ("json", LogFormat::Json)])
            }),
            store: source.store(),
            database_direct_url: source.direct_postgres(),
            store_connections: source
                .required("SKEP_STORE_CONNECTIONS", |text| text.parse().ok().filter(|n| (2..=1_000).contains(n))),
            start_timeout: source.required("SKEP_START_TIMEOUT", |text| seconds(text, 1, 3_600)),
            sqlite_full_sync: source
                .required("SKEP_SQLITE_SYNCHRONOUS", |text| one_of(text, [("full", true), ("normal", false)])),
            redis_url: source.redis(),
            data_dir: source.required("SKEP_DATA_DIR", |text| Some(PathBuf::from(text))),
            secret_file: source.optional("SKEP_SECRET_FILE", |text| Some(PathBuf::from(text))),
            previous_secret_file: source.optional("SKEP_PREVIOUS_SECRET_FILE", |text| Some(PathBuf::from(text))),
            field_secret_file: source.optional("SKEP_FIELD_SECRET_FILE", |text| Some(PathBuf::from(text))),
            field_secret: source.optional("SKEP_FIELD_SECRET", |text| {
                InstanceSecret::from_text(text).is_ok().then(|| Secret(text.to_owned()))
            }),
            previous_field_secret_file: source
                .optional("SKEP_PREVIOUS_FIELD_SECRET_FILE", |text| Some(PathBuf::from(text))),
            trusted_proxies: source.required("SKEP_TRUSTED_PROXIES", |text| list(text, |item| item.parse().ok())),
            cors_origins: source.required("SKEP_CORS_ORIGINS", |text| list(text, |item| item.parse().ok())),
            // A star is the name of a header in this list. A reader would take it for all headers.
            cors_headers: source
                .required("SKEP_CORS_HEADERS", |text| list(text, |item| item.parse().ok().filter(|_| item != "*"))),
            max_connections: source
                .required("SKEP_MAX_CONNECTIONS", |text| text.parse().ok().filter(|n| (1..=1_000_000).contains(n))),
            http2_streams: settings::clients::http2_streams(&mut source),
            clients: settings::clients::read(&mut source),
            bodies: read_bodies(&mut source),
            timeouts: read_timeouts(&mut source),
            docs: source.required("SKEP_DOCS", |text| one_of(text, [("on", true), ("off", false)])),
            metrics_token: source
                .optional("SKEP_METRICS_TOKEN", |text| (text.len() >= 16).then(|| Secret(text.to_owned()))),
            metrics_address: source.optional("SKEP_METRICS_ADDRESS", |text| text.parse().ok()),
            limits: RequestLimits {
                address: source.required("SKEP_LIMIT_ADDRESS", a_minute),
                user: source.required("SKEP_LIMIT_USER", a_minute),
                credentials: source.required("SKEP_LIMIT_CREDENTIALS", a_minute),
                in_flight: source.required("SKEP_LIMIT_IN_FLIGHT", |text| text.parse().ok().filter(|n| *n >= 1)),
                networks: policies.sessions.networks,
                operations: source.operation_limits(),
                exempt_networks: source
                    .required("SKEP_LIMIT_EXEMPT_NETWORKS", |text| list(text, |item| item.parse().ok()))
                    .into(),
            },
            password_cost: source.required("SKEP_PASSWORD_COST", |text| text.parse().ok()),
            hash_wait: source.required("SKEP_HASH_WAIT", |text| seconds(text, 1, 30)),
            workers: settings::jobs::workers(&mut source),
            mail: settings::notifications::server(&mut source),
            files_dir: settings::files::folder(&mut source),
            scaler: settings::files::scaler(&mut source),
            s3: settings::s3::bucket(&mut source),
            scanner: settings::files::scanner(&mut source),
            policies,
        };
        let connections = config.store.server().map(|_| config.store_connections);
        config.clients.work = settings::clients::work(&mut source, connections);
        if config.policies.mail.link_url.is_empty() {
            config.policies.mail.link_url = config.base_url(config.port);
        }
        if !config.host.is_loopback() && config.public_url.is_none() {
            let form = setting::setting(&SETTINGS, "PUBLIC_URL").form;
            let text =
                format!("is not set, but HOST is {}, which other machines can reach; expected {form}", config.host);
            source.fault("PUBLIC_URL", text);
        }
        if config.field_secret.is_some() && config.field_secret_file.is_some() {
            source.fault("SKEP_FIELD_SECRET", "is set, but SKEP_FIELD_SECRET_FILE is, too; one of them is enough");
        }
        source.finish()?;
        Ok(config)
    }

    /// The workers of this process; `None` if it runs no jobs. They drain for half of the time that requests have, so that
    /// jobs that are handed back are stored within the other half.
    #[must_use]
    pub fn worker_options(&self) -> Option<WorkerOptions> {
        let queues = vec![(QueueName::default(), self.workers)];
        let drain = self.timeouts.drain / 2;
        (self.workers > 0).then(|| WorkerOptions { queues, drain, ..WorkerOptions::default() })
    }

    /// The setting because of which clients on other machines reach this server. `None` if only this machine does.
    #[must_use]
    pub fn reached_by(&self) -> Option<&'static str> {
        match self {
            Self { host, .. } if !host.is_loopback() => Some("HOST is not the loopback"),
            Self { public_url: Some(_), .. } => Some("PUBLIC_URL is set"),
            Self { trusted_proxies, .. } if !trusted_proxies.is_empty() => Some("SKEP_TRUSTED_PROXIES is set"),
            _ => None,
        }
    }

    /// Whether `/metrics` is served beside the API. Others must not read it without a token. A proxy on this machine
    /// forwards their requests from the loopback, so the address of the peer does not tell them apart.
    #[must_use]
    pub fn serves_metrics_with_api(&self) -> bool {
        self.metrics_address.is_none() && (self.metrics_token.is_some() || self.reached_by().is_none())
    }

    /// The address at which clients reach the server that listens on `port`.
    #[must_use]
    pub fn base_url(&self, port: u16) -> String {
        self.public_url.clone().unwrap_or_else(|| match self.host {
            IpAddr::V4(host) => format!("http://{host}:{port}"),
            IpAddr::V6(host) => format!("http://[{host}]:{port}"),
        })
    }
}

/// The keys of the secrets in this file.
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

/// The address of a collector, which is nearby and has no TLS.
fn read_collector(text: &str) -> Option<String> {
    read_url(text).filter(|url| url.starts_with("http://"))
}

/// Directives of `tracing`, except that a single word must be a level. Otherwise a typing error like `inof` would name
/// a target and silence the whole log.
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

fn read_bodies(source: &mut Source) -> BodyLimits {
    let memory_mib: u64 =
        source.required("SKEP_MAX_RECEIVED_MIB", |text| text.parse().ok().filter(|n| (4..=1 << 20).contains(n)));
    BodyLimits {
        memory_bytes: memory_mib << 20,
        small_pieces: source
            .required("SKEP_BODY_PIECES", |text| text.parse().ok().filter(|n| (16..=1_000_000).contains(n))),
        ..BodyLimits::default()
    }
}

fn read_networks(source: &mut Source) -> WiderNetworks {
    let mut times = |name| source.required(name, |text| text.parse().ok().filter(|n| (1..=65_536).contains(n)));
    WiderNetworks { times_56: times("SKEP_LIMIT_NETWORK_56"), times_48: times("SKEP_LIMIT_NETWORK_48") }
}

fn read_timeouts(source: &mut Source) -> Timeouts {
    let usual = Timeouts::default();
    let longest = usual.request.as_secs();
    let body = source.required("SKEP_BODY_TIMEOUT", |text| seconds(text, 1, longest));
    let mut timeout = |name| source.required(name, |text| seconds(text, 1, 3_600));
    let header = timeout("SKEP_HEADER_TIMEOUT");
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
