use super::{
    super::{
        admission::Admission,
        body_budget::{BodyBudget, HeldBody},
    },
    *,
};
use http_body_util::{BodyExt, Full};
use std::{collections::VecDeque, convert::Infallible, iter::repeat_n, net::Ipv4Addr};

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

fn limits(bytes: u64) -> BodyRules {
    BodyRules { bytes, gap: Duration::from_secs(10), total: Duration::from_secs(30), least_rate: None, small_pieces: 4 }
}

fn intake<B>(body: B, memory: u64) -> Arc<Intake<B>> {
    intake_in(body, &Arc::new(BodyBudget::new(memory, 0)))
}

fn intake_in<B>(body: B, budget: &Arc<BodyBudget>) -> Arc<Intake<B>> {
    let held = HeldBody::nothing(Arc::clone(budget), Ipv4Addr::LOCALHOST.into());
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    Arc::new(Intake::new(body, Arc::new(Admission::new(None, None, deadline, held))))
}

async fn collect<B>(intake: &Arc<Intake<B>>, rules: BodyRules) -> Result<Bytes, Option<BodyFault>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    match GuardedBody::new(Arc::clone(intake), rules).unwrap().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(BodyFault::of(&error)),
    }
}

async fn read<B>(body: B, rules: BodyRules) -> Result<Bytes, Option<BodyFault>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    collect(&intake(body, u64::MAX), rules).await
}

/// A body of pieces with these sizes.
fn pieces(sizes: impl IntoIterator<Item = usize>) -> Pieces {
    Pieces(sizes.into_iter().map(|size| Some(vec![b'a'; size].into())).collect())
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
    let (start, short) = (Instant::now(), BodyRules { total: limits.gap / 2, ..limits });
    let body = Pieces([None].into());
    assert_eq!(read(body, short).await, Err(Some(BodyFault::TimedOut)));
    // The clock is virtual: it moves only to the next timer.
    assert!(start.elapsed() < limits.gap);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_body_begins_when_the_handler_waits_for_it() {
    /// A body of one byte that comes at the second poll.
    struct Late(bool);

    impl Body for Late {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"1")))));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    let rules = limits(5);
    let mut guard = GuardedBody::new(intake(Late(false), u64::MAX), rules).unwrap();
    tokio::time::advance(rules.total * 2).await;
    assert_eq!(guard.frame().await.unwrap().unwrap().into_data().unwrap(), "1");
}

#[test]
fn a_fault_is_found_inside_wrapped_errors() {
    let wrapped = io::Error::other(io::Error::other(BodyFault::TimedOut));
    assert_eq!(BodyFault::of(&wrapped), Some(BodyFault::TimedOut));
    assert_eq!(BodyFault::of(&io::Error::other("reset")), None);
}

#[tokio::test]
async fn small_pieces_are_limited_and_larger_ones_make_up_for_them() {
    assert_eq!(read(pieces(repeat_n(1, 4)), limits(100)).await.unwrap(), "aaaa");
    assert_eq!(read(pieces(repeat_n(1, 5)), limits(100)).await, Err(Some(BodyFault::Fragmented)));
    assert_eq!(read(pieces(repeat_n(SMALL_PIECE - 1, 5)), limits(10_000)).await, Err(Some(BodyFault::Fragmented)));
    // Any number of large pieces passes, with a small one after each.
    let upload = repeat_n([SMALL_PIECE, 1], 1_000).flatten();
    assert!(read(pieces(upload), limits(1 << 20)).await.is_ok());
}

#[tokio::test]
async fn the_bytes_of_a_body_are_held_until_its_request_is_answered() {
    // The share of one network is a quarter.
    let budget = Arc::new(BodyBudget::new(4 * 8_192, 0));
    let intake = |size| intake_in(pieces([size]), &budget);
    let (first, second, third) = (intake(8_192), intake(1), intake(8_192));
    assert!(collect(&first, limits(10_000)).await.is_ok());
    assert_eq!(collect(&second, limits(10_000)).await, Err(Some(BodyFault::NoShare)));
    drop(first);
    assert!(collect(&third, limits(10_000)).await.is_ok());
}

#[tokio::test]
async fn the_edge_gets_the_rest_of_a_body_that_the_handler_leaves() {
    let rest = Duration::from_secs(1);
    let body = intake(Full::new(Bytes::from_static(b"12345")), u64::MAX);
    drop(GuardedBody::new(Arc::clone(&body), limits(5)));
    assert!(!body.is_read());
    assert!(!body.discard(4, rest).await, "the rest is longer");
    assert!(body.discard(5, rest).await && body.is_read());

    let body = intake(Full::new(Bytes::from_static(b"12345")), u64::MAX);
    let guard = GuardedBody::new(Arc::clone(&body), limits(5)).unwrap();
    assert!(!body.discard(5, rest).await, "a handler still has it");
    guard.collect().await.unwrap();
    assert!(body.discard(0, rest).await, "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn the_edge_waits_for_the_rest_of_a_body_for_a_limited_time() {
    /// A body of a known length that never comes.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(1)
        }
    }

    let body = intake(Silent, u64::MAX);
    assert!(!body.discard(5, Duration::from_secs(1)).await);
    assert!(!body.is_read());
}

/// A body whose pieces of 1,000 bytes come one per second.
struct Steady {
    left: usize,
    wait: Pin<Box<Sleep>>,
}

impl Body for Steady {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.wait.as_mut().poll(cx));
        self.wait.as_mut().reset(Instant::now() + Duration::from_secs(1));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(vec![b'a'; 1_000].into()))))
    }
}

fn steady(pieces: usize) -> Steady {
    Steady { left: pieces, wait: Box::pin(tokio::time::sleep(Duration::from_secs(1))) }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_passed_on_is_judged_by_its_rate() {
    let rules = |least_rate| BodyRules { least_rate, ..limits(1_000_000) };
    assert_eq!(read(steady(100), rules(None)).await, Err(Some(BodyFault::TimedOut)), "after 30 s");
    assert_eq!(read(steady(100), rules(Some(900))).await.unwrap().len(), 100_000);
    assert_eq!(read(steady(100), rules(Some(10_000))).await, Err(Some(BodyFault::TimedOut)));
}

#[tokio::test]
async fn a_body_that_is_passed_on_counts_only_in_part() {
    let large = || pieces(vec![100_000; 20]);
    let streamed = BodyRules { least_rate: Some(1), ..limits(10_000_000) };
    assert_eq!(collect(&intake(large(), 4 << 20), limits(10_000_000)).await, Err(Some(BodyFault::NoShare)));
    assert_eq!(collect(&intake(large(), 4 << 20), streamed).await.unwrap().len(), 2_000_000);
    assert_eq!(
        collect(&intake(large(), 4 << 20), BodyRules { bytes: 1_999_999, ..streamed }).await,
        Err(Some(BodyFault::TooLarge))
    );
}
