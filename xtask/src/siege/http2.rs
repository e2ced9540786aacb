//! HTTP/2 in single frames. A library would keep to the manners of the protocol, which an attacker does not.

use super::wire::Wire;
use std::io;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

// The types of frames and the flags that are used here (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;
const CANCEL: u32 = 8;

/// A frame that the server has to work on, although it carries no request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Idle {
    Settings,
    Ping,
    WindowUpdate,
    /// A part of a body, without bytes. Its stream must be open.
    EmptyData(u32),
}

impl Idle {
    fn frame(self) -> Vec<u8> {
        match self {
            Self::Settings => frame(SETTINGS, 0, 0, &[]),
            Self::Ping => frame(PING, 0, 0, &[7; 8]),
            Self::WindowUpdate => frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
            Self::EmptyData(stream) => frame(DATA, 0, stream, &[]),
        }
    }
}

/// A connection that opens streams and does what it likes with them.
#[derive(Debug)]
pub(super) struct Http2 {
    wire: Wire,
    /// The number of the next stream.
    next: u32,
    accepts_gzip: bool,
    input: Vec<u8>,
}

impl Http2 {
    /// Starts a connection whose streams have this window in bytes.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn start(mut wire: Wire, window: u32) -> io::Result<Self> {
        let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
        wire.send(&[PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat()).await?;
        Ok(Self { wire, next: 1, accepts_gzip: false, input: vec![] })
    }

    /// The same connection, whose further requests accept compressed answers.
    pub(super) fn accepting_gzip(self, accepts_gzip: bool) -> Self {
        Self { accepts_gzip, ..self }
    }

    /// Sends a request without a body on a new stream, and returns its number.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn request(&mut self, method: &str, path: &str) -> io::Result<u32> {
        let (stream, frame) = self.head(method, path, END_STREAM);
        self.wire.send(&frame).await?;
        Ok(stream)
    }

    /// Sends the head of a request whose JSON body follows, and returns the number of its stream.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn begin(&mut self, method: &str, path: &str) -> io::Result<u32> {
        let (stream, frame) = self.head(method, path, 0);
        self.wire.send(&frame).await?;
        Ok(stream)
    }

    /// Sends this number of requests and takes each of them back at once.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn reset(&mut self, path: &str, count: usize) -> io::Result<()> {
        let mut frames = vec![];
        for _ in 0..count {
            let (stream, head) = self.head("GET", path, END_STREAM);
            frames.extend(head);
            frames.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        }
        self.wire.send(&frames).await
    }

    /// Sends this number of frames at once.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn idle(&mut self, kind: Idle, count: usize) -> io::Result<()> {
        self.wire.send(&kind.frame().repeat(count)).await
    }

    /// The head of a request on a new stream.
    fn head(&mut self, method: &str, path: &str, flags: u8) -> (u32, Vec<u8>) {
        // Literal fields whose names are in the static table (RFC 7541, appendix A). 0x86 is `:scheme: http`.
        let field = |name: u8, value: &str| {
            let length = u8::try_from(value.len()).ok().filter(|length| *length < 127);
            length.map(|length| [&[name, length], value.as_bytes()].concat()).unwrap_or_default()
        };
        let mut head = [&[0x86][..], &field(0x02, method), &field(0x04, path), &field(0x01, "bench.test")].concat();
        if self.accepts_gzip {
            // `accept-encoding: gzip, deflate` is in the static table as a whole, with the number 16.
            head.push(0x90);
        }
        if flags & END_STREAM == 0 {
            // The number of `content-type` is 31, which does not fit into the four bits of a name: 15 and 16.
            head.extend([&[0x0f][..], &field(0x10, "application/json")].concat());
        }
        let stream = self.next;
        self.next += 2;
        (stream, frame(HEADERS, flags | END_HEADERS, stream, &head))
    }

    /// Gives each of these streams one more byte of window.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn widen(&mut self, streams: &[u32]) -> io::Result<()> {
        let frames: Vec<u8> =
            streams.iter().flat_map(|stream| frame(WINDOW_UPDATE, 0, *stream, &1_u32.to_be_bytes())).collect();
        self.wire.send(&frames).await
    }

    /// Takes the frames that have arrived, and answers those that need it. Returns the number of answers that have
    /// begun.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub(super) async fn look(&mut self) -> io::Result<usize> {
        self.wire.take_arrived(&mut self.input)?;
        let (mut heads, mut answers, mut at) = (0, vec![], 0);
        while let Some((kind, flags, payload)) = next(&self.input[at..]) {
            match kind {
                HEADERS => heads += 1,
                SETTINGS if flags & ACK == 0 => answers.extend(frame(SETTINGS, ACK, 0, &[])),
                PING if flags & ACK == 0 => answers.extend(frame(PING, ACK, 0, payload)),
                _ => {}
            }
            at += HEAD + payload.len();
        }
        self.input.drain(..at);
        if !answers.is_empty() {
            self.wire.send(&answers).await?;
        }
        Ok(heads)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The type, the flags and the payload of the first frame, if it is complete.
fn next(input: &[u8]) -> Option<(u8, u8, &[u8])> {
    let [a, b, c, kind, flags, ..] = *input else { return None };
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    Some((kind, flags, input.get(HEAD..HEAD + length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_are_written() {
        let bytes = frame(PING, ACK, 3, &[1; 8]);
        assert_eq!(bytes[..HEAD], [0, 0, 8, PING, ACK, 0, 0, 0, 3]);
        assert_eq!(next(&bytes), Some((PING, ACK, &[1; 8][..])));
        assert_eq!(next(&bytes[..bytes.len() - 1]), None);
    }
}
