use super::*;
use crate::{
    kernel::GetError,
    kernel::{Clock as _, MockSleeper, NotFound},
    testing::*,
};
use std::{collections::VecDeque, sync::Arc};

type Outcome = Result<&'static str, GetError>;

/// Runs attempts with these outcomes, and returns the result and the attempts that were made.
async fn run_all(outcomes: impl IntoIterator<Item = Outcome>) -> (Outcome, Vec<Attempt>) {
    let mut outcomes: VecDeque<_> = outcomes.into_iter().collect();
    let mut made = vec![];
    let runtime = fixed_runtime().0;
    let result = run(&runtime, None, |attempt| {
        made.push(attempt);
        std::future::ready(outcomes.pop_front().expect("no further attempt"))
    });
    (result.await, made)
}

fn store(error: StoreError) -> Outcome {
    Err(error.into())
}

#[tokio::test]
async fn an_aborted_attempt_or_a_stale_version_is_tried_again() {
    let (result, made) = run_all([store(aborted()), store(StoreError::Stale), Ok("done")]).await;
    assert_eq!(result.unwrap(), "done");
    let numbers: Vec<_> = made.iter().map(|attempt| (attempt.number, attempt.after_unknown)).collect();
    assert_eq!(numbers, [(1, false), (2, false), (3, false)]);
}

#[tokio::test]
async fn after_an_unknown_outcome_every_further_attempt_knows_about_it() {
    let (result, made) = run_all([store(unknown()), store(aborted()), Ok("done")]).await;
    assert_eq!(result.unwrap(), "done");
    assert_eq!(made.iter().map(|attempt| attempt.after_unknown).collect::<Vec<_>>(), [false, true, true]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (result, made) = run_all([Err(NotFound("bee").into())]).await;
    assert_eq!((code(&result), made.len()), ("not_found", 1));
    let (result, _) = run_all([store(unknown()), Err(NotFound("bee").into())]).await;
    assert_eq!(code(&result), "not_found", "the outcome was settled before");
}

#[tokio::test]
async fn an_error_that_repeating_cannot_fix_is_returned_at_once() {
    let full = || StoreError::Full("no space".into());
    for (error, expected) in
        [(away(), "store_unavailable"), (full(), "storage_full"), (StoreError::corrupt("a", 1, "b"), "internal")]
    {
        assert_eq!(code(&run_all([store(error)]).await.0), expected);
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_attempts_go_on_until_the_store_is_back() {
    let (result, made) = run_all([store(unknown()), store(away()), store(away()), Ok("found")]).await;
    assert_eq!((result.unwrap(), made.len()), ("found", 4));
}

/// Each of these errors claims that nothing was changed. That is not known after an unknown outcome.
#[tokio::test]
async fn an_unknown_outcome_is_not_hidden_by_another_error() {
    for error in [StoreError::Full("no space".into()), StoreError::corrupt("a", 1, "b")] {
        let shown = error.to_string();
        let (result, _) = run_all([store(unknown()), store(error)]).await;
        assert_eq!(code(&result), "outcome_unknown");
        let cause = std::error::Error::source(result.unwrap_err().store_error().unwrap()).unwrap().to_string();
        assert_eq!(cause, shown, "the last error is kept as the source");
    }
}

/// Runs attempts that never succeed. Returns the code of the error, and the time after which `run` gave up.
async fn never(deadline: Option<Duration>, errors: impl Fn(u32) -> StoreError) -> (&'static str, Duration) {
    let (runtime, clock) = fixed_runtime();
    clock.advance(Duration::from_secs(100));
    let result: Outcome = run(&runtime, deadline, |attempt| std::future::ready(store(errors(attempt.number)))).await;
    (code(&result), runtime.clock.monotonic() - Duration::from_secs(100))
}

#[tokio::test]
async fn gives_up_five_seconds_after_the_start_or_at_an_earlier_deadline() {
    let close = |gave_up: Duration, deadline: Duration| gave_up < deadline && gave_up + LONGEST_PAUSE >= deadline;
    let (shown, gave_up) = never(None, |_| aborted()).await;
    assert!(shown == "store_unavailable" && close(gave_up, PATIENCE), "{shown} after {gave_up:?}");
    let (_, gave_up) = never(Some(Duration::from_secs(1_000)), |_| aborted()).await;
    assert!(close(gave_up, PATIENCE), "a later deadline does not extend the time: {gave_up:?}");
    let (_, gave_up) = never(Some(Duration::from_secs(101)), |_| aborted()).await;
    assert!(close(gave_up, Duration::from_secs(1)), "{gave_up:?}");
}

#[tokio::test]
async fn no_attempt_starts_after_the_deadline() {
    let (runtime, clock) = fixed_runtime();
    clock.advance(Duration::from_secs(7));
    for passed in [Duration::ZERO, Duration::from_secs(7)] {
        let result: Outcome = run(&runtime, Some(passed), |_| -> std::future::Ready<Outcome> { unreachable!() }).await;
        assert_eq!(code(&result), "store_unavailable");
    }
}

#[tokio::test]
async fn an_attempt_that_waits_at_the_deadline_is_dropped() {
    let (runtime, clock) = fixed_runtime();
    let seen = Seen::default();
    let waiting = |_: Attempt| {
        let tx = unit(&seen);
        async move {
            let _tx = tx;
            std::future::pending::<Outcome>().await
        }
    };
    let result = run(&runtime, Some(Duration::from_secs(1)), waiting).await;
    assert_eq!((code(&result), clock.monotonic()), ("store_unavailable", Duration::from_secs(1)));
    assert_eq!(seen.endings(), [Ending::Dropped]);
}

#[tokio::test]
async fn an_outcome_that_was_unknown_before_the_deadline_stays_unknown() {
    let (runtime, _) = fixed_runtime();
    let result = run(&runtime, Some(Duration::from_secs(1)), |attempt| async move {
        if attempt.number == 1 { store(unknown()) } else { std::future::pending().await }
    });
    assert_eq!(code(&result.await), "outcome_unknown");
}

/// Commits when the channel gets a message.
struct Slow(tokio::sync::oneshot::Receiver<()>);

#[async_trait::async_trait]
impl Transaction for Slow {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.await.map_err(StoreError::unreadable)
    }
    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.commit().await
    }
}

#[tokio::test]
async fn an_attempt_that_is_ending_at_the_deadline_runs_to_its_end() {
    for outcome in [|| Outcome::Ok("done"), || Outcome::Err(NotFound("bee").into())] {
        let (runtime, clock) = fixed_runtime();
        let (go, slow) = tokio::sync::oneshot::channel();
        let mut slow = Some(Box::new(Slow(slow)));
        let mut running = Box::pin(run(&runtime, Some(Duration::from_secs(1)), |attempt| {
            let slow = slow.take().expect("one attempt");
            async move { attempt.end(slow, outcome()).await }
        }));
        let polled = std::future::poll_fn(|context| Poll::Ready(running.as_mut().poll(context).is_pending())).await;
        clock.advance(Duration::from_secs(2));
        let polled_late =
            std::future::poll_fn(|context| Poll::Ready(running.as_mut().poll(context).is_pending())).await;
        assert!(polled && polled_late, "it is not cut off");
        go.send(()).unwrap();
        let (expected, found) = (outcome(), running.await);
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(|error| error.to_string()));
    }
}

#[tokio::test]
async fn versions_that_stay_stale_are_reported_as_an_unavailable_store() {
    assert_eq!(never(None, |_| StoreError::Stale).await.0, "store_unavailable");
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_run_gives_up() {
    let first_unknown = |then: fn() -> StoreError| move |n| if n == 1 { unknown() } else { then() };
    assert_eq!(never(None, first_unknown(aborted)).await.0, "outcome_unknown");
    assert_eq!(never(None, first_unknown(away)).await.0, "outcome_unknown");
    assert_eq!(never(None, |_| unknown()).await.0, "outcome_unknown");
}

/// Returns the pauses, in microseconds, of a run that gets these bits as random numbers.
async fn pauses(bits: u64) -> Vec<u128> {
    let (mut runtime, clock) = fixed_runtime();
    let waited = Seen::default();
    let seen = waited.clone();
    let mut sleeper = MockSleeper::new();
    sleeper.expect_sleep().returning(move |pause| {
        seen.note("sleep", &[pause.as_micros()]);
        clock.advance(pause);
    });
    (runtime.random, runtime.sleeper) = (Arc::new(FixedRandom(bits)), Arc::new(sleeper));
    let _: Outcome = run(&runtime, None, |_| std::future::ready(store(aborted()))).await;
    waited.all("sleep")
}

#[tokio::test]
async fn pauses_double_up_to_a_limit_and_each_has_jitter() {
    let (short, long) = (pauses(0).await, pauses(u64::MAX).await);
    assert_eq!(short[..8], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 50_000, 50_000]);
    assert_eq!(long[..8], [3_000, 6_000, 12_000, 24_000, 48_000, 96_000, 150_000, 150_000]);
}

fn first() -> Attempt {
    Attempt { number: 1, after_unknown: false, ending: Arc::default() }
}

fn unit(seen: &Seen) -> Box<MockBareUnit> {
    Box::new(MockBareUnit::noting(seen))
}

#[tokio::test]
async fn a_result_is_committed_a_refusal_rolled_back_and_an_error_dropped() {
    let seen = Seen::default();
    assert_eq!(first().end(unit(&seen), Outcome::Ok("done")).await.unwrap(), "done");
    assert_eq!(code(&first().end(unit(&seen), Outcome::Err(NotFound("bee").into())).await), "not_found");
    assert_eq!(code(&first().end(unit(&seen), store(away())).await), "store_unavailable");
    assert_eq!(seen.endings(), [Ending::Committed, Ending::RolledBack, Ending::Dropped]);
}

#[tokio::test]
async fn an_error_from_ending_the_unit_replaces_the_result() {
    let seen = Seen::default();
    let lost = Box::new(MockBareUnit::noting(&seen).with_commit_error(unknown()));
    assert_eq!(code(&first().end(lost, Outcome::Ok("done")).await), "outcome_unknown");
    let lost = Box::new(MockBareUnit::noting(&seen).with_rollback_error(aborted()));
    let result = first().end(lost, Outcome::Err(NotFound("bee").into())).await;
    assert!(matches!(result.unwrap_err().store_error(), Some(StoreError::Retry(_))), "it must be judged again");
}
