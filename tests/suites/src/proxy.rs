//! A proxy between a store and its server. It recognizes commits, and on request it loses them.

use crate::wire::{Frames, Wire};
use skep_contract::CommitFault;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Makes the server undo the unit of work whose commit is this message.
pub(crate) type Undo = Arc<dyn Fn(Vec<u8>) -> futures_util::future::BoxFuture<'static, ()> + Send + Sync>;

/// Listens on a free port until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    server: String,
    wire: Wire,
    undo: Option<Undo>,
    fault: Mutex<Option<CommitFault>>,
    /// New connections end at once.
    isolated: AtomicBool,
    /// Commits that are held back, each with its connection to the server.
    held: Mutex<Vec<(Vec<u8>, TcpStream)>>,
    round_trips: AtomicU64,
    lost: AtomicU64,
    /// The number of cuts. A change ends every connection.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    /// Starts a proxy to `server` (host and port). `undo` is for servers that do not undo a unit of work when its
    /// connection ends.
    pub(crate) async fn start(server: String, wire: Wire, undo: Option<Undo>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            server,
            wire,
            undo,
            fault: Mutex::default(),
            isolated: AtomicBool::new(false),
            held: Mutex::default(),
            round_trips: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
        });
        let address = listener.local_addr()?;
        let listening = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let shared = shared.clone();
                    // Broken connections are the purpose of the proxy.
                    tokio::spawn(async move { shared.pass_on(client).await.ok() });
                }
            }
        });
        Ok(Self { address, shared, listening })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn round_trips(&self) -> u64 {
        self.shared.round_trips.load(Ordering::SeqCst)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }

    pub(crate) fn break_commits(&self, fault: CommitFault) {
        *lock(&self.shared.fault) = Some(fault);
    }

    /// Lets commits pass again, and delivers those that were held back.
    pub(crate) async fn mend(&self) -> io::Result<()> {
        *lock(&self.shared.fault) = None;
        self.shared.isolated.store(false, Ordering::SeqCst);
        let held = std::mem::take(&mut *lock(&self.shared.held));
        for (commit, mut server) in held {
            server.write_all(&commit).await?;
            answered(&mut server).await?;
        }
        Ok(())
    }

    /// Ends every connection, and each new one at once, until the proxy is mended.
    pub(crate) fn isolate(&self) {
        self.shared.isolated.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Ends every open connection.
    pub(crate) fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

impl Shared {
    async fn pass_on(&self, mut client: TcpStream) -> io::Result<()> {
        let mut cuts = self.cuts.subscribe();
        if self.isolated.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut server = TcpStream::connect(&self.server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut frames = Frames::new(self.wire);
        let (mut sent, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                _ = cuts.changed() => return Ok(()),
                read = client.read(&mut sent) => match read? {
                    0 => return Ok(()),
                    count => {
                        frames.push(&sent[..count]);
                        while let Some(frame) = frames.next() {
                            self.round_trips.fetch_add(u64::from(frame.is_request), Ordering::SeqCst);
                            let fault = if frame.is_commit { *lock(&self.fault) } else { None };
                            match fault {
                                None => server.write_all(&frame.bytes).await?,
                                Some(CommitFault::Aborted) => {
                                    self.undo(frame.bytes.clone()).await;
                                    server.write_all(&frame.bytes).await?;
                                }
                                Some(fault) => return self.lose(fault, frame.bytes, server).await,
                            }
                        }
                    }
                },
                read = server.read(&mut answer) => match read? {
                    0 => return Ok(()),
                    count => client.write_all(&answer[..count]).await?,
                },
            }
        }
    }

    /// Loses a commit in the way of `fault`. The client's connection ends when this returns.
    async fn lose(&self, fault: CommitFault, commit: Vec<u8>, mut server: TcpStream) -> io::Result<()> {
        match fault {
            CommitFault::LostOnItsWay => lock(&self.held).push((commit, server)),
            CommitFault::LostWithEffect => {
                server.write_all(&commit).await?;
                answered(&mut server).await?;
            }
            CommitFault::LostWithoutEffect | CommitFault::Aborted => {
                drop(server);
                self.undo(commit).await;
            }
        }
        self.lost.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn undo(&self, commit: Vec<u8>) {
        if let Some(undo) = &self.undo {
            undo(commit).await;
        }
    }
}

/// Waits for the first byte of the answer, which shows that the server has carried out the commit.
async fn answered(server: &mut TcpStream) -> io::Result<()> {
    match server.read(&mut [0; 1024]).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
