//! The guard on a request body. It limits the size, also of chunked bodies, the wait for each piece, the time for the
//! whole body, the number of small pieces, and the bytes that the requests of the process hold together.

use super::{
    admission::Crowded,
    body_limits::{SMALL_PIECE, earned},
    intake::Intake,
};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    error::Error as StdError,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// The bytes that a body counts at most if it is passed on while it arrives: what its reader collects, and the piece that
/// follows.
const STREAMED: u64 = 512 << 10;

/// Why the guard refused the rest of a body. It travels inside an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// More bytes than allowed were announced or sent.
    TooLarge,
    /// The next piece or the whole body did not arrive in time.
    TimedOut,
    /// It came in too many small pieces.
    Fragmented,
    /// The requests of the process hold as many bytes as they may.
    NoRoom,
    /// The requests of the client's network hold as many bytes as they may.
    NoShare,
    /// The requests of the user hold as many bytes as they may.
    NoShareOfUser,
    /// The body is complete, but the request cannot be worked on now.
    Crowded(Crowded),
}

impl BodyFault {
    /// The faults of bodies themselves.
    pub(crate) const ALL: [Self; 6] =
        [Self::TooLarge, Self::TimedOut, Self::Fragmented, Self::NoRoom, Self::NoShare, Self::NoShareOfUser];

    /// Finds the fault inside an I/O error, at any depth of wrapping.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        let mut next: Option<&(dyn StdError + 'static)> =
            error.get_ref().map(|inner| inner as &(dyn StdError + 'static));
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(*fault);
            }
            next = match error.downcast_ref::<io::Error>() {
                // `io::Error::source` skips its own payload.
                Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
                None => error.source(),
            };
        }
        None
    }

    /// The label of the metric that counts it.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TimedOut => "timeout",
            Self::Fragmented => "small_pieces",
            Self::NoRoom => "memory",
            Self::NoShare => "network",
            Self::NoShareOfUser => "user",
            Self::Crowded(_) => "crowded",
        }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crowded(crowded) => return crowded.fmt(f),
            Self::TooLarge => "the request body is too large",
            Self::TimedOut => "the request body came too slowly",
            Self::Fragmented => "the request body came in too many small pieces",
            Self::NoRoom => "too many request bodies are being received",
            Self::NoShare => "too many request bodies are being received from this network",
            Self::NoShareOfUser => "too many request bodies of the user are being received",
        })
    }
}

impl StdError for BodyFault {}

/// The limits of one request body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyRules {
    /// The greatest size of the body in bytes.
    pub(crate) bytes: u64,
    /// The longest wait for the next piece.
    pub(crate) gap: Duration,
    /// The longest time from the first read to the end of the body.
    pub(crate) total: Duration,
    /// The least rate in bytes per second of a body that is passed on while it arrives. Its bytes extend `total`.
    pub(crate) least_rate: Option<u64>,
    /// The number of small pieces that there may be more than larger ones.
    pub(crate) small_pieces: u32,
}

/// A request body with limits.
///
/// Nothing is refused before the handler reads the body, so that a request without credentials is answered 401,
/// whatever length it announces.
pub(crate) struct GuardedBody<B> {
    /// `None` only while it is dropped.
    inner: Option<B>,
    intake: Arc<Intake<B>>,
    rules: BodyRules,
    received: u64,
    small_pieces: u32,
    /// The time at which the whole body must have arrived. It is set when the handler first waits for the body,
    /// because a request may wait for a place before, and an HTTP/2 client can send only a part of the body then.
    deadline: Option<Instant>,
    /// `None` until the body has to be waited for. Most bodies arrive together with their head.
    timer: Option<Pin<Box<Sleep>>>,
    fault: Option<BodyFault>,
    is_read: bool,
    /// Whether the request has given back its place and its room, because it waits for its client.
    has_left: bool,
    /// The end of the body, while the request waits for a place again.
    returning: Option<Returning>,
}

/// The last frame of a body, if it has one, and the wait for a place.
struct Returning {
    last: Option<Frame<Bytes>>,
    entering: Pin<Box<dyn Future<Output = Result<(), Crowded>> + Send + Sync>>,
}

impl<B: Body> GuardedBody<B> {
    /// Guards the body of a request. `None` if another guard has it already.
    pub(crate) fn new(intake: Arc<Intake<B>>, rules: BodyRules) -> Option<Self> {
        let inner = intake.lend()?;
        Some(Self {
            inner: Some(inner),
            intake,
            rules,
            received: 0,
            small_pieces: 0,
            deadline: None,
            timer: None,
            fault: None,
            is_read: false,
            has_left: false,
            returning: None,
        })
    }

    fn fail(&mut self, fault: BodyFault) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.fault.replace(fault).is_none() {
            self.intake.refused(fault);
        }
        Poll::Ready(Some(Err(io::Error::other(fault))))
    }

    /// Polls the timer. It ends with the wait for the next piece or at the deadline, whichever comes first.
    fn timed_out(&mut self, cx: &mut Context<'_>) -> bool {
        let (gap, deadline) = (self.rules.gap, self.deadline());
        let timer = self.timer.get_or_insert_with(|| {
            let until = (Instant::now() + gap).min(deadline);
            Box::pin(tokio::time::sleep_until(until))
        });
        timer.as_mut().poll(cx).is_ready()
    }

    /// Passes the end of the body on when the request may be worked on.
    fn end(&mut self, last: Option<Frame<Bytes>>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !std::mem::take(&mut self.has_left) {
            return Poll::Ready(last.map(Ok));
        }
        let admission = Arc::clone(&self.intake.admission);
        self.returning = Some(Returning { last, entering: Box::pin(async move { admission.enter().await }) });
        self.poll_return(cx)
    }

    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(Returning { last, entering }) = &mut self.returning else { return Poll::Ready(None) };
        let entered = ready!(entering.as_mut().poll(cx));
        let last = last.take();
        self.returning = None;
        match entered {
            Ok(()) => Poll::Ready(last.map(Ok)),
            Err(crowded) => self.fail(BodyFault::Crowded(crowded)),
        }
    }

    fn deadline(&mut self) -> Instant {
        *self.deadline.get_or_insert_with(|| Instant::now() + self.rules.total)
    }

    /// Counts a piece of this many bytes.
    fn admit(&mut self, size: usize) -> Result<(), BodyFault> {
        self.received += size as u64;
        if self.received > self.rules.bytes {
            return Err(BodyFault::TooLarge);
        }
        if size >= SMALL_PIECE {
            self.small_pieces = self.small_pieces.saturating_sub(1);
        } else {
            self.small_pieces += 1;
            if self.small_pieces > self.rules.small_pieces {
                return Err(BodyFault::Fragmented);
            }
        }
        match self.rules.least_rate {
            None => self.intake.hold(self.received)?,
            Some(_) => self.intake.hold(self.received.min(STREAMED))?,
        }
        if let Some(deadline) = &mut self.deadline {
            *deadline += earned(self.rules.least_rate, size as u64);
        }
        // The timer is not polled while pieces are ready, so the deadline is checked here.
        if self.timer.take().is_some() && Instant::now() >= self.deadline() {
            return Err(BodyFault::TimedOut);
        }
        Ok(())
    }
}

impl<B> Body for GuardedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Some(fault) = this.fault {
            return this.fail(fault);
        }
        if this.returning.is_some() {
            return this.poll_return(cx);
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if this.received.saturating_add(inner.size_hint().lower()) > this.rules.bytes {
            return this.fail(BodyFault::TooLarge);
        }
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        this.is_read = inner.is_end_stream();
        match polled {
            Poll::Pending if this.timed_out(cx) => this.fail(BodyFault::TimedOut),
            Poll::Pending => {
                if !this.has_left {
                    this.has_left = true;
                    this.intake.admission.leave();
                }
                Poll::Pending
            }
            Poll::Ready(None) => {
                this.is_read = true;
                this.end(None, cx)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref().map_or(Ok(()), |data| this.admit(data.len())) {
                Ok(()) if this.is_read => this.end(Some(frame), cx),
                Ok(()) => Poll::Ready(Some(Ok(frame))),
                Err(fault) => this.fail(fault),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.returning.is_none() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(Returning { last, .. }) = &self.returning {
            return SizeHint::with_exact(last.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64));
        }
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl<B> Drop for GuardedBody<B> {
    fn drop(&mut self) {
        let rest = self.inner.take().filter(|_| !self.is_read);
        self.intake.take_back(rest);
    }
}

#[cfg(test)]
mod tests;
