//! The scanner.

use crate::{
    ScannerAddress,
    conversation::{Line, ping, scan},
    fault::ClamdFault,
};
use async_trait::async_trait;
use skep_application::{
    files::{BlobReader, ScanError, Scanner},
    kernel::Runtime,
};
use skep_domain::files::Verdict;
use skep_outbound::{AddressFilter, BreakerPolicy, CallError, DialError, Dialer, Outbound, Phases, Resolver, Roots};
use std::{future::Future, path::Path, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How long each phase of a scan may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTimes {
    /// Connecting.
    pub connect: Duration,
    /// Each wait for the scanner to take bytes.
    pub write: Duration,
    /// The conversation, once the connection is made.
    pub total: Duration,
}

impl Default for ScanTimes {
    /// 5 s to connect, 20 s for each write, and 2 minutes in all.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), write: seconds(20), total: seconds(120) }
    }
}

/// Asks `clamd` about contents, over a connection for each.
///
/// The content is sent as it is read (`INSTREAM`), so the scanner needs no folder in common with the server.
#[derive(Debug)]
pub struct Clamd {
    address: ScannerAddress,
    dialer: Dialer,
    outbound: Outbound,
    times: ScanTimes,
}

impl Clamd {
    /// Asks the scanner at this address. A server in a network that the filter refuses is not asked.
    ///
    /// # Errors
    /// The dialer cannot be set up.
    pub fn new(
        address: ScannerAddress,
        (filter, resolver): (AddressFilter, Arc<dyn Resolver>),
        times: ScanTimes,
        policy: BreakerPolicy,
        runtime: Runtime,
    ) -> Result<Self, DialError> {
        let ScanTimes { connect, total, .. } = times;
        // No scanner is asked with TLS, and the reads have the time of the whole.
        let phases = Phases { connect, tls: connect, read: total, total };
        let dialer = Dialer::new(filter, resolver, phases, Roots::default())?;
        // A connection that fails is tried again once.
        let outbound = Outbound::new("scanner", policy, total.saturating_add(connect.saturating_mul(3)), runtime);
        Ok(Self { address, dialer, outbound, times })
    }

    async fn open(&self) -> Result<Box<dyn Line>, ClamdFault> {
        match &self.address {
            ScannerAddress::Tcp { host, port } => Ok(Box::new(self.dialer.connect(host, *port).await?)),
            ScannerAddress::Unix(path) => socket(path, self.times.connect).await,
        }
    }

    async fn within_time<T>(&self, talk: impl Future<Output = Result<T, ClamdFault>>) -> Result<T, ClamdFault> {
        let total = self.times.total;
        tokio::time::timeout(total, talk).await.unwrap_or(Err(ClamdFault::Late(total)))
    }
}

#[cfg(unix)]
async fn socket(path: &Path, patience: Duration) -> Result<Box<dyn Line>, ClamdFault> {
    let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer");
    let connected = tokio::time::timeout(patience, tokio::net::UnixStream::connect(path)).await;
    Ok(Box::new(connected.unwrap_or_else(|_| Err(late())).map_err(ClamdFault::Socket)?))
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "the same signature as with sockets")]
async fn socket(_: &Path, _: Duration) -> Result<Box<dyn Line>, ClamdFault> {
    Err(ClamdFault::Socket(std::io::ErrorKind::Unsupported.into()))
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, content: Box<dyn BlobReader>) -> Result<Verdict, ScanError> {
        // Only the connection is tried twice, so the content is read once.
        let content = Mutex::new(content);
        let judged = self.outbound.call(|| async {
            let line = self.open().await?;
            let mut content = content.lock().await;
            self.within_time(scan(line, &mut **content, self.times.write)).await
        });
        judged.await.map_err(scan_error)
    }

    async fn check(&self) -> Result<(), ScanError> {
        let answered = self.outbound.call(|| async {
            let line = self.open().await?;
            self.within_time(ping(line, self.times.write)).await
        });
        answered.await.map_err(scan_error)
    }
}

fn scan_error(error: CallError<ClamdFault>) -> ScanError {
    match error {
        CallError::Failed(ClamdFault::TooLarge) => ScanError::TooLarge,
        CallError::Failed(ClamdFault::Failed(words)) => ScanError::Failed(words),
        CallError::Failed(ClamdFault::Content(error)) => ScanError::Store(error),
        CallError::Failed(fault @ (ClamdFault::Left(_) | ClamdFault::Late(_) | ClamdFault::Unusable(_))) => {
            ScanError::NoAnswer(fault.into())
        }
        CallError::Open(open) => ScanError::Away { retry_after: Some(open.retry_after), cause: open.into() },
        other => ScanError::away(other),
    }
}
