//! Opens connections.

use crate::{AddressFilter, Roots, Timed, TlsStream, tls::server_name};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// How long each phase of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Finding the addresses of the server, and connecting to one of them. An address that does not answer within 250 ms
    /// is joined by the next one.
    pub connect: Duration,
    /// The handshake of TLS.
    pub tls: Duration,
    /// Each wait for the server to send or to take something.
    pub read: Duration,
    /// The call as a whole, with its repeats.
    pub total: Duration,
}

impl Default for Phases {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), tls: seconds(5), read: seconds(20), total: seconds(60) }
    }
}

/// How long an address is tried alone (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Finds the addresses of a host.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of this host, the best one first.
    ///
    /// # Errors
    /// The host is not known, or the server of names does not answer.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name of the server has no address.
    #[error("{host} was not found")]
    Unknown {
        /// The name of the server.
        host: String,
        /// The error of the resolver.
        #[source]
        cause: io::Error,
    },
    /// All addresses of the server are in networks that no call may reach.
    #[error("{host} is in a network that must not be reached")]
    Forbidden {
        /// The name of the server.
        host: String,
    },
    /// The server does not take connections.
    #[error("cannot connect to {host}:{port}")]
    Unreachable {
        /// The name of the server.
        host: String,
        /// The port that was tried.
        port: u16,
        /// The error of the last address.
        #[source]
        cause: io::Error,
    },
    /// The handshake failed, for example because of the certificate.
    #[error("TLS failed")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A phase took too long.
    #[error("{0} took too long")]
    Late(&'static str),
}

impl DialError {
    pub(crate) fn tls(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Tls(cause.into())
    }

    /// Whether a setting must change before a connection is possible.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }
}

/// Opens connections to servers in allowed networks, each within the times of its phases.
///
/// The name of a server is resolved once. Each address is judged, and the connection is opened to the judged address, so
/// that a name which changes its address in between reaches nothing else.
#[derive(Clone)]
pub struct Dialer {
    filter: AddressFilter,
    resolver: Arc<dyn Resolver>,
    phases: Phases,
    tls: TlsConnector,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("filter", &self.filter).field("phases", &self.phases).finish_non_exhaustive()
    }
}

impl Dialer {
    /// A dialer with these rules.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        filter: AddressFilter,
        resolver: Arc<dyn Resolver>,
        phases: Phases,
        roots: Roots,
    ) -> Result<Self, DialError> {
        Ok(Self { filter, resolver, phases, tls: roots.connector()? })
    }

    /// The times of the phases.
    #[must_use]
    pub const fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Opens a connection without TLS. `host` is a name or an address.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn connect(&self, host: &str, port: u16) -> Result<Timed<TcpStream>, DialError> {
        let connected = async {
            let addresses = self.addresses(host).await?.into_iter();
            let attempts = addresses.map(|address| TcpStream::connect(SocketAddr::new(address, port)));
            let connected = first_of(attempts).await;
            connected.map_err(|cause| DialError::Unreachable { host: host.to_owned(), port, cause })
        };
        let stream = within(self.phases.connect, "connecting", connected).await?;
        // A call is a few small messages, and each waits for an answer.
        stream.set_nodelay(true).map_err(|cause| DialError::Unreachable { host: host.to_owned(), port, cause })?;
        Ok(Timed::new(stream, self.phases.read))
    }

    /// Encrypts a connection. The certificate of the server must be for `host`.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn encrypt(&self, stream: Timed<TcpStream>, host: &str) -> Result<TlsStream, DialError> {
        let name = server_name(host)?;
        within(self.phases.tls, "the handshake of TLS", async {
            self.tls.connect(name, stream).await.map_err(DialError::tls)
        })
        .await
    }

    /// The allowed addresses of a host.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DialError> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let found = match literal {
            Ok(address) => vec![address],
            Err(_) => {
                let resolved = self.resolver.resolve(host).await;
                resolved.map_err(|cause| DialError::Unknown { host: host.to_owned(), cause })?
            }
        };
        let allowed: Vec<_> = found.iter().copied().filter(|address| self.filter.allows(*address)).collect();
        match (found.is_empty(), allowed.is_empty()) {
            (true, _) => Err(DialError::Unknown { host: host.to_owned(), cause: io::ErrorKind::NotFound.into() }),
            (false, true) => Err(DialError::Forbidden { host: host.to_owned() }),
            (false, false) => Ok(allowed),
        }
    }
}

/// Makes the attempts in their order, and returns the first success. Each begins when the one before it has failed or has
/// had its head start, and those that have begun go on. So an address that leads nowhere, as IPv6 does in some networks,
/// does not take the time of the others.
///
/// # Errors
/// The error of the last attempt that failed.
async fn first_of<T, F>(attempts: impl Iterator<Item = F>) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let (mut attempts, mut running) = (attempts.fuse(), FuturesUnordered::new());
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        running.extend(attempts.next());
        match timeout(HEAD_START, running.next()).await {
            Ok(Some(Ok(done))) => return Ok(done),
            Ok(Some(Err(error))) => last = error,
            Ok(None) => return Err(last),
            Err(_) => {}
        }
    }
}

async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, DialError>>,
) -> Result<T, DialError> {
    timeout(limit, work).await.unwrap_or(Err(DialError::Late(what)))
}

#[cfg(test)]
mod tests;
