//! The answer of a connection, in pieces.
//!
//! hyper takes a whole chunk as soon as one byte of the client's window is free, and drops it when it is in the socket.
//! So an answer goes out in small pieces, and each dropped piece is progress that the client has made possible.

use super::{access_log::ResponseBody, answers::AnswerId, connection::Activity, networks::Usage};
use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The greatest length of a piece. A client must read at least this much within the limit of time.
pub(super) const PIECE: usize = 16 << 10;

/// A request of a connection. It is over when this was dropped and the last piece of its answer is in the socket.
pub(crate) struct OpenAnswer(AnswerOf);

/// The answer of a request. Others than its [`OpenAnswer`] may keep this for as long as they like.
#[derive(Clone)]
pub(crate) struct AnswerOf {
    activity: Arc<Activity>,
    id: AnswerId,
}

impl OpenAnswer {
    pub(crate) fn begin(activity: &Arc<Activity>, http2: bool) -> Self {
        Self(AnswerOf { id: activity.request_began(http2), activity: Arc::clone(activity) })
    }

    pub(crate) fn answer(&self) -> AnswerOf {
        self.0.clone()
    }
}

impl AnswerOf {
    /// Takes room for the answer if there is some.
    pub(crate) fn try_make_room(&self, network: Option<&Arc<Usage>>, bytes: usize) -> bool {
        self.activity.room(network).try_take(bytes) && self.activity.holds(self.id, bytes, network)
    }

    /// Waits for room for the answer, at most for the time limit. Returns whether there is room.
    pub(crate) async fn make_room(&self, network: Option<&Arc<Usage>>, bytes: usize, limit: Duration) -> bool {
        let has_room = tokio::time::timeout(limit, self.activity.room(network).take(bytes)).await.is_ok();
        has_room && self.activity.holds(self.id, bytes, network)
    }

    /// Gives back the room that was taken.
    pub(crate) fn give_room_back(&self) {
        self.activity.holds_nothing(self.id);
    }

    /// Replaces the room that was taken before the work by that for the answer. Waits for more room, at most for the
    /// limit, unless the answer must be sent. Returns `false` if there is not enough.
    pub(crate) async fn settle(
        &self,
        network: Option<&Arc<Usage>>,
        length: Option<u64>,
        must_be_sent: bool,
        limit: Duration,
    ) -> bool {
        self.activity.settle(self.id, network, length, must_be_sent, limit).await
    }
}

impl Drop for OpenAnswer {
    fn drop(&mut self) {
        self.0.activity.answer_closed(self.0.id);
    }
}

/// A response body that is handed to hyper in pieces.
pub(crate) struct PiecedBody {
    inner: ResponseBody,
    /// The rest of the frame that is being sent.
    rest: Bytes,
    answer: OpenAnswer,
}

impl PiecedBody {
    pub(crate) fn new(inner: ResponseBody, answer: OpenAnswer) -> Self {
        answer.0.activity.waits_for_us(answer.0.id, false);
        Self { inner, rest: Bytes::new(), answer }
    }

    fn next_piece(&mut self) -> Piece {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        let AnswerOf { activity, id } = &self.answer.0;
        activity.piece_queued(*id);
        Piece { bytes, activity: Arc::clone(activity), id: *id }
    }
}

impl Body for PiecedBody {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Piece>>>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => {
                        return Poll::Ready(frame.into_trailers().ok().map(|fields| Ok(Frame::trailers(fields))));
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let AnswerOf { activity, id } = &this.answer.0;
                    activity.waits_for_us(*id, true);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.next_piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A piece of an answer. Its drop says that it is in the socket, or that the answer was given up.
pub(crate) struct Piece {
    bytes: Bytes,
    activity: Arc<Activity>,
    id: AnswerId,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.activity.piece_sent(self.id);
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            access_log::Exchange,
            access_sample::Sample,
            limits::Timeouts,
            metrics::EdgeMetrics,
            room::{BESIDE, Level, READ},
            server_state::ServerState,
        },
        *,
    };
    use http::StatusCode;
    use http_body_util::{BodyExt as _, Full};

    const LENGTH: usize = 2 * PIECE + 1;

    fn activity() -> Arc<Activity> {
        Arc::new(Activity::new(Arc::new(ServerState::new(Level::new(1 << 20), 1 << 20))))
    }

    fn answer(activity: &Arc<Activity>) -> PiecedBody {
        let exchange = Exchange::begin(Arc::new(Sample::new(1)), EdgeMetrics::new().request());
        let body = Full::new(Bytes::from(vec![b'x'; LENGTH])).map_err(|never| match never {}).boxed();
        PiecedBody::new(exchange.answer(StatusCode::OK, None, body), OpenAnswer::begin(activity, true))
    }

    async fn next(body: &mut PiecedBody) -> Piece {
        body.frame().await.unwrap().unwrap().into_data().unwrap_or_else(|_| panic!("no trailers"))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_goes_out_in_pieces_and_each_one_that_is_sent_renews_its_time() {
        let (activity, timeouts) = (activity(), Timeouts::default());
        let mut body = answer(&activity);
        assert_eq!(body.size_hint().exact(), Some(LENGTH as u64));
        let start = activity.stall(&timeouts).unwrap();
        let first = next(&mut body).await;
        let second = next(&mut body).await;
        assert_eq!([first.remaining(), second.remaining()], [PIECE, PIECE]);
        tokio::time::advance(Duration::from_secs(5)).await;
        let last = next(&mut body).await;
        assert_eq!((last.remaining(), body.is_end_stream()), (1, true));
        assert_eq!(activity.stall(&timeouts), Some(start), "a queued piece renews nothing");
        drop(first);
        assert_eq!(activity.stall(&timeouts), Some(start + Duration::from_secs(5)));
        // hyper drops the body as soon as it has the last piece.
        drop(body);
        drop(second);
        assert!(activity.idle_since().is_none(), "a piece is unsent");
        drop(last);
        assert!(activity.idle_since().is_some() && activity.stall(&timeouts).is_none());
    }

    #[tokio::test]
    async fn an_answer_holds_its_whole_length_until_its_last_piece_is_sent() {
        let activity = activity();
        let room = activity.room(None);
        let begun = OpenAnswer::begin(&activity, true);
        assert!(begun.answer().try_make_room(None, READ));
        assert!(begun.answer().settle(None, Some(LENGTH as u64), false, Duration::ZERO).await);
        let exchange = Exchange::begin(Arc::new(Sample::new(1)), EdgeMetrics::new().request());
        let body = Full::new(Bytes::from(vec![b'x'; LENGTH])).map_err(|never| match never {}).boxed();
        let mut body = PiecedBody::new(exchange.answer(StatusCode::OK, None, body), begun);
        for _ in 0..2 {
            drop(next(&mut body).await);
        }
        let last = next(&mut body).await;
        drop(body);
        assert_eq!(room.process.held(), LENGTH + BESIDE);
        drop(last);
        assert_eq!((room.process.held(), room.connection.map(Level::held)), (0, Some(0)));
    }
}
