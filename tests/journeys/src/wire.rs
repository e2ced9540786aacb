//! A wire to a server that can be cut and mended: what stands behind its address comes and goes.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Forwards connections to a server.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: String,
    is_cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A wire to this host and port.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inner = Inner { server: server.to_owned(), is_cut: AtomicBool::new(false), open: Mutex::default() };
        let inner = Arc::new(inner);
        let shared = inner.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|client| shared.forward(&client)));
        Self { address, inner }
    }

    /// Where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a server with this wire in place of its host and port.
    ///
    /// # Panics
    /// The address has no host.
    #[must_use]
    pub fn splice(url: &str) -> (Self, String) {
        let start = url.find("://").expect("a scheme") + 3;
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let wire = Self::to(&url[start..end]);
        let through = format!("{}{}{}", &url[..start], wire.address, &url[end..]);
        (wire, through)
    }

    /// Cuts every connection, and every new one, until it is mended.
    ///
    /// # Panics
    /// Another thread has panicked here.
    pub fn cut(&self) {
        self.inner.is_cut.store(true, Ordering::SeqCst);
        for stream in self.inner.open.lock().expect("not poisoned").drain(..) {
            // The other side may have hung up.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.inner.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Inner {
    fn forward(&self, client: &TcpStream) {
        let joined = || -> io::Result<()> {
            let server = TcpStream::connect(&self.server)?;
            let mut open = self.open.lock().expect("not poisoned");
            if self.is_cut.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            for (from, to) in [(client, &server), (&server, client)] {
                from.set_nodelay(true)?;
                let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
                open.push(from.try_clone()?);
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            Ok(())
        };
        if joined().is_err() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}
