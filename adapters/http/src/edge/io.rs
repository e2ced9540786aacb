//! The socket of a connection. It notes reads and writes, and it closes so that the client gets the last answer.

use super::{
    connection::Activity, control_frames::ControlFrames, head_scanner::HeadScanner, library_errors::LibraryErrors,
    networks::Usage,
};
use bytes::{Buf as _, Bytes};
use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// The greatest number of bytes of an unread body that are read when the connection closes.
const LINGER_BYTES: usize = 8 << 20;

/// The bytes of an unread body that are discarded at once. With 4 KiB, the calls for 1,000 bodies of a megabyte took
/// two thirds of a second of the processor, in which other clients waited.
const DISCARD: usize = 16 << 10;

/// A socket that passes what it reads to the head scanner and notes its progress in the connection's [`Activity`].
pub(crate) struct EdgeIo<S> {
    socket: S,
    scanner: HeadScanner,
    frames: ControlFrames,
    /// Until then, nothing is read, because the client has sent too many frames, or its network too many bytes that are
    /// discarded.
    pause: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
    errors: Arc<LibraryErrors>,
    /// The rest of an answer that is sent in place of one of hyper.
    own: Bytes,
    /// The network of the peer, if it is counted.
    network: Option<Arc<Usage>>,
    linger: Duration,
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> EdgeIo<S> {
    pub(crate) fn new(
        socket: S,
        activity: Arc<Activity>,
        errors: Arc<LibraryErrors>,
        network: Option<Arc<Usage>>,
        linger: Duration,
    ) -> Self {
        let (scanner, frames, own) = (HeadScanner::new(), ControlFrames::new(), Bytes::new());
        Self { socket, scanner, frames, pause: None, activity, errors, own, network, linger, lingering: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for EdgeIo<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(cx, buf))?;
        let bytes = &buf.filled()[before..];
        let scan = this.scanner.feed(bytes);
        this.activity.received(scan);
        this.pause = this.frames.feed(bytes).map(|until| Box::pin(tokio::time::sleep_until(until)));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> EdgeIo<S> {
    fn wrote(&mut self, offered: usize, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => self.activity.wrote(None, offered),
            Poll::Ready(Ok(taken)) => {
                self.frames.wrote(taken);
                self.activity.wrote(Some(taken), offered);
            }
            Poll::Ready(Err(_)) => {}
        }
        result
    }

    /// Takes an answer that hyper gives by itself, and sends another one later. Returns whether it was such an answer.
    fn replaces(&mut self, written: &[u8]) -> bool {
        let Some(own) = self.errors.replace(written, &self.scanner) else { return false };
        self.own = own;
        // hyper closes the connection without reading the rest of the head.
        self.activity.body_left_unread();
        true
    }

    /// Writes the rest of the answer that replaces one of hyper.
    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.own.is_empty() {
            let result = Pin::new(&mut self.socket).poll_write(cx, &self.own);
            match ready!(self.wrote(self.own.len(), result))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.own.advance(taken),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and discards what the client still sends, for a short time. Closing a socket with unread data resets the
    /// connection, and the client would lose the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger;
        let lingering = self
            .lingering
            .get_or_insert_with(|| Lingering { until: Box::pin(tokio::time::sleep(linger)), left: LINGER_BYTES });
        if lingering.left == 0 || lingering.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let mut space = [MaybeUninit::uninit(); DISCARD];
        let mut buf = ReadBuf::uninit(&mut space);
        let result = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf));
        let discarded = buf.filled().len();
        if result.is_err() || discarded == 0 {
            return Poll::Ready(());
        }
        lingering.left = lingering.left.saturating_sub(discarded);
        let pause = self.network.as_ref().and_then(|network| network.discards.take(discarded));
        self.pause = pause.map(|until| Box::pin(tokio::time::sleep_until(until)));
        // The requests of others get their turn after each piece.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for EdgeIo<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_own(cx))?;
        if this.replaces(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.wrote(buf.len(), result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_own(cx))?;
        if let [first, rest @ ..] = bufs
            && rest.iter().all(|buf| buf.is_empty())
            && this.replaces(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        let result = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        this.wrote(bufs.iter().map(|buf| buf.len()).sum(), result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_own(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_own(cx))?;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
        }
        if this.activity.has_unread_body() {
            ready!(this.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            NewRequestId, RequestId, client_addr::TrustedProxies, networks::Networks, room::Level,
            server_state::ServerState,
        },
        *,
    };
    use std::pin::pin;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    fn activity() -> Arc<Activity> {
        Arc::new(Activity::new(Arc::new(ServerState::new(Level::new(0), 0))))
    }

    fn errors() -> Arc<LibraryErrors> {
        let new_request_id: NewRequestId = Arc::new(|| RequestId::from_u128(7));
        Arc::new(LibraryErrors { hsts: None, cors: None, new_request_id })
    }

    #[tokio::test]
    async fn a_closed_connection_discards_a_piece_and_lets_others_run() {
        let (mut client, socket) = tokio::io::duplex(4 * DISCARD);
        client.write_all(&vec![0; 4 * DISCARD]).await.unwrap();
        let activity = activity();
        activity.body_left_unread();
        let mut io = EdgeIo::new(socket, activity, errors(), None, Duration::from_secs(5));
        let mut closed = pin!(io.shutdown());
        assert!(futures_util::poll!(&mut closed).is_pending());
        assert_eq!(client.write(&vec![0; 4 * DISCARD]).await.unwrap(), DISCARD, "the place of one piece is free");
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_discards_as_fast_as_its_network_may() {
        let networks = Arc::new(Networks::new(9, 1000, [].into(), TrustedProxies::new([])));
        let network = networks.of_client([192, 0, 2, 1].into());
        let (mut client, socket) = tokio::io::duplex(8 << 20);
        client.write_all(&vec![0; 6 << 20]).await.unwrap();
        drop(client);
        let activity = activity();
        activity.body_left_unread();
        let mut io = EdgeIo::new(socket, activity, errors(), network, Duration::from_secs(5));
        let start = Instant::now();
        // The other end is closed, so only the reads matter.
        let _ = io.shutdown().await;
        let periods = start.elapsed().as_millis() / 100;
        assert_eq!(periods, 1, "4 MiB in the first period of 100 ms, and the rest in the next");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_frames_is_read_slowly_and_completely() {
        let (mut client, socket) = tokio::io::duplex(1 << 20);
        let mut io = EdgeIo::new(socket, activity(), errors(), None, Duration::ZERO);
        let flood = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(10_000)].concat();
        client.write_all(&flood).await.unwrap();
        drop(client);
        let (start, mut received) = (Instant::now(), vec![]);
        // The most that h2 reads at once.
        let mut buffer = [0; 8 << 10];
        loop {
            match io.read(&mut buffer).await.unwrap() {
                0 => break,
                read => received.extend_from_slice(&buffer[..read]),
            }
        }
        assert_eq!(received, flood);
        assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
