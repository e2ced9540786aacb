//! The connections of an attacker: plain bytes, without the manners of a client.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// The time after which an attacker gives up waiting.
const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// The address of the attacker.
pub(super) const HOSTILE: Ipv4Addr = hostile(0);

/// An address of the attacker in another network. All are in 127.66.0.0/16.
pub(super) const fn hostile(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 66, number, 1)
}

/// The address of an innocent client with this number. Each is in a network of its own.
pub(super) const fn innocent(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 99, number, 1)
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Whether the server said that it closes the connection.
    pub(super) closes: bool,
    /// The bytes of head and body.
    pub(super) size: usize,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON, or `null`.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Wire {
    /// Connects from this address.
    ///
    /// # Errors
    /// If the server does not accept the connection in time.
    pub(super) async fn open(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        Self::connect(TcpSocket::new_v4()?, from, to).await
    }

    /// Connects with a small buffer for received bytes, so that the server soon cannot send more.
    ///
    /// # Errors
    /// If the server does not accept the connection in time.
    pub(super) async fn open_narrow(from: Ipv4Addr, to: SocketAddr, buffer: u32) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(buffer)?;
        Self::connect(socket, from, to).await
    }

    async fn connect(socket: TcpSocket, from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        let stream = in_time(socket.connect(to)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: vec![] })
    }

    /// Appends the bytes that have arrived. Does not wait for more.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) fn take_arrived(&self, into: &mut Vec<u8>) -> io::Result<()> {
        loop {
            match self.stream.try_read_buf(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                read => read?,
            };
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// If the server has closed the connection or does not read.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        in_time(self.stream.write_all(bytes)).await
    }

    /// Reads at most this many bytes and drops them. Does not wait for bytes.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) fn sip(&self, most: usize) -> io::Result<usize> {
        match self.stream.try_read(&mut vec![0; most]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            read => read,
        }
    }

    /// Waits for an answer. Bytes after it are kept for the next one.
    ///
    /// # Errors
    /// If there is no complete answer in time.
    pub(super) async fn answer(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, length)) = parse(&self.input)? {
                self.input.drain(..length);
                return Ok(reply);
            }
            self.input.reserve(ROOM);
            if in_time(self.stream.read_buf(&mut self.input)).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// If there is no complete answer in time.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.send(request).await?;
        self.answer().await
    }
}

/// Sends a request on a new connection and waits for its answer.
///
/// # Errors
/// If there is no complete answer in time.
pub(super) async fn ask(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> io::Result<Reply> {
    Wire::open(from, to).await?.ask(request).await
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await?
}

/// The first answer in these bytes, and its length there. `None` if it is not complete.
fn parse(input: &[u8]) -> io::Result<Option<(Reply, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(io::Error::other)?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let length = match value("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => length,
        None if status == 204 => 0,
        _ => return Err(io::Error::other("the answer has no length")),
    };
    let closes = value("connection").is_some_and(|text| text.eq_ignore_ascii_case("close"));
    let size = head + length;
    let body = input.get(head..size);
    Ok(body.map(|body| (Reply { status, closes, size, body: body.to_vec() }, size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_each_other() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 404 X\r\nConnection: close\r\n\
            content-length: 0\r\n\r\n";
        let (first, length) = parse(text).unwrap().unwrap();
        assert_eq!((first.status, first.closes, &first.body[..]), (200, false, &b"{}"[..]));
        let (second, rest) = parse(&text[length..]).unwrap().unwrap();
        assert_eq!((second.status, second.closes, length + rest), (404, true, text.len()));
        assert!(parse(&text[..length - 1]).unwrap().is_none());
    }
}
