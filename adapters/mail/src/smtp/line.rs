//! A connection as the SMTP library reads it, and the part of SMTP before TLS.

use super::fault::SmtpFault;
use lettre::transport::smtp::client::AsyncTokioStream;
use std::{
    fmt::Debug,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// The longest reply of a server before TLS, in bytes.
const LONGEST_REPLY: usize = 8 * 1024;

/// A connection. The library waits for a greeting. A server does not repeat its greeting after STARTTLS, so one is put in
/// front.
#[derive(Debug)]
pub(super) struct Line<S> {
    stream: S,
    peer: SocketAddr,
    in_front: &'static [u8],
}

impl<S> Line<S> {
    /// A connection on which the server has not sent its greeting yet.
    pub(super) const fn new(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, in_front: b"" }
    }

    /// A connection on which the greeting was read already.
    pub(super) const fn greeted(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, in_front: b"220 ready\r\n" }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.in_front.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let (now, later) = this.in_front.split_at(this.in_front.len().min(buffer.remaining()));
        buffer.put_slice(now);
        this.in_front = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug> AsyncTokioStream for Line<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

/// Asks a server to begin TLS (RFC 3207). Reads no byte after its agreement: whatever a third party has put there would
/// otherwise count as encrypted.
pub(super) async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, name: &str) -> Result<(), SmtpFault> {
    expect(stream, "220").await?;
    say(stream, &format!("EHLO {name}\r\n")).await?;
    let offers = expect(stream, "250").await?;
    let is_offered =
        offers.lines().filter_map(|line| line.get(4..)).any(|offer| offer.eq_ignore_ascii_case("STARTTLS"));
    if !is_offered {
        return Err(SmtpFault::StartTls("it does not know STARTTLS"));
    }
    say(stream, "STARTTLS\r\n").await?;
    expect(stream, "220").await.map(drop)
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, words: &str) -> Result<(), SmtpFault> {
    stream.write_all(words.as_bytes()).await.map_err(SmtpFault::Left)
}

/// Reads a reply, which must have this code.
async fn expect<S: AsyncRead + Unpin>(stream: &mut S, code: &'static str) -> Result<String, SmtpFault> {
    let mut reply = Vec::new();
    let mut line = 0;
    while reply.len() < LONGEST_REPLY {
        reply.push(stream.read_u8().await.map_err(SmtpFault::Left)?);
        if !reply.ends_with(b"\n") {
            continue;
        }
        // A hyphen after the code means that more lines follow.
        if reply.get(line + 3) != Some(&b'-') {
            let reply = String::from_utf8_lossy(&reply).into_owned();
            return if reply.starts_with(code) { Ok(reply) } else { Err(SmtpFault::StartTls("it refuses")) };
        }
        line = reply.len();
    }
    Err(SmtpFault::StartTls("its reply is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// Returns the client's words to a server with these replies, and the bytes that it leaves unread.
    async fn conversation(replies: &str) -> (Result<(), SmtpFault>, String, String) {
        let (mut near, mut far) = duplex(64 * 1024);
        far.write_all(replies.as_bytes()).await.unwrap();
        let result = start_tls(&mut near, "example.com").await;
        far.shutdown().await.unwrap();
        let (mut said, mut unread) = (String::new(), String::new());
        near.read_to_string(&mut unread).await.unwrap();
        drop(near);
        far.read_to_string(&mut said).await.unwrap();
        (result, said, unread)
    }

    #[tokio::test]
    async fn nothing_behind_the_agreement_is_read() {
        let replies = "220-mail\r\n220 ready\r\n250-mail\r\n250-STARTTLS\r\n250 SIZE 1\r\n220 go\r\n250 injected\r\n";
        let (result, said, unread) = conversation(replies).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!((said.as_str(), unread.as_str()), ("EHLO example.com\r\nSTARTTLS\r\n", "250 injected\r\n"));
    }

    #[tokio::test]
    async fn a_server_without_tls_gets_no_mail() {
        for (replies, last) in [
            ("220 ready\r\n250 mail\r\n", "EHLO example.com\r\n"),
            ("220 ready\r\n250-mail\r\n250 starttlsx\r\n", "EHLO example.com\r\n"),
            ("220 ready\r\n250 STARTTLS\r\n454 not now\r\n", "EHLO example.com\r\nSTARTTLS\r\n"),
            ("554 no\r\n", ""),
            (&"2".repeat(10_000), ""),
        ] {
            let (result, said, _) = conversation(replies).await;
            assert!(matches!(result, Err(SmtpFault::StartTls(_))), "{replies:.40}: {result:?}");
            assert_eq!(said, last);
        }
    }

    #[tokio::test]
    async fn the_greeting_in_front_is_read_in_any_pieces() {
        let (near, mut far) = duplex(64);
        far.write_all(b"then").await.unwrap();
        let mut line = Line::greeted(near, "127.0.0.1:25".parse().unwrap());
        let mut read = Vec::new();
        for size in [1, 5, 100, 100] {
            let mut piece = vec![0; size];
            let count = line.read(&mut piece).await.unwrap();
            read.extend_from_slice(&piece[..count]);
        }
        assert_eq!(read, b"220 ready\r\nthen");
    }
}
