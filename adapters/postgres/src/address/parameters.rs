//! The parameters after the question mark. All of libpq's are known: each is used, has the only value that we can keep to,
//! or is refused by its name.

use super::{InvalidAddress, Target, Tls, TlsMode, decode};
use std::time::Duration;

/// The parameters of libpq that are not used and not read.
const UNSUPPORTED: &[&str] = &[
    "authtype",
    "gssdelegation",
    "gsslib",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "passfile",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "sslpassword",
    "tcp_user_timeout",
    "tty",
];

/// Parameters of libpq that have an effect only with values that we cannot keep to: the values that change nothing, and
/// what to do about others.
const FIXED: &[(&str, &[&str], &str)] = &[
    (
        "channel_binding",
        &["disable", "prefer"],
        "the driver cannot bind a login to its TLS connection: remove the parameter, and set sslmode=verify-full, which refuses a server in between too",
    ),
    ("client_encoding", &["UTF8", "utf8", "UTF-8", "utf-8", "auto"], "texts are always UTF8"),
    ("gssencmode", &["disable", "prefer"], "connections are encrypted with TLS only"),
    ("max_protocol_version", &["3.0", "3.2", "latest"], "the driver speaks version 3.0"),
    ("min_protocol_version", &["3.0"], "the driver speaks version 3.0"),
    ("replication", &["false", "off", "no", "0"], "a connection for replication runs no statements"),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"], "the driver accepts TLS 1.2 and later"),
    ("sslcertmode", &["allow"], "a certificate is sent if the server asks for it and sslcert is set"),
    ("sslcompression", &["0"], "TLS connections are never compressed"),
    ("sslnegotiation", &["postgres"], "the driver asks the server for TLS first"),
    ("sslsni", &["1"], "the driver always sends the name of the host"),
];

#[derive(Default)]
pub(super) struct Parameters {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) hosts: Option<String>,
    pub(super) ports: Option<String>,
    pub(super) target: Option<Target>,
    pub(super) random: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) application_name: Option<String>,
    pub(super) fallback_application_name: Option<String>,
    pub(super) options: Option<String>,
    mode: Option<TlsMode>,
    authority: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Parameters {
    /// Reads the query. The last of several equal names counts, and an empty value counts as not given.
    pub(super) fn read(query: &str, no_pair: &str) -> Result<Self, InvalidAddress> {
        let mut given = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| InvalidAddress::form(no_pair))?;
            let (name, value) = (decode(name)?, decode(value)?);
            given.set(&name, Some(value).filter(|value| !value.is_empty()))?;
        }
        Ok(given)
    }

    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), InvalidAddress> {
        match name {
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            "host" => self.hosts = value,
            "port" => self.ports = value,
            "application_name" => self.application_name = value,
            "fallback_application_name" => self.fallback_application_name = value,
            "options" => self.options = value,
            "sslrootcert" => self.authority = value,
            "sslcert" => self.certificate = value,
            "sslkey" => self.key = value,
            "sslmode" => self.mode = value.as_deref().map(tls_mode).transpose()?,
            // The spelling of JDBC, which libpq reads in an address.
            "ssl" if value.as_deref() == Some("true") => self.mode = Some(TlsMode::Require),
            "ssl" => return Err(InvalidAddress::parameter("the parameter ssl must be true; use sslmode")),
            "connect_timeout" => self.connect_timeout = value.as_deref().map(seconds).transpose()?,
            "target_session_attrs" => self.target = value.as_deref().map(target).transpose()?,
            "load_balance_hosts" => self.random = value.as_deref().map(is_random).transpose()?.unwrap_or_default(),
            _ => fixed(name, value.as_deref())?,
        }
        Ok(())
    }

    pub(super) fn tls(&mut self) -> Result<Tls, InvalidAddress> {
        let (certificate, key) = (self.certificate.take(), self.key.take());
        if certificate.is_some() != key.is_some() {
            return Err(InvalidAddress::parameter("the parameters sslcert and sslkey must be given together"));
        }
        // As in libpq: an authority that is named is used, and the public ones are for full verification only.
        let (mode, authority) = match (self.mode, self.authority.take()) {
            (None | Some(TlsMode::VerifyFull), Some(name)) if name == "system" => (TlsMode::VerifyFull, None),
            (Some(_), Some(name)) if name == "system" => {
                let text = "the parameter sslrootcert=system needs sslmode=verify-full";
                return Err(InvalidAddress::parameter(text));
            }
            (Some(TlsMode::Require), Some(file)) => (TlsMode::VerifyCa, Some(file)),
            (mode, authority) => (mode.unwrap_or(TlsMode::Prefer), authority),
        };
        Ok(Tls { mode, authority, certificate, key })
    }
}

fn tls_mode(text: &str) -> Result<TlsMode, InvalidAddress> {
    Ok(match text {
        "disable" => TlsMode::Disable,
        "allow" => TlsMode::Allow,
        "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => {
            let text = "the parameter sslmode must be disable, allow, prefer, require, verify-ca or verify-full";
            return Err(InvalidAddress::parameter(text));
        }
    })
}

fn seconds(text: &str) -> Result<Duration, InvalidAddress> {
    let seconds: i32 = text
        .trim()
        .parse()
        .map_err(|_| InvalidAddress::parameter("the parameter connect_timeout must be a whole number of seconds"))?;
    Ok(Duration::from_secs(seconds.max(0).unsigned_abs().into()))
}

fn target(text: &str) -> Result<Target, InvalidAddress> {
    match text {
        "any" => Ok(Target::Any),
        "read-write" => Ok(Target::ReadWrite),
        "primary" => Ok(Target::Primary),
        _ => {
            let text = "the parameter target_session_attrs must be any, read-write or primary: the data is changed too";
            Err(InvalidAddress::parameter(text))
        }
    }
}

fn is_random(text: &str) -> Result<bool, InvalidAddress> {
    match text {
        "disable" => Ok(false),
        "random" => Ok(true),
        _ => Err(InvalidAddress::parameter("the parameter load_balance_hosts must be disable or random")),
    }
}

/// Accepts a parameter that changes nothing, and refuses any other.
fn fixed(name: &str, value: Option<&str>) -> Result<(), InvalidAddress> {
    if let Some((name, values, remedy)) = FIXED.iter().find(|(fixed, ..)| *fixed == name) {
        if value.is_none_or(|value| values.contains(&value)) {
            return Ok(());
        }
        let values = values.join(" or ");
        return Err(InvalidAddress::parameter(format!("the parameter {name} must be {values}, because {remedy}")));
    }
    let Some(name) = UNSUPPORTED.iter().find(|unsupported| **unsupported == name) else {
        let text = "it has an unknown parameter after the question mark, whose name may belong to the password and is \
                    not shown";
        return Err(InvalidAddress::form(text));
    };
    Err(InvalidAddress::parameter(format!("the parameter {name} is not supported: remove it")))
}
