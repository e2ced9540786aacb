//! Something between us and the server that can fall silent.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Passes everything on to the server of `url`, until it is told to keep the answers for itself.
pub(crate) struct Proxy {
    /// The address to connect to instead.
    pub(crate) url: String,
    deaf: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) async fn start(url: &str) -> Self {
        let (user, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{database}", listener.local_addr().unwrap());
        let deaf = Arc::new(AtomicBool::new(false));
        tokio::spawn(accept(listener, server.to_owned(), Arc::clone(&deaf)));
        Self { url, deaf }
    }

    /// From now on what is sent arrives, but no answer comes back, and then the connection breaks.
    pub(crate) fn keep_answers(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    pub(crate) fn pass_answers(&self) {
        self.deaf.store(false, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, server: String, deaf: Arc<AtomicBool>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(upstream) = TcpStream::connect(&server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = upstream.into_split();
        tokio::spawn(pass(from_client, to_server, Arc::default()));
        tokio::spawn(pass(from_server, to_client, Arc::clone(&deaf)));
    }
}

/// Ends, and with it the direction, at the first bytes after `stop` is set.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, stop: Arc<AtomicBool>) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 || stop.load(Ordering::SeqCst) {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
