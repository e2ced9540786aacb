//! The answers to connections that are not served.

use super::metrics::EdgeMetrics;
use crate::problem::{MEDIA_TYPE, Problem};
use metrics::Counter;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

/// The number of refused connections that get an answer at the same time. Others are closed without an answer.
const MAX_ANSWERS: usize = 64;

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All places are taken.
    Full,
    /// Its network has as many connections as it may have.
    Network,
}

/// Refuses connections.
pub(crate) struct Refusals {
    answers: Arc<Semaphore>,
    full: (Arc<[u8]>, Counter),
    network: (Arc<[u8]>, Counter),
    /// The time in which a client must have read the answer.
    limit: Duration,
}

impl Refusals {
    pub(crate) fn new(metrics: &EdgeMetrics, limit: Duration) -> Self {
        let [full, network] = metrics.refused_connections.clone();
        Self {
            answers: Arc::new(Semaphore::new(MAX_ANSWERS)),
            full: (answer("the server has too many connections").into(), full),
            network: (answer("the network of the client has too many connections").into(), network),
            limit,
        }
    }

    /// Counts a refused connection. Returns its answer, unless too many refused connections get one now.
    pub(crate) fn refuse(&self, socket: TcpStream, why: Refusal) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (answer, counter) = match why {
            Refusal::Full => &self.full,
            Refusal::Network => &self.network,
        };
        counter.increment(1);
        let permit = Arc::clone(&self.answers).try_acquire_owned().ok()?;
        let (answer, limit) = (Arc::clone(answer), self.limit);
        Some(async move {
            // A client that does not read the answer in time loses it.
            let _ = tokio::time::timeout(limit, send(socket, &answer)).await;
            drop(permit);
        })
    }
}

async fn send(mut socket: TcpStream, answer: &[u8]) -> io::Result<()> {
    socket.write_all(answer).await?;
    socket.shutdown().await?;
    // Closing with unread data would reset the connection and lose the answer.
    let mut space = [0_u8; 1024];
    while socket.read(&mut space).await? > 0 {}
    Ok(())
}

fn answer(detail: &'static str) -> Vec<u8> {
    let problem = Problem::no_room(detail);
    let body = serde_json::to_string(&problem.document(None)).unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         content-type: {MEDIA_TYPE}\r\n\
         content-length: {}\r\n\
         retry-after: 1\r\n\
         cache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\
         connection: close\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}
