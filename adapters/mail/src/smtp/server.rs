//! The settings of an SMTP server, as a URL.

use secrecy::SecretString;
use std::str::FromStr;
use url::{Host, Url};

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// From STARTTLS on, which the server must offer.
    StartTls,
    /// Not at all.
    Plain,
}

/// An SMTP server: `smtps://user:password@host:port` for TLS, and `smtp://…` for STARTTLS. A server on the loopback
/// interface gets no TLS, unless the URL has `?starttls=required`. Other servers get none only with `?starttls=none`, and
/// then no credentials.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<(String, SecretString)>,
}

/// The text is not the URL of an SMTP server. The message does not have the text, because it may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The text has another form.
    #[error("expected smtp://host:port or smtps://host:port")]
    Form,
    /// The URL has a path, or parameters that do not exist.
    #[error("the only parameter is `starttls`, which is `required` or `none`, and only of smtp://")]
    Parameters,
    /// There is a user without a password, or a password without a user.
    #[error("a user needs a password")]
    Password,
    /// Credentials would be sent without TLS.
    #[error("credentials need TLS; leave out `starttls=none`")]
    Exposed,
}

impl SmtpServer {
    /// How the connection is encrypted.
    #[must_use]
    pub const fn security(&self) -> Security {
        self.security
    }

    /// The host and the port, for logs.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for SmtpServer {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        let url = Url::parse(text).map_err(|_| InvalidServer::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidServer::Form)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidServer::Parameters);
        }
        let is_loopback = is_loopback(host);
        let pairs: Vec<_> = url.query_pairs().collect();
        let starttls = match &pairs[..] {
            [] => None,
            [(name, value)] if name == "starttls" => Some(value.as_ref()),
            _ => return Err(InvalidServer::Parameters),
        };
        let security = match (url.scheme(), starttls) {
            ("smtps", None) => Security::Tls,
            ("smtp", Some("required")) => Security::StartTls,
            ("smtp", Some("none")) => Security::Plain,
            ("smtp", None) if is_loopback => Security::Plain,
            ("smtp", None) => Security::StartTls,
            ("smtp" | "smtps", Some(_)) => return Err(InvalidServer::Parameters),
            _ => return Err(InvalidServer::Form),
        };
        let credentials = credentials(&url)?;
        if credentials.is_some() && security == Security::Plain && !is_loopback {
            return Err(InvalidServer::Exposed);
        }
        let port = url.port().unwrap_or(match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, security, credentials })
    }
}

fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

fn credentials(url: &Url) -> Result<Option<(String, SecretString)>, InvalidServer> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    match (url.username(), url.password().filter(|password| !password.is_empty())) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(InvalidServer::Password),
        (user, Some(password)) => Ok(Some((decoded(user), SecretString::from(decoded(password))))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn server(url: &str) -> (String, Security) {
        let server: SmtpServer = url.parse().unwrap();
        (server.place(), server.security())
    }

    #[test]
    fn a_url_names_the_server_and_its_encryption() {
        for (url, place, security) in [
            ("smtp://mail.example.com", "mail.example.com:587", Security::StartTls),
            ("smtp://mail.example.com:2525?starttls=required", "mail.example.com:2525", Security::StartTls),
            ("smtps://mail.example.com", "mail.example.com:465", Security::Tls),
            ("smtp://mail.example.com/?starttls=none", "mail.example.com:25", Security::Plain),
            ("smtp://localhost:1025", "localhost:1025", Security::Plain),
            ("smtp://127.0.0.1", "127.0.0.1:25", Security::Plain),
            ("smtp://[::1]:1025", "::1:1025", Security::Plain),
            ("smtp://localhost?starttls=required", "localhost:587", Security::StartTls),
            ("smtp://10.0.0.1", "10.0.0.1:587", Security::StartTls),
        ] {
            assert_eq!(server(url), (place.to_owned(), security), "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_hidden() {
        let server: SmtpServer = "smtps://shop%40example.com:p%3Aw%25@mail.example.com".parse().unwrap();
        let (user, password) = server.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("shop@example.com", "p:w%"));
        assert!(!format!("{server:?}").contains("p:w"), "{server:?}");
    }

    #[test]
    fn unsafe_and_unknown_urls_are_refused() {
        for (url, error) in [
            ("", InvalidServer::Form),
            ("mail.example.com", InvalidServer::Form),
            ("http://mail.example.com", InvalidServer::Form),
            ("smtp://", InvalidServer::Form),
            ("smtp://mail.example.com/path", InvalidServer::Parameters),
            ("smtp://mail.example.com?tls=no", InvalidServer::Parameters),
            ("smtp://mail.example.com?starttls=maybe", InvalidServer::Parameters),
            ("smtps://mail.example.com?starttls=required", InvalidServer::Parameters),
            ("smtp://a@mail.example.com", InvalidServer::Password),
            ("smtp://:b@mail.example.com", InvalidServer::Password),
            ("smtp://a:b@mail.example.com?starttls=none", InvalidServer::Exposed),
        ] {
            assert_eq!(url.parse::<SmtpServer>().unwrap_err(), error, "{url}");
        }
        assert!("smtp://a:b@localhost".parse::<SmtpServer>().is_ok(), "the loopback interface is not exposed");
    }
}
