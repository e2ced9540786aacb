//! A proxy to a server whose connections can be cut, frozen and mended.

use crate::{Deployment, written_over::WrittenOver};
use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Forwards connections to a server.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    inner: Arc<Inner>,
}

/// The side that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// The client of the connection with this number, from 1.
    Client(usize),
    Server,
}

#[derive(Debug)]
struct Inner {
    server: Mutex<String>,
    is_cut: AtomicBool,
    is_frozen: Mutex<bool>,
    thawed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    /// Bytes of a client that cut the wire before they are forwarded.
    trap: Mutex<Option<&'static [u8]>>,
    /// What is written over in answers.
    over: Mutex<Option<WrittenOver>>,
    /// How often clients have sent something and waited for the answer.
    trips: AtomicUsize,
    connections: Mutex<usize>,
    connected: Condvar,
    /// The connections without which only the first one works.
    gathered: AtomicUsize,
}

impl Wire {
    /// A wire to this host and port.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            server: Mutex::new(server.to_owned()),
            is_cut: AtomicBool::new(false),
            is_frozen: Mutex::default(),
            thawed: Condvar::new(),
            open: Mutex::default(),
            trap: Mutex::default(),
            over: Mutex::default(),
            trips: AtomicUsize::new(0),
            connections: Mutex::default(),
            connected: Condvar::new(),
            gathered: AtomicUsize::new(0),
        });
        let shared = inner.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|client| shared.forward(&client)));
        Self { address, inner }
    }

    /// The address to connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the deployment reach its store through a wire.
    ///
    /// # Panics
    /// If the store is a file.
    #[must_use]
    pub fn to_the_store_of(deployment: &mut Deployment) -> Self {
        let address = deployment.settings().find(|(name, _)| name == "DATABASE_URL" || name == "MONGODB_URI");
        let (name, address) = address.expect("a store on a server");
        let (wire, mut through) = Self::splice(&address);
        if name == "MONGODB_URI" {
            // The driver would otherwise learn the addresses of the replica set and bypass the wire.
            through = format!("{}?directConnection=true", through.split('?').next().unwrap_or_default());
        }
        deployment.set(&name, through);
        wire
    }

    /// A wire to the server of this URL, and the URL with the wire in place of the host and port.
    ///
    /// # Panics
    /// If the URL has no scheme.
    #[must_use]
    pub fn splice(url: &str) -> (Self, String) {
        let start = url.find("://").expect("a scheme") + 3;
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let wire = Self::to(&url[start..end]);
        let through = format!("{}{}{}", &url[..start], wire.address, &url[end..]);
        (wire, through)
    }

    /// Cuts every connection, also new ones, until the wire is mended.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn cut(&self) {
        self.inner.cut();
    }

    /// Ends every connection, and leads new ones to another host and port.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn turn_to(&self, server: &str) {
        self.cut();
        server.clone_into(&mut self.inner.server.lock().expect("not poisoned"));
        self.mend();
    }

    /// Cuts the wire when a client sends this text, which does not arrive. It must come in one piece.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn cut_at(&self, text: &'static str) {
        *self.inner.trap.lock().expect("not poisoned") = Some(text.as_bytes());
    }

    /// From now on, puts `with` in the place of the bytes that follow each `mark` in what the server sends.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn write_over(&self, mark: &'static str, with: &'static str) {
        let over = WrittenOver { mark: mark.as_bytes(), with: with.as_bytes() };
        *self.inner.over.lock().expect("not poisoned") = Some(over);
    }

    /// Holds back what clients send over all connections but the first one, until this number of connections were opened.
    pub fn gather(&self, connections: usize) {
        self.inner.gathered.store(connections, Ordering::SeqCst);
    }

    /// How often clients have sent something and waited for the answer, over all connections.
    #[must_use]
    pub fn trips(&self) -> usize {
        self.inner.trips.load(Ordering::SeqCst)
    }

    /// Whether it is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.inner.is_cut.load(Ordering::SeqCst)
    }

    /// Holds back every byte in both directions until the wire is mended. Connections stay open, new ones are accepted,
    /// and nothing arrives, as with a stopped server or a network that loses every packet.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn freeze(&self) {
        *self.inner.is_frozen.lock().expect("not poisoned") = true;
    }

    /// Lets connections through again, and sends the bytes that were held back.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn mend(&self) {
        self.inner.is_cut.store(false, Ordering::SeqCst);
        *self.inner.is_frozen.lock().expect("not poisoned") = false;
        self.inner.thawed.notify_all();
    }
}

impl Inner {
    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("not poisoned").drain(..) {
            // The other side may have hung up.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether a client has sent what the wire is to be cut at. That happens once.
    fn is_trapped(&self, sent: &[u8]) -> bool {
        let mut trap = self.trap.lock().expect("not poisoned");
        trap.take_if(|text| sent.windows(text.len()).any(|part| part == *text)).is_some()
    }

    fn forward(self: &Arc<Self>, client: &TcpStream) {
        let joined = || -> io::Result<()> {
            let address = self.server.lock().expect("not poisoned").clone();
            let server = TcpStream::connect(address)?;
            let mut open = self.open.lock().expect("not poisoned");
            if self.is_cut.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let mut connections = self.connections.lock().expect("not poisoned");
            *connections += 1;
            self.connected.notify_all();
            let (number, is_answered) = (*connections, Arc::new(AtomicBool::new(true)));
            drop(connections);
            for (from, to, is_client) in [(client, &server, true), (&server, client, false)] {
                from.set_nodelay(true)?;
                let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
                open.push(from.try_clone()?);
                let (shared, is_answered) = (self.clone(), is_answered.clone());
                thread::spawn(move || {
                    let sender = if is_client { Sender::Client(number) } else { Sender::Server };
                    let _ = shared.copy(&mut from, &mut to, sender, &is_answered);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            Ok(())
        };
        if joined().is_err() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// Counts the round trips, and waits until enough connections were opened.
    fn pass(&self, sender: Sender, is_answered: &AtomicBool) {
        let was_answered = is_answered.swap(sender == Sender::Server, Ordering::SeqCst);
        let Sender::Client(number) = sender else { return };
        self.trips.fetch_add(usize::from(was_answered), Ordering::SeqCst);
        let connections = self.connections.lock().expect("not poisoned");
        let is_alone = |connections: &mut usize| number > 1 && *connections < self.gathered.load(Ordering::SeqCst);
        drop(self.connected.wait_while(connections, is_alone).expect("not poisoned"));
    }

    fn copy(
        &self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        sender: Sender,
        is_answered: &AtomicBool,
    ) -> io::Result<()> {
        let (mut buffer, mut waiting) = ([0; 16 << 10], vec![]);
        loop {
            let count = from.read(&mut buffer)?;
            let frozen = self.is_frozen.lock().expect("not poisoned");
            drop(self.thawed.wait_while(frozen, |is_frozen| *is_frozen).expect("not poisoned"));
            if count == 0 {
                return to.write_all(&waiting);
            }
            self.pass(sender, is_answered);
            if sender != Sender::Server && self.is_trapped(&buffer[..count]) {
                self.cut();
                return Ok(());
            }
            waiting.extend_from_slice(&buffer[..count]);
            let over = self.over.lock().expect("not poisoned").filter(|_| sender == Sender::Server);
            let free = over.map_or(waiting.len(), |over| over.apply(&mut waiting));
            to.write_all(&waiting[..free])?;
            waiting.drain(..free);
        }
    }
}
