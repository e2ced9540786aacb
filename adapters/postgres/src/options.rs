//! The options of a database, and the time limits of its sessions.

use crate::address::{self, InvalidAddress};
use std::{fmt, time::Duration};

/// The options of a [`crate::PostgresDatabase`].
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`, with the grammar of libpq. In the password, every character that is
    /// not a letter or a digit must be percent-encoded. `host:port` may be a list with commas: the first server that
    /// can be used is used. For a Unix socket, the host is its folder, as the parameter `host` or percent-encoded; without
    /// a host, it is the socket of the local server. Parameters after `?`:
    ///
    /// - `sslmode`: `disable`, `allow` (TLS if the server refuses a connection without), `prefer` (the default: TLS if the
    ///   server offers it), `require` (TLS with any certificate), `verify-ca` (a valid certificate) or `verify-full` (a
    ///   valid certificate for this host). Only `verify-full` protects from an attacker between the program and the
    ///   server.
    /// - `sslrootcert`: a PEM file with the authority that signed the server's certificate; `require` then means
    ///   `verify-ca`. Public authorities are known; `system` stands for them.
    /// - `sslcert`, `sslkey`: PEM files with the client's certificate and its key.
    /// - `connect_timeout`: the seconds for opening a connection to one host. The default is 2. `begin` waits at least as
    ///   long.
    /// - `target_session_attrs`: `any`, `read-write` (a server that accepts changes) or `primary` (a server that is not a
    ///   standby). The default is `any`, or `read-write` for several hosts.
    /// - `load_balance_hosts=random`: connections are spread over the hosts.
    /// - `application_name` replaces [`application_name`](Self::application_name).
    /// - `options`: options for the server's command line. Our time limits win over those in it.
    /// - `user`, `password`, `dbname`, `host` and `port` replace those in front of the question mark.
    ///
    /// Other parameters of libpq are refused by their name, unless their value changes nothing (`channel_binding=prefer`).
    ///
    /// A connection pooler may keep sessions (in PgBouncer `pool_mode = session`) or transactions. In the second case it
    /// must keep prepared statements (PgBouncer 1.21 with `max_prepared_statements` above 0), and
    /// [`direct_url`](Self::direct_url) is needed.
    ///
    /// The address is complete: user, password and database are not read from the environment or from `~/.pgpass`. sqlx
    /// always reads `PGOPTIONS`, `PGSSLCERT` and `PGSSLKEY`. Our settings override those in `PGOPTIONS`. The other two
    /// only count with TLS, and only if the address does not set them.
    pub url: String,
    /// The address of the same database without a pooler, or with one that keeps sessions. Migrations use it, because
    /// they lock the schema for a session. The default is `url`.
    pub direct_url: Option<String>,
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
            direct_url: None,
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

    /// Checks the addresses. Connects to nothing.
    ///
    /// # Errors
    /// [`InvalidAddress`], for example if an address names no database.
    pub fn check_address(&self) -> Result<(), InvalidAddress> {
        address::parse(&self.url)?;
        self.direct_url.as_deref().map_or(Ok(()), |url| address::parse(url).map(drop))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            statement: self.statement_timeout,
            lock: self.lock_timeout,
            idle_in_transaction: self.idle_in_transaction,
        }
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

/// The time limits of the server for a session.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    statement: Duration,
    lock: Duration,
    idle_in_transaction: Duration,
}

impl Limits {
    /// The limits of a session that changes the schema. A migration may take long. But while it waits for a lock, all
    /// others wait behind it.
    pub(crate) const fn for_schema(lock: Duration) -> Self {
        Self { statement: Duration::ZERO, lock, idle_in_transaction: Duration::ZERO }
    }

    /// The settings of the server, with their values.
    pub(crate) fn settings(self) -> [(&'static str, String); 3] {
        [
            ("statement_timeout", self.statement),
            ("lock_timeout", self.lock),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction),
        ]
        .map(|(name, limit)| (name, format!("{}ms", limit.as_millis())))
    }

    /// The statements that set them, after `SET` or `SET LOCAL`. One message has all of them.
    pub(crate) fn statements(self, set: &str) -> String {
        self.settings().map(|(name, value)| format!("{set} {name} = '{value}'")).join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_not_shown() {
        let mut options = PostgresOptions::new("postgres://me:secret@host/shop");
        options.direct_url = Some(options.url.clone());
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn both_addresses_are_checked() {
        let mut options = PostgresOptions::new("postgres://me:secret@host/shop");
        assert_eq!(options.check_address(), Ok(()));
        options.direct_url = Some("postgres://host/shop".to_owned());
        assert!(options.check_address().unwrap_err().to_string().contains("names no user"));
    }

    #[test]
    fn limits_are_set_in_one_message() {
        let limits = Limits::for_schema(Duration::from_secs(60));
        let text = limits.statements("SET");
        assert!(text.starts_with("SET statement_timeout = '0ms'; SET lock_timeout = '60000ms'; SET idle_in"), "{text}");
    }
}
