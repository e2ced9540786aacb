//! A proxy in front of the server that can hold answers back.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

const PASS: u8 = 0;
const SWALLOW: u8 = 1;
const CUT: u8 = 2;

/// Passes everything on to the server of `url`, until it has to hold the answers back.
pub(crate) struct Proxy {
    /// The address of the proxy, in place of the server's.
    pub(crate) url: String,
    answers: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn start(url: &str) -> Self {
        let (user, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{database}", listener.local_addr().unwrap());
        let answers = Arc::new(AtomicU8::new(PASS));
        tokio::spawn(accept(listener, server.to_owned(), Arc::clone(&answers)));
        Self { url, answers }
    }

    /// From now on requests arrive, but the connection breaks instead of an answer.
    pub(crate) fn cut_answers(&self) {
        self.answers.store(CUT, Ordering::SeqCst);
    }

    /// From now on requests arrive, but no answer comes back.
    pub(crate) fn swallow_answers(&self) {
        self.answers.store(SWALLOW, Ordering::SeqCst);
    }

    pub(crate) fn pass_answers(&self) {
        self.answers.store(PASS, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, server: String, answers: Arc<AtomicU8>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(upstream) = TcpStream::connect(&server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = upstream.into_split();
        tokio::spawn(pass(from_client, to_server, Arc::default()));
        tokio::spawn(pass(from_server, to_client, Arc::clone(&answers)));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, what: Arc<AtomicU8>) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        match what.load(Ordering::SeqCst) {
            _ if length == 0 => return to.shutdown().await,
            CUT => return to.shutdown().await,
            SWALLOW => {}
            _ => to.write_all(&buffer[..length]).await?,
        }
    }
}
