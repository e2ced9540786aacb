//! The address of a scanner.

use std::{fmt, net::Ipv6Addr, path::PathBuf, str::FromStr};

/// Where a scanner listens: `tcp://host:port`, or `unix:/path` for a socket on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannerAddress {
    /// A server that is reached over the network, without encryption.
    Tcp {
        /// A name or an address.
        host: String,
        /// [`ScannerAddress::PORT`], or the one that the text names.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// The text is not the address of a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// The text has another form.
    #[error("expected tcp://host:port or unix:/path")]
    Form,
    /// This system has no such sockets.
    #[error("unix:/path needs a Unix system")]
    NoSockets,
}

impl ScannerAddress {
    /// The port of `clamd`, if the address names none.
    pub const PORT: u16 = 3310;
}

impl FromStr for ScannerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///path` is the same as a URL.
            let path = path.strip_prefix("//").unwrap_or(path);
            return match (path.starts_with('/') && !path.starts_with("//"), cfg!(unix)) {
                (true, true) => Ok(Self::Unix(PathBuf::from(path))),
                (true, false) => Err(InvalidAddress::NoSockets),
                (false, _) => Err(InvalidAddress::Form),
            };
        }
        let server = text.strip_prefix("tcp://").and_then(host_and_port);
        let (host, port) = server.ok_or(InvalidAddress::Form)?;
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

fn host_and_port(server: &str) -> Option<(&str, u16)> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => {
            let (host, port) = server.split_at(server.find(':').unwrap_or(server.len()));
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let is_host = !host.is_empty() && host.len() <= 253 && host.chars().all(is_name);
            is_host.then_some((host, port))?
        }
    };
    if port.is_empty() {
        return Some((host, ScannerAddress::PORT));
    }
    let port = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((host, port.parse().ok().filter(|port| *port > 0)?))
}

/// The address, for logs.
impl fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_names_a_server_or_a_socket() {
        for (text, shown) in [
            ("tcp://clamd:3310", "clamd:3310"),
            ("tcp://clamd", "clamd:3310"),
            ("tcp://127.0.0.1:13310", "127.0.0.1:13310"),
            ("tcp://[::1]:3311", "[::1]:3311"),
            ("tcp://[::1]", "[::1]:3310"),
            ("tcp://clamav.example.com:65535", "clamav.example.com:65535"),
        ] {
            assert_eq!(text.parse::<ScannerAddress>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["unix:/run/clamav/clamd.ctl", "unix:///run/clamav/clamd.ctl"] {
            let socket = text.parse::<ScannerAddress>().map(|address| address.to_string());
            let expected = Ok("/run/clamav/clamd.ctl".to_owned());
            assert_eq!(socket, if cfg!(unix) { expected } else { Err(InvalidAddress::NoSockets) });
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "clamd:3310",
            "tcp://",
            "tcp://:3310",
            "tcp://clamd:",
            "tcp://clamd:0",
            "tcp://clamd:65536",
            "tcp://clamd:+1",
            "tcp://clamd:3310/",
            "tcp://a b",
            "tcp://user@clamd",
            "tcp://::1",
            "tcp://[::1",
            "tcp://[::1]3310",
            "tcp://[::1]:",
            "tcp://[clamd]:3310",
            "http://clamd:3310",
            "unix:",
            "unix:clamd.ctl",
            "unix://clamd",
            "unix:////clamd",
        ] {
            assert_eq!(text.parse::<ScannerAddress>(), Err(InvalidAddress::Form), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,40}", scheme in prop::sample::select(vec!["tcp://", "unix:", ""])) {
            let _ = format!("{scheme}{text}").parse::<ScannerAddress>();
        }
    }
}
