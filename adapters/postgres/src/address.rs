//! The address of a server, in the grammar of libpq: `postgres://user:password@host:port,host:port/database?…`.

mod parameters;

use parameters::Parameters;
use std::{fmt, path::Path, time::Duration};
use url::form_urlencoded;

/// The folders in which packages of PostgreSQL put the socket.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];
const PORT: u16 = 5432;
const FORM: &str = "postgres://user:password@host:port/database";

/// What is wrong with an address. Never quotes it, because with a `/` or `@` in the password any part of the address may
/// be the password. It names a parameter only if libpq has one with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(String);

impl InvalidAddress {
    /// The address does not have the form of an address.
    fn form(reason: &str) -> Self {
        Self(format!("{reason}; expected {FORM}"))
    }

    /// A parameter of libpq cannot be used.
    fn parameter(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// An address in parts.
pub(crate) struct Address {
    /// At least one.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    pub(crate) tls: Tls,
    pub(crate) target: Target,
    /// Whether connections are spread over the hosts.
    pub(crate) random: bool,
    /// How long opening a connection to one host may take; zero means no limit.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) application_name: Option<String>,
    /// Options of the server's command line, as libpq sends them.
    pub(crate) options: Option<String>,
}

/// A server's name and port. A name that starts with `/` is the folder of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Host {
    pub(crate) fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

/// How much TLS protects, as `sslmode` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    /// A file with the authority that signed the server's certificate.
    pub(crate) authority: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
}

/// Which servers may be used, as `target_session_attrs` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    /// One that accepts changes.
    ReadWrite,
    /// One that is not a standby.
    Primary,
}

/// Parses an address.
pub(crate) fn parse(text: &str) -> Result<Address, InvalidAddress> {
    const NO_URL: &str = "it is not a URL (special characters in the password are percent-encoded)";
    const SPECIAL: &str = "special characters in the password or the database have to be percent-encoded";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| InvalidAddress::form(NO_URL))?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(InvalidAddress::form("it does not start with postgres://"));
    }
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, query)| (place, query));
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_in_password = credentials.is_empty() && rest.contains('@');
    if is_in_password || credentials.contains('@') || path.contains(['@', '/']) || text.contains('#') {
        return Err(InvalidAddress::form(SPECIAL));
    }
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut given = Parameters::read(query, SPECIAL)?;
    let user = given.user.take().map_or_else(|| decode(user), Ok)?;
    let database = given.database.take().map_or_else(|| decode(path), Ok)?;
    match (user.is_empty(), database.is_empty()) {
        (true, true) => return Err(InvalidAddress::form("it names no user and no database")),
        (true, false) => return Err(InvalidAddress::form("it names no user")),
        (false, true) => return Err(InvalidAddress::form("it names no database")),
        (false, false) => {}
    }
    let hosts = match given.hosts.take() {
        Some(names) => pair(&names, given.ports.as_deref())?,
        None => match given.ports.as_deref() {
            Some(ports) => {
                let hosts = hosts.split(',').map(|text| Ok(host(text, NO_URL)?.name)).collect::<Result<Vec<_>, _>>()?;
                pair(&hosts.join(","), Some(ports))?
            }
            None => hosts.split(',').map(|text| host(text, NO_URL)).collect::<Result<_, _>>()?,
        },
    };
    Ok(Address {
        // Several servers are a primary with its standbys, and a standby cannot store anything.
        target: given.target.unwrap_or(if hosts.len() > 1 { Target::ReadWrite } else { Target::Any }),
        password: given.password.take().map_or_else(|| decode(password), Ok)?,
        tls: given.tls()?,
        random: given.random,
        connect_timeout: given.connect_timeout,
        application_name: given.application_name.or(given.fallback_application_name),
        options: given.options,
        hosts,
        user,
        database,
    })
}

/// A host of the authority, with its port.
fn host(text: &str, no_url: &str) -> Result<Host, InvalidAddress> {
    let (name, rest) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))),
        None => text.split_once(':').map_or((text, Some("")), |(name, port)| (name, Some(port))),
    };
    let port = match rest {
        Some("") => Some(PORT),
        Some(port) => port.parse().ok().filter(|port| *port != 0),
        None => None,
    };
    let port = port.ok_or_else(|| InvalidAddress::form(no_url))?;
    Ok(named(decode(name)?, port))
}

/// The hosts and ports of two parameters, each with commas between them. One port is that of all hosts.
fn pair(names: &str, ports: Option<&str>) -> Result<Vec<Host>, InvalidAddress> {
    let names: Vec<&str> = names.split(',').collect();
    let ports: Vec<&str> = ports.unwrap_or_default().split(',').collect();
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(InvalidAddress::parameter("the parameters host and port have different numbers of values"));
    }
    let port = |index: usize| match ports.get(index).or(ports.first()).copied().unwrap_or_default() {
        "" => Some(PORT),
        text => text.parse().ok().filter(|port| *port != 0),
    };
    let hosts = names.iter().enumerate().map(|(index, name)| Some(named((*name).to_owned(), port(index)?)));
    let hosts = hosts.collect::<Option<_>>();
    hosts.ok_or_else(|| InvalidAddress::parameter("the parameter port must be a number from 1 to 65535"))
}

/// A host. Without a name it is the folder of the local server's socket.
fn named(name: String, port: u16) -> Host {
    if !name.is_empty() {
        return Host { name, port };
    }
    let has_socket = |folder: &&&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    let folder = SOCKET_FOLDERS.iter().find(has_socket).unwrap_or(&SOCKET_FOLDERS[0]);
    Host { name: (*folder).to_owned(), port }
}

/// Decodes a part of an address. As in libpq, a plus sign stands for itself.
fn decode(part: &str) -> Result<String, InvalidAddress> {
    // The decoder of query strings reads `+` as a space.
    let pair = format!("v={}", part.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default();
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(InvalidAddress::form("it is not UTF-8"));
    }
    Ok(value.into_owned())
}

#[cfg(test)]
mod tests;
