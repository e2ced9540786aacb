//! TLS, the same for every call: rustls with ring, and the roots of Mozilla unless a deployment adds its own.

use crate::{DialError, Timed};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An encrypted connection.
pub type TlsStream = tokio_rustls::client::TlsStream<Timed<TcpStream>>;

/// The certificates that a server's certificate must come from.
#[derive(Debug, Clone)]
pub struct Roots(RootCertStore);

/// The text has no certificate that can be a root.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoots {
    /// The text is not PEM.
    #[error("the certificates are not in PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// A certificate cannot be a root.
    #[error("a certificate cannot be used as a root")]
    Certificate(#[source] rustls::Error),
    /// There is no certificate in the text.
    #[error("there is no certificate in the text")]
    Empty,
}

impl Default for Roots {
    fn default() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }
}

impl Roots {
    /// Adds the certificates of a private authority.
    ///
    /// # Errors
    /// [`InvalidRoots`].
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, InvalidRoots> {
        let before = self.0.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.0.add(certificate.map_err(InvalidRoots::Pem)?).map_err(InvalidRoots::Certificate)?;
        }
        if self.0.len() == before { Err(InvalidRoots::Empty) } else { Ok(self) }
    }

    pub(crate) fn connector(self) -> Result<TlsConnector, DialError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(DialError::tls)?;
        Ok(TlsConnector::from(Arc::new(config.with_root_certificates(self.0).with_no_client_auth())))
    }
}

/// The name that the certificate of the server must have.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(host.to_owned()).map_err(DialError::tls)
}
