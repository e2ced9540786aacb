//! The addresses that the server listens on.

use crate::config::Config;
use std::{io, net::SocketAddr};
use tokio::net::TcpListener;

/// Why the server cannot listen, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {remedy}")]
pub(crate) struct ListenError {
    pub(crate) problem: String,
    pub(crate) remedy: &'static str,
    pub(crate) source: io::Error,
}

impl ListenError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        let (host, port) = (address.ip(), address.port());
        let (problem, remedy) = match source.kind() {
            io::ErrorKind::AddrInUse => (
                format!("port {port} of {host} is in use"),
                "stop the program that uses it, or set PORT to another port",
            ),
            io::ErrorKind::AddrNotAvailable => (
                format!("this machine does not have the address {host}"),
                "set HOST to an address that it has, for example 127.0.0.1",
            ),
            io::ErrorKind::PermissionDenied => (
                format!("this user may not listen on port {port} of {host}"),
                "set PORT to 1024 or above, or allow lower ports: setcap cap_net_bind_service=+ep on the program",
            ),
            _ => (format!("cannot listen on port {port} of {host}"), "check HOST and PORT"),
        };
        Self { problem, remedy, source }
    }

    /// Whether another program listens there.
    pub(crate) fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Listens on `SKEP_METRICS_ADDRESS`.
pub(crate) async fn listen_for_metrics(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError {
        remedy: "set SKEP_METRICS_ADDRESS to an address that this machine has and to a port that is free",
        ..ListenError::new(address, source)
    })
}

/// Listens on `HOST` and `PORT`.
pub(crate) async fn listen(config: &Config) -> Result<TcpListener, ListenError> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address).await.map_err(|source| ListenError::new(address, source))
}
