//! A mail server that counts the mails that it gets, and can make its clients wait for its answer.

use crate::{Deployment, wait_for};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Receives mails by SMTP (RFC 5321), one on each connection.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The keys of all mails, in the order in which they came.
    mails: Vec<String>,
    /// How long each mail waits before it is confirmed.
    pause: Duration,
    is_holding: bool,
    /// The mails that were confirmed while others are held, by their place in `mails`.
    confirmed: BTreeSet<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MailServer {
    /// Starts a server on a free port.
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
                thread::spawn(move || converse(&client, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// Takes so long to confirm each mail.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        self.shared.state().pause = pause;
        self
    }

    /// Makes the servers of the deployment send their mails here.
    pub fn serve(&self, deployment: &mut Deployment) {
        deployment.set("SKEP_MAIL_URL", format!("smtp://{}", self.address));
        deployment.set("SKEP_MAIL_FROM", "shop@example.com");
        deployment.set("SKEP_MAIL_NETWORKS", "127.0.0.1");
    }

    /// How often each mail came, by its key: its `Message-ID` without the domain.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for key in &self.shared.state().mails {
            *counts.entry(key.clone()).or_default() += 1;
        }
        counts
    }

    /// Confirms no further mail until [`Self::confirm`] or [`Self::go_on`].
    pub fn hold(&self) {
        self.shared.state().is_holding = true;
    }

    /// Waits until so many mails came in all, and returns their keys in the order in which they came.
    ///
    /// # Panics
    /// If they do not come.
    #[track_caller]
    pub fn wait_for_mails(&self, count: usize) -> Vec<String> {
        wait_for("mails", || Some(self.shared.state().mails.clone()).filter(|mails| mails.len() >= count))
    }

    /// Confirms the mail at this place of all mails, counted from 0.
    pub fn confirm(&self, place: usize) {
        self.shared.state().confirmed.insert(place);
        self.shared.changed.notify_all();
    }

    /// Confirms all mails.
    pub fn go_on(&self) {
        self.shared.state().is_holding = false;
        self.shared.changed.notify_all();
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.go_on();
    }
}

fn converse(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (mut lines, mut out) = (BufReader::new(client).lines(), client);
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes());
    say("220 mail.test")?;
    while let Some(line) = lines.next() {
        let line = line?.to_ascii_uppercase();
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => say("250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8")?,
            "DATA" => {
                say("354 go on")?;
                let mut key = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if let Some(id) = line.strip_prefix("Message-ID: <") {
                        key = id.split('@').next().unwrap_or_default().to_owned();
                    }
                    if line == "." {
                        break;
                    }
                }
                take(shared, key);
                say("250 taken")?;
            }
            "QUIT" => return say("221 goodbye"),
            _ => say("250 fine")?,
        }
    }
    Ok(())
}

/// Counts the mail, and returns when it is to be confirmed.
fn take(shared: &Shared, key: String) {
    let mut state = shared.state();
    let (place, pause) = (state.mails.len(), state.pause);
    state.mails.push(key);
    while state.is_holding && !state.confirmed.contains(&place) {
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    drop(state);
    thread::sleep(pause);
}
