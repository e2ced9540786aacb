//! The guard on a request body. It limits the size, also of chunked bodies, the wait for each piece and the time for
//! the whole body.

use super::connection::Activity;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    error::Error as StdError,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Why the guard refused the rest of a body. It travels inside an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// More bytes than allowed were announced or sent.
    TooLarge,
    /// The next piece or the whole body did not arrive in time.
    TimedOut,
}

impl BodyFault {
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
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large",
            Self::TimedOut => "the request body came too slowly",
        })
    }
}

impl StdError for BodyFault {}

/// The limits of one request body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The greatest size of the body in bytes.
    pub(crate) bytes: u64,
    /// The longest wait for the next piece.
    pub(crate) gap: Duration,
    /// The time at which the whole body must have arrived.
    pub(crate) deadline: Instant,
}

/// A request body with limits.
///
/// Nothing is refused before the handler reads the body, so that a request without credentials is answered 401,
/// whatever length it announces.
pub(crate) struct GuardedBody<B> {
    inner: B,
    limits: BodyLimits,
    left: u64,
    /// `None` until the body has to be waited for. Most bodies arrive together with their head.
    timer: Option<Pin<Box<Sleep>>>,
    fault: Option<BodyFault>,
    finished: bool,
    activity: Option<Arc<Activity>>,
}

impl<B: Body> GuardedBody<B> {
    pub(crate) fn new(inner: B, limits: BodyLimits, activity: Option<Arc<Activity>>) -> Self {
        let fault = (inner.size_hint().lower() > limits.bytes).then_some(BodyFault::TooLarge);
        Self { inner, left: limits.bytes, limits, timer: None, fault, finished: false, activity }
    }

    fn fail(&mut self, fault: BodyFault) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.fault = Some(fault);
        Poll::Ready(Some(Err(io::Error::other(fault))))
    }

    /// Polls the timer. It ends with the wait for the next piece or at the deadline, whichever comes first.
    fn timed_out(&mut self, cx: &mut Context<'_>) -> bool {
        let limits = self.limits;
        let timer = self.timer.get_or_insert_with(|| {
            let until = (Instant::now() + limits.gap).min(limits.deadline);
            Box::pin(tokio::time::sleep_until(until))
        });
        timer.as_mut().poll(cx).is_ready()
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
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Pending if this.timed_out(cx) => this.fail(BodyFault::TimedOut),
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                this.finished = true;
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                if size > this.left {
                    return this.fail(BodyFault::TooLarge);
                }
                this.left -= size;
                // The timer is not polled while pieces are ready, so the deadline is checked here.
                if this.timer.take().is_some() && Instant::now() >= this.limits.deadline {
                    return this.fail(BodyFault::TimedOut);
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for GuardedBody<B> {
    fn drop(&mut self) {
        // If the client may still be sending, the socket is not closed at once.
        if let Some(activity) = &self.activity
            && !self.finished
        {
            activity.body_left_unread();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full};

    use super::*;

    /// A body of these pieces. After `None`, no piece ever comes.
    struct Pieces(VecDeque<Option<Bytes>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(Some(piece)) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                Some(None) => {
                    self.0.push_front(None);
                    Poll::Pending
                }
                None => Poll::Ready(None),
            }
        }
    }

    fn limits(bytes: u64) -> BodyLimits {
        BodyLimits { bytes, gap: Duration::from_secs(10), deadline: Instant::now() + Duration::from_secs(30) }
    }

    async fn read<B>(body: B, limits: BodyLimits) -> Result<Bytes, Option<BodyFault>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        match GuardedBody::new(body, limits, None).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(BodyFault::of(&error)),
        }
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let body = Full::new(Bytes::from_static(b"12345"));
        assert_eq!(read(body, limits(5)).await.unwrap(), "12345");
    }

    #[tokio::test]
    async fn an_announced_size_over_the_limit_is_refused_unread() {
        let body = Full::new(Bytes::from_static(b"123456"));
        assert_eq!(read(body, limits(5)).await, Err(Some(BodyFault::TooLarge)));
    }

    #[tokio::test]
    async fn pieces_of_unknown_length_are_counted() {
        let piece = || Some(Bytes::from_static(b"123"));
        let body = Pieces([piece(), piece()].into());
        assert_eq!(read(body, limits(5)).await, Err(Some(BodyFault::TooLarge)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_times_out() {
        let body = Pieces([Some(Bytes::from_static(b"1")), None].into());
        assert_eq!(read(body, limits(5)).await, Err(Some(BodyFault::TimedOut)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_of_the_body_ends_a_wait_that_the_gap_would_allow() {
        let limits = limits(5);
        let body = Pieces([None].into());
        assert_eq!(read(body, limits).await, Err(Some(BodyFault::TimedOut)));
        let short = BodyLimits { deadline: Instant::now() + limits.gap / 2, ..limits };
        let body = Pieces([None].into());
        assert_eq!(read(body, short).await, Err(Some(BodyFault::TimedOut)));
        // The clock is virtual: it moves only to the next timer.
        assert!(Instant::now() < short.deadline + limits.gap / 2);
    }

    #[test]
    fn a_fault_is_found_inside_wrapped_errors() {
        let wrapped = io::Error::other(io::Error::other(BodyFault::TimedOut));
        assert_eq!(BodyFault::of(&wrapped), Some(BodyFault::TimedOut));
        assert_eq!(BodyFault::of(&io::Error::other("reset")), None);
    }
}
