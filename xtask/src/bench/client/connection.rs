//! A connection of a load, which parses answers with little work.

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};
use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// The first size of the buffer. Any answer of a scenario fits.
const ROOM: usize = 32 << 10;
const MAX_HEADERS: usize = 32;

/// A connection of a load.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// The number of the load that it belongs to.
    pub(super) load: usize,
    /// The bytes that are still to be sent.
    pub(super) output: Vec<u8>,
    pub(super) flight: Option<Flight>,
    is_driven: bool,
    input: Vec<u8>,
    filled: usize,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) tag: u64,
    /// When it was sent, or when it was due.
    pub(super) since: Instant,
}

/// An answer in the buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: usize,
    length: usize,
}

/// The result of a read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A complete answer. It stays in the buffer until [`Connection::consume`].
    Answer(Reply),
    /// The answer is not complete yet.
    More,
}

impl Connection {
    /// Opens a connection of a load, which does not block.
    pub(super) fn open(address: SocketAddr, load: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        Self::of(stream, load, true)
    }

    /// Opens a blocking connection from this address of the machine. Each step may take as long as `patience`.
    pub(super) fn open_blocking(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
        // Limits the time to connect as well.
        set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(patience))?;
        rustix::net::connect(&socket, &to)?;
        Self::of(socket.into(), 0, false)
    }

    fn of(stream: TcpStream, load: usize, is_driven: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, load, output: vec![], flight: None, is_driven, input: vec![0; ROOM], filled: 0 })
    }

    /// Sends as much as the socket accepts, and keeps the rest.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.stream.write(&self.output[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if sent == self.output.len() {
            self.output.clear();
        } else {
            self.output.drain(..sent);
        }
        Ok(())
    }

    /// Reads once from the socket.
    pub(super) fn read(&mut self) -> io::Result<Step> {
        if self.filled == self.input.len() {
            self.input.resize(self.input.len() * 2, 0);
        }
        loop {
            match self.stream.read(&mut self.input[self.filled..]) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server has hung up")),
                Ok(read) => {
                    self.filled += read;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // On a blocking connection, this error is the timeout.
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.is_driven => return Ok(Step::More),
                Err(error) => return Err(error),
            }
        }
        parse(&self.input[..self.filled]).map(|reply| reply.map_or(Step::More, Step::Answer))
    }

    /// Whether the buffer is full, so that the socket may have more bytes.
    pub(super) fn is_full(&self) -> bool {
        self.filled == self.input.len()
    }

    pub(super) fn body(&self, reply: Reply) -> &[u8] {
        &self.input[reply.head..reply.head + reply.length]
    }

    /// The bytes of the answer, and the offset of its body.
    pub(super) fn bytes(&self, reply: Reply) -> (&[u8], usize) {
        (&self.input[..reply.head + reply.length], reply.head)
    }

    /// Empties the buffer. Nothing follows the answer, because only one request is in flight.
    pub(super) fn consume(&mut self) {
        self.filled = 0;
    }
}

fn parse(input: &[u8]) -> io::Result<Option<Reply>> {
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(|error| wrong(&format!("the answer is not HTTP: {error}")))?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(length) => std::str::from_utf8(length.value).ok().and_then(|text| text.parse().ok()),
        None => (status == 204).then_some(0),
    };
    let length: usize = length.ok_or_else(|| wrong("the answer has no length"))?;
    let whole = head + length;
    if input.len() > whole {
        return Err(wrong("the answer has more bytes than its length"));
    }
    Ok((input.len() == whole).then_some(Reply { status, head, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert!((0..text.len()).all(|end| parse(&text[..end]).unwrap().is_none()));
        let reply = parse(text).unwrap().unwrap();
        assert_eq!((reply.status, &text[reply.head..]), (200, &b"{}"[..]));
    }

    #[test]
    fn an_invalid_answer_is_refused() {
        for text in [&b"hello there\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\nx"] {
            assert!(parse(text).is_err());
        }
    }
}
