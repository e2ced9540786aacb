//! The address of the server, and the time limits.

use crate::fault::{Fault, Meaning};
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{fmt, time::Duration};
use url::{Host, Url};

/// The number of prepared statements that one connection keeps.
const PREPARED_STATEMENTS: usize = 512;
const PORT: u16 = 5432;

/// The options of a [`crate::PostgresDatabase`].
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`. The default port is 5432. In the password, every character that
    /// is not a letter or a digit must be percent-encoded. For a Unix socket, the host is its folder, percent-encoded:
    /// `postgres://user@%2Frun%2Fpostgresql/database`. Parameters after `?`:
    ///
    /// - `sslmode`: `disable`, `prefer` (the default: TLS if the server offers it), `require` (TLS with any
    ///   certificate), `verify-ca` (a valid certificate) or `verify-full` (a valid certificate for this host). Only
    ///   `verify-full` protects from an attacker between the program and the server.
    /// - `sslrootcert`: a PEM file with the authority that signed the server's certificate. Public authorities are
    ///   known.
    /// - `sslcert`, `sslkey`: PEM files with the client's certificate and its key.
    ///
    /// Statements stay prepared on their connection, so a connection pooler must keep sessions (in PgBouncer:
    /// `pool_mode = session`).
    ///
    /// Any other parameter is refused. The address is complete: user, password and database are not read from the
    /// environment or from `~/.pgpass`. sqlx always reads `PGOPTIONS`, `PGSSLCERT` and `PGSSLKEY`. Our settings
    /// override those in `PGOPTIONS`. The other two only count with TLS, and only if the address does not set them.
    pub url: String,
    /// The most connections for units of work and reads together. Units of work that write use three quarters of them at
    /// most, so that reads go on while changes wait. A start and a health check may use one more each.
    pub max_connections: u32,
    /// The total time for `begin`: waiting for a free connection, opening one (at most 2 s) and `BEGIN`.
    pub acquire_timeout: Duration,
    /// How long the server may work on one statement. If there is no answer 2 s after that, the connection is closed.
    /// Zero means no limit.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock. Zero means no limit.
    pub lock_timeout: Duration,
    /// How long a transaction may be idle before the server ends it. Zero means no limit.
    pub idle_in_transaction: Duration,
    /// The name of our connections on the server.
    pub application_name: String,
}

impl PostgresOptions {
    /// The defaults for an address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 32,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(3),
            idle_in_transaction: Duration::from_secs(10),
            application_name: "skep".to_owned(),
        }
    }

    /// How long to wait for the answer to a statement.
    pub(crate) fn answer_timeout(&self) -> Option<Duration> {
        (!self.statement_timeout.is_zero()).then(|| self.statement_timeout + Duration::from_secs(2))
    }

    /// Checks the address. Connects to nothing.
    ///
    /// # Errors
    /// [`InvalidAddress`], for example if the address names no database.
    pub fn check_address(&self) -> Result<(), InvalidAddress> {
        parse(&self.url).map(drop)
    }

    pub(crate) fn server(&self) -> Result<Server, Fault> {
        let limits = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction),
        ];
        let (connect, address) = parse(&self.url).map_err(|error| {
            Fault::new("the address of the PostgreSQL server", error.to_string(), Meaning::Unavailable)
        })?;
        let connect = connect
            .application_name(&self.application_name)
            .statement_cache_capacity(PREPARED_STATEMENTS)
            .disable_statement_logging();
        Ok(Server {
            for_units: connect.clone().options(limits.map(|(name, limit)| (name, milliseconds(limit)))),
            // A migration may take long. But while it waits for a lock, all others wait behind it.
            for_schema: connect.options(limits.map(|(name, _)| (name, "0".to_owned()))),
            address,
        })
    }
}

/// Does not show the address, which contains a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("idle_in_transaction", &self.idle_in_transaction)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

/// What is wrong with an address. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected {FORM}")]
pub struct InvalidAddress(&'static str);

impl From<&'static str> for InvalidAddress {
    fn from(text: &'static str) -> Self {
        Self(text)
    }
}

/// A server in the form that sqlx needs. Contains the password, so it is never shown.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) for_units: PgConnectOptions,
    pub(crate) for_schema: PgConnectOptions,
    /// Host and port, for errors.
    pub(crate) address: String,
}

const FORM: &str = "postgres://user:password@host:port/database";

fn milliseconds(limit: Duration) -> String {
    format!("{}ms", limit.as_millis())
}

/// Parses an address. Errors never quote it: with a `/` or `#` in the password, any part of it may be the password.
fn parse(text: &str) -> Result<(PgConnectOptions, String), InvalidAddress> {
    let fault = |text| Err(InvalidAddress(text));
    let url =
        Url::parse(text).map_err(|_| "it is not a URL (special characters in the password are percent-encoded)")?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return fault("it does not start with postgres://");
    }
    if url.fragment().is_some() || url.path().contains('@') || url.path().matches('/').count() > 1 {
        return fault("special characters in the password or the database have to be percent-encoded");
    }
    let user = decode(url.username())?;
    let password = decode(url.password().unwrap_or_default())?;
    let database = decode(url.path().trim_start_matches('/'))?;
    match (user.is_empty(), database.is_empty()) {
        (true, true) => return fault("it names no user and no database"),
        (true, false) => return fault("it names no user"),
        (false, true) => return fault("it names no database"),
        (false, false) => {}
    }
    let port = url.port().unwrap_or(PORT);
    // Every field is set, because sqlx takes missing ones from the environment.
    let mut connect = PgConnectOptions::new_without_pgpass()
        .port(port)
        .username(&user)
        .password(&password)
        .database(&database)
        .ssl_mode(PgSslMode::Prefer)
        .ssl_root_cert_from_pem(Vec::new());
    for (key, value) in url.query_pairs() {
        connect = match &*key {
            "sslmode" => connect.ssl_mode(ssl_mode(&value)?),
            "sslrootcert" => connect.ssl_root_cert(&*value),
            "sslcert" => connect.ssl_client_cert(&*value),
            "sslkey" => connect.ssl_client_key(&*value),
            _ => return fault("it has an unknown parameter after the question mark"),
        };
    }
    let (host, shown) = match url.host() {
        Some(Host::Ipv6(ip)) => (ip.to_string(), format!("[{ip}]")),
        Some(host) => (decode(&host.to_string())?, decode(&host.to_string())?),
        None => return fault("it names no host"),
    };
    Ok((connect.host(&host), format!("{shown}:{port}")))
}

fn ssl_mode(text: &str) -> Result<PgSslMode, &'static str> {
    match text {
        "disable" => Ok(PgSslMode::Disable),
        "prefer" => Ok(PgSslMode::Prefer),
        "require" => Ok(PgSslMode::Require),
        "verify-ca" => Ok(PgSslMode::VerifyCa),
        "verify-full" => Ok(PgSslMode::VerifyFull),
        _ => Err("sslmode must be disable, prefer, require, verify-ca or verify-full"),
    }
}

fn decode(part: &str) -> Result<String, &'static str> {
    // The decoder of query strings reads `+` as a space. In other parts of an address it is a plus sign.
    let pair = format!("v={}", part.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default();
    if value.contains(char::REPLACEMENT_CHARACTER) { Err("it is not UTF-8") } else { Ok(value.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        PostgresOptions::new(url).server().err().unwrap().to_string()
    }

    #[test]
    fn complete_addresses_are_read() {
        let (connect, address) = parse("postgres://me:a%2Fb+c@db.example/shop?sslmode=verify-full").unwrap();
        assert_eq!((connect.get_host(), connect.get_port()), ("db.example", 5432));
        assert_eq!((connect.get_username(), connect.get_database()), ("me", Some("shop")));
        assert!(matches!(connect.get_ssl_mode(), PgSslMode::VerifyFull));
        assert_eq!(address, "db.example:5432");
        assert_eq!(connect.to_url_lossy().password(), Some("a%2Fb%2Bc"));

        let (connect, address) = parse("postgresql://me@[::1]:6000/shop").unwrap();
        assert_eq!((connect.get_host(), address.as_str()), ("::1", "[::1]:6000"));

        let (connect, address) = parse("postgres://me@%2Frun%2Fpostgresql/shop").unwrap();
        assert_eq!((connect.get_host(), address.as_str()), ("/run/postgresql", "/run/postgresql:5432"));
    }

    #[test]
    fn wrong_addresses_are_refused_without_being_quoted() {
        for (url, reason) in [
            ("", "not a URL"),
            ("127.0.0.1:5432", "not a URL"),
            ("postgres://me:secret@host:port/shop", "not a URL"),
            ("mysql://me:secret@host/shop", "does not start with postgres://"),
            ("postgres://host/secret", "names no user"),
            ("postgres://me:secret@host", "names no database"),
            ("postgres://host", "names no user and no database"),
            ("postgres://me:secret@/shop", "not a URL"),
            ("postgres:secret", "names no user"),
            ("postgres://me:12/secret@host/shop", "percent-encoded"),
            ("postgres://me:secret@host/shop?sslmode=secret", "sslmode must be"),
            ("postgres://me:secret@host/shop?secret=1", "unknown parameter"),
            ("postgres://me:secret@host/shop?password=1", "unknown parameter"),
        ] {
            let text = refusal(url);
            assert!(text.contains(reason), "{url}: {text}");
            assert!(!text.contains("secret"), "{url}: {text}");
        }
    }

    #[test]
    fn password_is_not_shown() {
        let options = PostgresOptions::new("postgres://me:secret@host/shop");
        assert!(!format!("{options:?}").contains("secret"));
    }
}
