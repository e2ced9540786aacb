//! A connection on which no read and no write waits longer than a limit.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// Ends each read, write, flush and shutdown with [`io::ErrorKind::TimedOut`] if nothing moves for the given time.
#[derive(Debug)]
pub struct Timed<S> {
    stream: S,
    limit: Duration,
    reading: Wait,
    writing: Wait,
}

/// The timer of the operation that waits, if one does.
type Wait = Option<Pin<Box<Sleep>>>;

impl<S> Timed<S> {
    pub(crate) const fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, reading: None, writing: None }
    }
}

impl Timed<TcpStream> {
    /// The address of the server.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

/// Passes on what is ready. Otherwise waits until the limit.
fn within<T>(
    poll: Poll<io::Result<T>>,
    wait: &mut Wait,
    limit: Duration,
    context: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    if poll.is_ready() {
        *wait = None;
        return poll;
    }
    let timer = wait.get_or_insert_with(|| Box::pin(sleep(limit)));
    timer.as_mut().poll(context).map(|()| {
        *wait = None;
        Err(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time"))
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        within(poll, &mut this.reading, this.limit, context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        within(poll, &mut this.writing, this.limit, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_flush(context);
        within(poll, &mut this.writing, this.limit, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_shutdown(context);
        within(poll, &mut this.writing, this.limit, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_ends_a_read_and_each_answer_begins_the_time_again() {
        let (near, mut far) = duplex(8);
        let mut near = Timed::new(near, Duration::from_secs(10));
        let server = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(Duration::from_secs(9)).await;
                far.write_all(b"a").await.unwrap();
            }
            far
        });
        for _ in 0..3 {
            assert_eq!(near.read_u8().await.unwrap(), b'a');
        }
        let _open = server.await.unwrap();
        assert_eq!(near.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_reads_nothing_ends_a_write() {
        let (near, _far) = duplex(8);
        let mut near = Timed::new(near, Duration::from_secs(10));
        assert_eq!(near.write_all(&[0; 100]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
