//! A server process and its output.

use crate::{Client, Connection, Contract, deployment::read, wait_for};
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command},
    sync::Arc,
};

/// A server process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    out: PathBuf,
    err: PathBuf,
    contract: Arc<Contract>,
}

/// A server that is not ready yet, or a process of workers; it is killed with this.
#[derive(Debug)]
pub struct Starting {
    child: Option<Child>,
    out: PathBuf,
    err: PathBuf,
}

impl Starting {
    pub(crate) const fn new(child: Child, out: PathBuf, err: PathBuf) -> Self {
        Self { child: Some(child), out, err }
    }

    /// All that it has printed so far.
    #[must_use]
    pub fn out(&self) -> String {
        read(&self.out)
    }

    /// All that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.err)
    }

    /// Asks it to end, as a service manager does, and waits for that.
    ///
    /// # Panics
    /// If it has ended already, or does not end.
    #[must_use]
    #[track_caller]
    pub fn terminate(mut self) -> Exit {
        let child = self.child.as_mut().expect("it is taken once");
        send_signal(child, "TERM");
        let status = wait_for("the start to end", || child.try_wait().expect("a child"));
        Exit { code: status.code(), log: self.log() }
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// It ends instead.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> Server {
        let child = self.child.take().expect("it is taken once");
        Server::start(child, self.out.clone(), self.err.clone())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal, named without `SIG`. The shell's kill is used because std can only send SIGKILL.
pub(crate) fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(sent.is_ok_and(|status| status.success()), "the signal is sent");
}

/// The end of a server process.
#[derive(Debug)]
pub struct Exit {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything that it logged.
    pub log: String,
}

impl Server {
    #[track_caller]
    fn start(mut child: Child, out: PathBuf, err: PathBuf) -> Self {
        let address = wait_for("the server to tell its address", || {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the server ended with {status}: {}", read(&err));
            }
            read(&out).split_once(", data in").and_then(|(start, _)| start.rsplit(' ').next()?.parse().ok())
        });
        let mut server = Self { child, address, out, err, contract: Arc::default() };
        // The answer shows that the server has started, and so has printed everything that it prints at start.
        let contract = Contract::new(server.visitor().get("/openapi.json").send().ok().json());
        server.contract = Arc::new(contract);
        server
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without a token.
    #[must_use]
    pub fn visitor(&self) -> Client {
        Client::new(self.address, self.contract.clone())
    }

    /// A client with the token that a user got from another server.
    #[must_use]
    pub fn known(&self, user: &Client) -> Client {
        self.visitor().with_token(user.token())
    }

    /// Opens a connection.
    ///
    /// # Panics
    /// If the server does not listen.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the server listens")
    }

    /// The token for setup, if the server has printed one.
    #[must_use]
    pub fn setup_token(&self) -> Option<String> {
        let text = read(&self.out);
        let (_, rest) = text.split_once("\"token\":\"")?;
        rest.split_once('"').map(|(token, _)| token.to_owned())
    }

    /// Everything that it has written to standard output so far.
    #[must_use]
    pub fn out(&self) -> String {
        read(&self.out)
    }

    /// Everything that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.err)
    }

    /// The value of a metric, summed over its labels; 0 if it was never counted.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let answer = self.visitor().get("/metrics").send().ok();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal, named without `SIG`.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn wait(mut self) -> Exit {
        let status = wait_for("the server to end", || self.child.try_wait().expect("a child"));
        Exit { code: status.code(), log: self.log() }
    }

    /// Ends it, and expects exit code 0 and no error in its log.
    ///
    /// # Panics
    /// If the exit code is another one, or if it has logged an error or a panic.
    #[track_caller]
    pub fn stop(self) {
        self.terminate();
        let exit = self.wait();
        let errors: Vec<&str> =
            exit.log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked")).collect();
        assert!(exit.code == Some(0) && errors.is_empty(), "the server ended with {:?}: {errors:?}", exit.code);
    }

    /// Kills it without warning.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("a child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let end: Vec<&str> = log.lines().rev().filter(|line| !line.contains(" INFO ")).take(20).collect();
            for line in end.iter().rev() {
                note(line);
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "the server's log helps to explain a failure")]
fn note(line: &str) {
    eprintln!("    the server: {line}");
}
