//! Limits how much expensive work runs at the same time.

use skep_application::identity::HashError;
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// The number of jobs that may wait for each worker.
const QUEUE_PER_WORKER: usize = 10;
/// How long a job waits for a worker.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs jobs on blocking threads of the runtime. The number of running jobs, the length of the queue and the waiting
/// time are limited. Any further job is refused at once, so that a flood of logins neither exhausts the memory nor
/// delays other requests.
#[derive(Clone)]
pub struct HashPool {
    /// One permit for each job that runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each job that runs. Fair: the job that has waited longest is next.
    workers: Arc<Semaphore>,
    max_workers: usize,
    rejected: Arc<AtomicU64>,
}

/// The current load of a [`HashPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashPoolStats {
    /// Jobs that run now.
    pub running: usize,
    /// Jobs that wait for a worker.
    pub waiting: usize,
    /// The most jobs that may run at once.
    pub workers: usize,
    /// Jobs that were refused as busy, since the pool was created.
    pub rejected: u64,
}

impl HashPool {
    /// A pool that runs this many jobs at once, with ten times as many in the queue.
    #[must_use]
    pub fn new(workers: NonZeroUsize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(workers.get() * (1 + QUEUE_PER_WORKER))),
            workers: Arc::new(Semaphore::new(workers.get())),
            max_workers: workers.get(),
            rejected: Arc::default(),
        }
    }

    /// The current load, for metrics.
    #[must_use]
    pub fn stats(&self) -> HashPoolStats {
        let running = self.max_workers.saturating_sub(self.workers.available_permits());
        let places = self.max_workers * (1 + QUEUE_PER_WORKER);
        HashPoolStats {
            running,
            waiting: places.saturating_sub(self.places.available_permits()).saturating_sub(running),
            workers: self.max_workers,
            rejected: self.rejected.load(Ordering::Relaxed),
        }
    }

    fn busy(&self) -> HashError {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        HashError::Busy
    }

    /// A pool with one worker less than there are cores, but at least one. The rest of the server keeps a core.
    #[must_use]
    pub fn for_cores() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN))
    }

    /// Runs the job, after at most 2 s in the queue. A caller that is canceled leaves the queue. A job that has started
    /// runs to its end, and holds its place until then.
    ///
    /// # Errors
    /// `Busy` if the queue is full or the wait is too long, `Failed` if the job panicked or the runtime shuts down.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.busy())?;
        let worker = tokio::time::timeout(PATIENCE, Arc::clone(&self.workers).acquire_owned())
            .await
            .map_err(|_| self.busy())?
            .map_err(|closed| HashError::Failed(closed.into()))?;
        tokio::task::spawn_blocking(move || {
            // Moved in, so that the permits are released at the end of the job, even if its caller was canceled.
            let _held = (place, worker);
            job()
        })
        .await
        .map_err(|error| HashError::Failed(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::{sync::oneshot, task::JoinHandle};

    /// A pool whose only worker is busy until the sender is used or dropped.
    async fn busy() -> (HashPool, mpsc::Sender<()>, JoinHandle<Result<(), HashError>>) {
        let pool = HashPool::new(NonZeroUsize::MIN);
        let (release, blocked) = mpsc::channel::<()>();
        let (started, start) = oneshot::channel();
        let running = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move || {
                    started.send(()).unwrap();
                    let _ = blocked.recv();
                })
                .await
            }
        });
        start.await.unwrap();
        (pool, release, running)
    }

    fn enqueue(pool: &HashPool, number: usize) -> JoinHandle<Result<usize, HashError>> {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run(move || number).await })
    }

    async fn until(condition: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if condition() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the condition was never met");
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once_and_the_queue_is_served_afterwards() {
        let (pool, release, running) = busy().await;
        let queue: Vec<_> = (0..QUEUE_PER_WORKER).map(|number| enqueue(&pool, number)).collect();
        until(|| pool.places.available_permits() == 0).await;
        assert!(matches!(pool.run(|| ()).await, Err(HashError::Busy)));
        let stats = HashPoolStats { running: 1, waiting: QUEUE_PER_WORKER, workers: 1, rejected: 1 };
        assert_eq!(pool.stats(), stats);

        release.send(()).unwrap();
        running.await.unwrap().unwrap();
        for (number, job) in queue.into_iter().enumerate() {
            assert_eq!(job.await.unwrap().unwrap(), number);
        }
        pool.run(|| ()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_too_long_gets_busy() {
        let (pool, release, running) = busy().await;
        let waiting = enqueue(&pool, 7);
        until(|| pool.places.available_permits() == QUEUE_PER_WORKER - 1).await;
        tokio::time::advance(PATIENCE).await;
        assert!(matches!(waiting.await.unwrap(), Err(HashError::Busy)));
        drop(release);
        running.await.unwrap().unwrap();
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_canceled_caller_leaves_the_queue() {
        let (pool, release, running) = busy().await;
        let waiting = enqueue(&pool, 7);
        until(|| pool.places.available_permits() == QUEUE_PER_WORKER - 1).await;
        waiting.abort();
        until(|| pool.places.available_permits() == QUEUE_PER_WORKER).await;
        drop(release);
        running.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_job_of_a_canceled_caller_holds_its_worker_until_it_ends() {
        let (pool, release, running) = busy().await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(pool.workers.available_permits(), 0, "the job still runs");
        release.send(()).unwrap();
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_and_gives_its_place_back() {
        let pool = HashPool::new(NonZeroUsize::MIN);
        assert!(matches!(pool.run(|| panic!("on purpose")).await, Err::<(), _>(HashError::Failed(_))));
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }

    #[test]
    fn there_is_always_a_worker() {
        assert!(HashPool::for_cores().workers.available_permits() >= 1);
    }
}
