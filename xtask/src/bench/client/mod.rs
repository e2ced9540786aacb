//! The load: many connections driven by one thread, each with one request under way at a time.
//!
//! Its cycles are the server's loss, since both run on the same machine: requests are bytes made beforehand, answers are
//! read just far enough to tell whether they are right.

mod connection;
mod engine;
mod ids;

pub(crate) use engine::{Load, Measured, Observer, Pace, Window, run};
pub(crate) use ids::{Ids, fresh_uuid};

use super::Fault;
use connection::{Connection, Step};
use std::net::SocketAddr;

/// What a load asks for, and what it expects.
pub(crate) trait Source {
    /// Appends the next request; its tag comes back with the answer. None: there is no more to ask.
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64>;

    /// Judges an answer.
    ///
    /// # Errors
    /// What is wrong with it.
    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String>;
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for was done.
    Done,
    /// The server is busy and says so. Whoever asked waits a little before the next request; this one is not counted.
    Refused,
}

/// An answer, while it is in the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'b> {
    pub(crate) status: u16,
    pub(crate) body: &'b [u8],
}

impl Answer<'_> {
    /// Expects a status.
    ///
    /// # Errors
    /// It is another one; the body may tell why.
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
    /// It is none.
    pub(crate) fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::from_slice(self.body).map_err(|error| format!("the body is no JSON: {error}"))
    }
}

/// The bytes of a request. `head` is what follows the method and the target: lines that end with `\r\n`.
pub(crate) fn bytes(method: &str, target: &str, head: &str, body: Option<&str>) -> Vec<u8> {
    let body =
        body.map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let rest = body.unwrap_or_else(|| "\r\n".to_owned());
    format!("{method} {target} HTTP/1.1\r\nHost: bench.test\r\n{head}{rest}").into_bytes()
}

/// The header that shows a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A connection that waits for each answer, for what is not measured. Gives up after a minute.
#[derive(Debug)]
pub(crate) struct Talk(Connection);

/// An answer on such a connection.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    /// Head and body as they came.
    pub(crate) bytes: Vec<u8>,
    head: usize,
}

impl Talk {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Fault> {
        Ok(Self(Connection::open(address, 0, false)?))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// There is none.
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
    /// The body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Fault> {
        Ok(serde_json::from_slice(self.body())?)
    }

    /// A header; the name is in lower case.
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
    /// It is another one.
    pub(crate) fn expect(self, status: u16) -> Result<Self, Fault> {
        Answer { status: self.status, body: self.body() }.expect(status)?;
        Ok(self)
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// There is no answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Result<Said, Fault> {
    Talk::open(address)?.ask(request)
}
