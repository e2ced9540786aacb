//! A scanner that speaks INSTREAM as `clamd` does. It finds a marker in contents, and can be slow, away or strict.

use crate::{Deployment, wait_for};
use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Judges contents: one that has [`ScanServer::HARMFUL`] is infected.
#[derive(Debug)]
pub struct ScanServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many contents it has got in whole.
    contents: usize,
    is_holding: bool,
    is_away: bool,
    most_bytes: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { contents: 0, is_holding: false, is_away: false, most_bytes: usize::MAX }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScanServer {
    /// The text that this scanner takes for harmful.
    pub const HARMFUL: &str = "HARMFUL-TEST-CONTENT";
    /// The name that it has for it.
    pub const THREAT: &str = "Journey-Test-Signature";

    /// Starts a scanner on a free port.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let serving = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = serving.clone();
                // A client that was killed ends its conversation.
                thread::spawn(move || converse(client, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// The settings of servers that ask this scanner.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("SKEP_SCANNER", format!("tcp://{}", self.address)), ("SKEP_SCANNER_NETWORKS", "127.0.0.1".to_owned())]
    }

    /// Makes the servers of the deployment ask this scanner.
    pub fn serve(&self, deployment: &mut Deployment) {
        self.settings().into_iter().for_each(|(name, value)| deployment.set(name, value));
    }

    /// How many contents it has got in whole.
    #[must_use]
    pub fn contents(&self) -> usize {
        self.shared.state().contents
    }

    /// Waits until it has got so many contents in whole.
    ///
    /// # Panics
    /// If they do not come.
    #[track_caller]
    pub fn wait_for_contents(&self, count: usize) {
        wait_for("contents to scan", || (self.contents() >= count).then_some(()));
    }

    /// Answers no further content until [`Self::go_on`].
    pub fn hold(&self) {
        self.shared.state().is_holding = true;
    }

    /// Closes each further connection at once until [`Self::go_on`].
    pub fn go_away(&self) {
        self.shared.state().is_away = true;
    }

    /// Takes only contents with so many bytes.
    pub fn take_at_most(&self, bytes: usize) {
        self.shared.state().most_bytes = bytes;
    }

    /// Answers every content, however long.
    pub fn go_on(&self) {
        let mut state = self.shared.state();
        *state = State { contents: state.contents, ..State::default() };
        self.shared.changed.notify_all();
    }
}

impl Drop for ScanServer {
    fn drop(&mut self) {
        self.go_on();
    }
}

fn converse(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    if shared.state().is_away {
        return Ok(());
    }
    let mut command = vec![];
    while !command.ends_with(b"\0") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        command.push(byte[0]);
    }
    if command == b"zPING\0" {
        return client.write_all(b"PONG\0");
    }
    let mut content = vec![];
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            break;
        }
        let start = content.len();
        content.resize(start + length, 0);
        client.read_exact(&mut content[start..])?;
        if content.len() > shared.state().most_bytes {
            return client.write_all(b"INSTREAM size limit exceeded. ERROR\0");
        }
    }
    let mut state = shared.state();
    state.contents += 1;
    while state.is_holding {
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    drop(state);
    let is_harmful = content.windows(ScanServer::HARMFUL.len()).any(|text| text == ScanServer::HARMFUL.as_bytes());
    match is_harmful {
        true => client.write_all(format!("stream: {} FOUND\0", ScanServer::THREAT).as_bytes()),
        false => client.write_all(b"stream: OK\0"),
    }
}
