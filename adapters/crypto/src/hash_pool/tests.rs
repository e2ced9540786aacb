use super::*;
use skep_domain::shared::Network;
use std::sync::mpsc;
use tokio::task::JoinHandle;

/// A pool whose only worker is busy until the sender is used or dropped.
async fn busy() -> (HashPool, mpsc::Sender<()>, JoinHandle<Result<(), HashError>>) {
    let pool = HashPool::new(NonZeroUsize::MIN);
    let (release, blocked) = mpsc::channel::<()>();
    let (started, start) = oneshot::channel();
    let running = tokio::spawn({
        let pool = pool.clone();
        async move {
            let job = move || {
                started.send(()).unwrap();
                let _ = blocked.recv();
            };
            pool.run(HashCaller::default(), job).await
        }
    });
    start.await.unwrap();
    (pool, release, running)
}

fn enqueue(pool: &HashPool, number: usize) -> JoinHandle<Result<usize, HashError>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.run(HashCaller::default(), move || number).await })
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the condition was never met");
}

fn places(pool: &HashPool) -> usize {
    let state = pool.0.state();
    pool.0.places(&state).open
}

#[tokio::test]
async fn before_a_job_was_measured_a_hundred_jobs_may_wait() {
    let (pool, release, running) = busy().await;
    let queue: Vec<_> = (0..100).map(|number| enqueue(&pool, number)).collect();
    until(|| pool.stats().waiting == 100).await;
    assert_eq!(pool.stats().rejected, 0);
    release.send(()).unwrap();
    running.await.unwrap().unwrap();
    for (number, job) in queue.into_iter().enumerate() {
        assert_eq!(job.await.unwrap().unwrap(), number);
    }
}

#[test]
fn a_hundred_jobs_of_40_ms_may_wait_5_seconds_for_one_worker() {
    let pool = HashPool::with_patience(NonZeroUsize::MIN, Duration::from_secs(5));
    pool.0.measured(Duration::from_millis(40));
    assert!(places(&pool) >= 100);
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once_and_the_queue_is_served_afterwards() {
    let (pool, release, running) = busy().await;
    let places = places(&pool);
    let queue: Vec<_> = (0..places).map(|number| enqueue(&pool, number)).collect();
    until(|| pool.stats().waiting == places).await;
    assert!(matches!(pool.run(HashCaller::default(), || ()).await, Err(HashError::Busy)));
    let stats = HashPoolStats { running: 1, waiting: places, workers: 1, places: 200, rejected: 1 };
    assert_eq!(pool.stats(), stats);

    release.send(()).unwrap();
    running.await.unwrap().unwrap();
    for (number, job) in queue.into_iter().enumerate() {
        assert_eq!(job.await.unwrap().unwrap(), number);
    }
    pool.run(HashCaller::default(), || ()).await.unwrap();
}

#[tokio::test]
async fn a_network_that_fills_the_queue_makes_room_for_another_one() {
    let (pool, release, running) = busy().await;
    let places = places(&pool);
    let crowd: Vec<_> = (0..places).map(|number| enqueue(&pool, number)).collect();
    until(|| pool.stats().waiting == places).await;
    let network = Network::of("192.0.2.1".parse().unwrap());
    let other = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(HashCaller { network, is_known: false }, || "other").await }
    });
    until(|| pool.stats().rejected == 1).await;
    drop(release);
    running.await.unwrap().unwrap();
    assert_eq!(other.await.unwrap().unwrap(), "other");
    let mut refused = 0;
    for job in crowd {
        refused += u32::from(matches!(job.await.unwrap(), Err(HashError::Busy)));
    }
    assert_eq!(refused, 1);
}

#[test]
fn the_queue_is_as_long_as_what_is_served_within_the_waiting_time() {
    let pool = HashPool::with_patience(NonZeroUsize::new(3).unwrap(), Duration::from_secs(2));
    let places = |estimate| {
        let state = State { estimate, running: 0, queue: FairQueue::new(), rejected: 0 };
        pool.0.places(&state)
    };
    let of = |millis| places(Some(Duration::from_millis(millis)));
    assert_eq!(places(None), Places { all: 600, open: 525 });
    assert_eq!(of(20), Places { all: 300, open: 263 });
    assert_eq!(of(5_000), Places { all: 1, open: 1 });
    assert_eq!((of(1).all, of(0).all), (MOST_PLACES, MOST_PLACES));
}

#[test]
fn the_time_of_a_job_is_smoothed() {
    let pool = HashPool::new(NonZeroUsize::MIN);
    let measured = |millis| {
        pool.0.measured(Duration::from_millis(millis));
        pool.0.state().estimate.unwrap()
    };
    assert_eq!(measured(16), Duration::from_millis(16), "the first measurement counts alone");
    assert_eq!(measured(96), Duration::from_millis(26));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_too_long_gets_busy() {
    let (pool, release, running) = busy().await;
    let waiting = enqueue(&pool, 7);
    until(|| pool.stats().waiting == 1).await;
    tokio::time::advance(PATIENCE).await;
    assert!(matches!(waiting.await.unwrap(), Err(HashError::Busy)));
    assert_eq!((pool.stats().waiting, pool.stats().rejected), (0, 1));
    drop(release);
    running.await.unwrap().unwrap();
    assert_eq!(pool.run(HashCaller::default(), || 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_canceled_caller_leaves_the_queue() {
    let (pool, release, running) = busy().await;
    let waiting = enqueue(&pool, 7);
    until(|| pool.stats().waiting == 1).await;
    waiting.abort();
    until(|| pool.stats().waiting == 0).await;
    drop(release);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_turn_of_a_caller_that_left_when_it_was_called_goes_to_the_next_one() {
    let (pool, release, running) = busy().await;
    let mut first = Box::pin(pool.worker(HashCaller::default()));
    // Polled once, so that it waits.
    assert!(tokio::time::timeout(Duration::ZERO, &mut first).await.is_err());
    let second = enqueue(&pool, 2);
    until(|| pool.stats().waiting == 2).await;
    drop(release);
    running.await.unwrap().unwrap();
    // The first caller has its turn and does not know it yet.
    until(|| pool.stats().waiting == 1).await;
    drop(first);
    assert_eq!(second.await.unwrap().unwrap(), 2);
    until(|| pool.stats().running == 0).await;
}

#[tokio::test]
async fn the_job_of_a_canceled_caller_holds_its_worker_until_it_ends() {
    let (pool, release, running) = busy().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(pool.stats().running, 1, "the job still runs");
    release.send(()).unwrap();
    assert_eq!(pool.run(HashCaller::default(), || 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_job_that_panics_fails_and_gives_its_place_back() {
    let pool = HashPool::new(NonZeroUsize::MIN);
    let failed = pool.run(HashCaller::default(), || panic!("on purpose")).await;
    assert!(matches!(failed, Err::<(), _>(HashError::Failed(_))));
    assert_eq!(pool.run(HashCaller::default(), || 1).await.unwrap(), 1);
}

#[test]
fn there_is_always_a_worker() {
    assert!(HashPool::for_cores(PATIENCE).stats().workers >= 1);
}
