//! Tests of calls with a clock that the test moves.

use super::*;
use skep_application::testing::fixed_runtime;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("refused")]
    Refused,
    #[error("not reached")]
    NotReached,
    #[error("lost")]
    Lost,
}

impl Fault for Broken {
    fn is_outage(&self) -> bool {
        !matches!(self, Self::Refused)
    }
    fn may_repeat(&self) -> bool {
        matches!(self, Self::NotReached)
    }
}

const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    window: Duration::from_secs(60),
    open: Duration::from_secs(10),
    most_open: Duration::from_secs(60),
};

fn outbound() -> (Outbound, Arc<skep_application::testing::FixedClock>) {
    let (runtime, clock) = fixed_runtime();
    (Outbound::new("test", POLICY, Duration::from_secs(30), runtime), clock)
}

/// Calls with a work that fails with each of these errors and then succeeds. Returns the number of tries.
async fn call(outbound: &Outbound, errors: &[fn() -> Broken]) -> (u32, Result<u32, CallError<Broken>>) {
    let tries = AtomicU32::new(0);
    let result = outbound
        .call(|| {
            let tried = tries.fetch_add(1, Ordering::SeqCst);
            let error = errors.get(tried as usize).map(|error| error());
            async move { error.map_or(Ok(tried), Err) }
        })
        .await;
    (tries.into_inner(), result)
}

#[tokio::test]
async fn only_a_call_that_did_nothing_is_repeated_and_once() {
    let (outbound, _) = outbound();
    let (tries, result) = call(&outbound, &[|| Broken::NotReached]).await;
    assert!(matches!((tries, result), (2, Ok(1))));
    let (tries, result) = call(&outbound, &[|| Broken::NotReached, || Broken::NotReached]).await;
    assert!(matches!((tries, result), (2, Err(CallError::Failed(Broken::NotReached)))));
    let (tries, result) = call(&outbound, &[|| Broken::Lost]).await;
    assert!(matches!((tries, result), (1, Err(CallError::Failed(Broken::Lost)))));
    let (tries, _) = call(&outbound, &[|| Broken::Refused]).await;
    assert_eq!(tries, 1);
}

#[tokio::test]
async fn repeats_end_with_the_budget() {
    let (runtime, _) = fixed_runtime();
    let policy = BreakerPolicy { failures: u32::MAX, ..POLICY };
    let outbound = Outbound::new("test", policy, Duration::from_secs(30), runtime);
    let mut tries = 0;
    for _ in 0..100 {
        tries += call(&outbound, &[|| Broken::NotReached, || Broken::NotReached]).await.0;
    }
    // 10 at the start, and one for each five calls.
    assert!((100 + 10..=100 + 10 + 20).contains(&tries), "{tries}");
}

#[tokio::test]
async fn outages_open_the_breaker_and_refusals_do_not() {
    let (outbound, clock) = outbound();
    for _ in 0..10 {
        let _ = call(&outbound, &[|| Broken::Refused]).await;
    }
    for _ in 0..3 {
        let (tries, _) = call(&outbound, &[|| Broken::Lost]).await;
        assert_eq!(tries, 1);
    }
    let (tries, result) = call(&outbound, &[]).await;
    assert!(matches!((tries, result), (0, Err(CallError::Open(_)))));
    clock.advance(Duration::from_secs(10));
    assert!(matches!(call(&outbound, &[|| Broken::Refused]).await, (1, Err(CallError::Failed(_)))));
    assert!(matches!(call(&outbound, &[]).await, (1, Ok(0))), "a server that refuses works");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_in_time_and_counts_as_an_outage() {
    let (outbound, _) = outbound();
    for _ in 0..3 {
        let result: Result<(), _> = outbound.call(std::future::pending::<Result<(), Broken>>).await;
        assert!(matches!(result, Err(CallError::Late(_))), "{result:?}");
    }
    assert!(matches!(call(&outbound, &[]).await.1, Err(CallError::Open(_))));
}
