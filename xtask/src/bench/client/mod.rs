//! The load: many connections driven by one thread, each with one request in flight at a time.
//!
//! The client takes CPU time from the server, because both run on the same machine. So requests are prepared as bytes,
//! and answers are parsed only as far as needed to check them.

mod connection;
mod engine;
mod ids;

pub(crate) use engine::{Load, Measured, Observer, Pace, Window, latencies, run};
pub(crate) use ids::{Ids, fresh_uuid};

use super::Fault;
use connection::{Connection, Step};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The timeout of blocking connections.
const PATIENCE: Duration = Duration::from_secs(60);

/// The requests of a load, and the checks of their answers.
pub(crate) trait Source {
    /// Appends the next request and returns its tag, which comes back with the answer. `None` after the last request.
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64>;

    /// Checks an answer.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String>;
}

/// The meaning of an answer that is not wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The request was carried out.
    Done,
    /// The server is busy. The client pauses before its next request, and this one does not count as an answer.
    Refused,
}

/// An answer in the buffer of its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'b> {
    pub(crate) status: u16,
    pub(crate) body: &'b [u8],
}

impl Answer<'_> {
    /// Expects a status.
    ///
    /// # Errors
    /// If the status is another one. The text has the start of the body.
    pub(crate) fn expect(&self, status: u16) -> Result<(), String> {
        if self.status == status {
            return Ok(());
        }
        let body: String = String::from_utf8_lossy(self.body).chars().take(300).collect();
        Err(format!("expected {status}, answered {}: {body}", self.status))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If the body is not JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::from_slice(self.body).map_err(|error| format!("the body is not JSON: {error}"))
    }
}

/// The bytes of a request. `head` has more header lines, each ending with `\r\n`.
pub(crate) fn bytes(method: &str, target: &str, head: &str, body: Option<&str>) -> Vec<u8> {
    let body =
        body.map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let rest = body.unwrap_or_else(|| "\r\n".to_owned());
    format!("{method} {target} HTTP/1.1\r\nHost: bench.test\r\n{head}{rest}").into_bytes()
}

/// The header line with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A blocking connection.
#[derive(Debug)]
pub(crate) struct Talk(Connection);

/// An answer on a blocking connection.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    /// The bytes of head and body.
    pub(crate) bytes: Vec<u8>,
    head: usize,
}

impl Talk {
    /// Connects to a server. The connection gives up after a minute.
    ///
    /// # Errors
    /// If no server listens.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Fault> {
        Self::open_from(Ipv4Addr::LOCALHOST.into(), address, PATIENCE)
    }

    /// Connects from this address of the machine. The connection gives up when a step takes longer than `patience`.
    ///
    /// # Errors
    /// If no server listens.
    pub(crate) fn open_from(from: IpAddr, address: SocketAddr, patience: Duration) -> Result<Self, Fault> {
        Ok(Self(Connection::open_blocking(from, address, patience)?))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Said, Fault> {
        self.0.output.extend_from_slice(request);
        self.0.write()?;
        loop {
            if let Step::Answer(reply) = self.0.read()? {
                let (bytes, head) = self.0.bytes(reply);
                let said = Said { status: reply.status, bytes: bytes.to_vec(), head };
                self.0.consume();
                return Ok(said);
            }
        }
    }
}

impl Said {
    /// The bytes of the body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If the body is not JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Fault> {
        Ok(serde_json::from_slice(self.body())?)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = std::str::from_utf8(&self.bytes[..self.head]).ok()?;
        let of = |line: &str| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(of)
    }

    /// Expects a status.
    ///
    /// # Errors
    /// If the status is another one.
    pub(crate) fn expect(self, status: u16) -> Result<Self, Fault> {
        Answer { status: self.status, body: self.body() }.expect(status)?;
        Ok(self)
    }
}

/// Sends one request on a new connection.
///
/// # Errors
/// If there is no answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Result<Said, Fault> {
    Talk::open(address)?.ask(request)
}
