//! A plain HTTP/1.1 connection, which sends exactly the bytes that a journey writes.

use crate::{Answer, PATIENCE};
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
};

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// If no server listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// A second handle of the same connection, for sending while the first one receives.
    ///
    /// # Errors
    /// If the process has too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(self.stream.get_ref().try_clone()?) })
    }

    /// Sends a request and reads its answer. A server may answer and hang up before it has read the whole request.
    ///
    /// # Errors
    /// If there is no complete answer.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        let sent = self.send(request);
        let answer = self.receive(request.starts_with(b"HEAD "));
        match (sent, answer) {
            (_, Ok(answer)) => Ok(answer),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the server has hung up.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Closes the sending side.
    ///
    /// # Errors
    /// If the server has hung up.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.get_mut().shutdown(Shutdown::Write)
    }

    /// Reads until the server hangs up, in whatever way.
    ///
    /// # Errors
    /// If the server does not hang up.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Err(error),
            _ => Ok(bytes),
        }
    }

    /// Whether a part of an answer has arrived, or the server has hung up.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn is_answered(&self) -> io::Result<bool> {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// Reads an answer. With `head_only`, it is the answer to a HEAD request and has no body.
    ///
    /// # Errors
    /// If no complete answer arrives.
    pub fn receive(&mut self, head_only: bool) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken(format!("not a status line: {line:?}")))?;
        let mut headers = vec![];
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken(format!("not a header: {line:?}")))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer::new(status, headers);
        if let (Some(length), false) = (answer.header("content-length"), head_only) {
            let length = length.parse().map_err(|_| broken("the length is not a number".to_owned()))?;
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        } else if answer.header("transfer-encoding").is_some() {
            return Err(broken("the answer comes in chunks".to_owned()));
        }
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn broken(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
