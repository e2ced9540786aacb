//! A server that speaks INSTREAM by a script.

use skep_scanner::ScannerAddress;
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

/// What the server does on each connection.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Reads the content, sends these bytes, and closes.
    Answer(Vec<u8>),
    /// The same, one byte after the other.
    Split(Vec<u8>),
    /// Reads so many bytes, sends these, and closes without reading the rest.
    AnswerAfter(usize, Vec<u8>),
    /// Reads so many bytes, and closes.
    DropAfter(usize),
    /// Reads everything, and sends nothing.
    Silence,
    /// Reads nothing.
    Deaf,
    /// Reads the content, and sends these bytes and then without end.
    Flood(Vec<u8>),
}

/// The chunks of a content.
type Chunks = Vec<Vec<u8>>;

pub(crate) struct Server {
    address: ScannerAddress,
    connections: Arc<AtomicUsize>,
    received: tokio::sync::Mutex<UnboundedReceiver<Chunks>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, (sender, received)) = (Arc::<AtomicUsize>::default(), unbounded_channel());
        let counted = connections.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), sender.clone()));
            }
        });
        let address = ScannerAddress::Tcp { host: "127.0.0.1".to_owned(), port };
        Self { address, connections, received: received.into(), serving }
    }

    /// Listens on a socket.
    pub(crate) fn start_at(path: &Path, script: Script) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (connections, (sender, received)) = (Arc::<AtomicUsize>::default(), unbounded_channel());
        let counted = connections.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), sender.clone()));
            }
        });
        Self { address: ScannerAddress::Unix(path.to_owned()), connections, received: received.into(), serving }
    }

    pub(crate) fn address(&self) -> ScannerAddress {
        self.address.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The chunks of the next content that came in whole.
    pub(crate) async fn received(&self) -> Chunks {
        self.received.lock().await.recv().await.unwrap()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Script, received: UnboundedSender<Chunks>) {
    // A client that goes away ends the script.
    let _ = play(&mut stream, script, &received).await;
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: Script,
    received: &UnboundedSender<Chunks>,
) -> io::Result<()> {
    match script {
        Script::AnswerAfter(bytes, answer) => {
            stream.read_exact(&mut vec![0; bytes]).await?;
            stream.write_all(&answer).await
        }
        Script::DropAfter(bytes) => stream.read_exact(&mut vec![0; bytes]).await.map(drop),
        Script::Deaf => std::future::pending().await,
        Script::Silence => {
            read_request(stream, received).await?;
            std::future::pending().await
        }
        Script::Answer(answer) => {
            read_request(stream, received).await?;
            stream.write_all(&answer).await
        }
        Script::Split(answer) => {
            read_request(stream, received).await?;
            for byte in answer {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
        Script::Flood(start) => {
            read_request(stream, received).await?;
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&[b'a'; 64 << 10]).await?;
            }
        }
    }
}

/// Reads a PING, or an INSTREAM with its whole content.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, received: &UnboundedSender<Chunks>) -> io::Result<()> {
    let mut command = vec![];
    while !command.ends_with(b"\0") {
        command.push(stream.read_u8().await?);
    }
    if command == b"zPING\0" {
        return Ok(());
    }
    assert_eq!(command, b"zINSTREAM\0");
    let mut chunks = vec![];
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            let _ = received.send(chunks);
            return Ok(());
        }
        let mut chunk = vec![0; length as usize];
        stream.read_exact(&mut chunk).await?;
        chunks.push(chunk);
    }
}
