//! Limits how much expensive work runs at the same time.

mod fair_queue;

use fair_queue::{FairQueue, Places};
use skep_application::identity::{HashCaller, HashError};
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long a job waits for a worker, unless configured otherwise.
const PATIENCE: Duration = Duration::from_secs(2);
/// The assumed time of a job until one was measured. It is less than a hash takes on most machines, so that a burst
/// right after the start is not refused.
const FIRST_ESTIMATE: Duration = Duration::from_millis(10);
/// No job counts as shorter than this.
const SHORTEST: Duration = Duration::from_millis(1);
/// The most jobs that wait, however short they are. Each holds its request in memory.
const MOST_PLACES: usize = 4_096;
/// One of this many places is kept for callers from known networks.
const KEPT: usize = 8;
/// The weight of a new measurement against the estimate before it.
const SMOOTHING: u32 = 8;

/// Runs jobs on blocking threads of the runtime. The number of running jobs, the length of the queue and the waiting
/// time are limited, so that a flood of logins neither exhausts the memory nor delays other requests.
///
/// As many jobs may wait as can be served within the waiting time, by the measured time of a job. Networks take turns.
/// If the queue is full, the network that has the most jobs in it gives way. An eighth of the places is kept for callers
/// from networks that their accounts have logged in from before.
#[derive(Clone)]
pub struct HashPool(Arc<Shared>);

struct Shared {
    max_workers: usize,
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    running: usize,
    queue: FairQueue<oneshot::Sender<()>>,
    /// The smoothed time of a job.
    estimate: Option<Duration>,
    rejected: u64,
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
    /// The most jobs that may wait.
    pub places: usize,
    /// Jobs that were refused as busy, since the pool was created.
    pub rejected: u64,
}

impl HashPool {
    /// A pool that runs this many jobs at once. A job waits for 2 s at most.
    #[must_use]
    pub fn new(workers: NonZeroUsize) -> Self {
        Self::with_patience(workers, PATIENCE)
    }

    /// A pool that runs this many jobs at once. A job waits for this time at most.
    #[must_use]
    pub fn with_patience(workers: NonZeroUsize, patience: Duration) -> Self {
        let state = State { running: 0, queue: FairQueue::new(), estimate: None, rejected: 0 };
        Self(Arc::new(Shared { max_workers: workers.get(), patience, state: Mutex::new(state) }))
    }

    /// A pool with one worker less than there are cores, but at least one. The rest of the server keeps a core.
    #[must_use]
    pub fn for_cores(patience: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_patience(NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN), patience)
    }

    /// The current load, for metrics.
    #[must_use]
    pub fn stats(&self) -> HashPoolStats {
        let state = self.0.state();
        HashPoolStats {
            running: state.running,
            waiting: state.queue.len(),
            workers: self.0.max_workers,
            places: self.0.places(&state).all,
            rejected: state.rejected,
        }
    }

    /// Runs the job, after a limited time in the queue. A caller that is canceled leaves the queue. A job that has
    /// started runs to its end, and holds its worker until then.
    ///
    /// # Errors
    /// `Busy` if the queue is full or the wait is too long, `Failed` if the job panicked or the runtime shuts down.
    pub async fn run<T: Send + 'static>(
        &self,
        caller: HashCaller,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let worker = self.worker(caller).await.ok_or_else(|| {
            self.0.state().rejected += 1;
            HashError::Busy
        })?;
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let done = job();
            worker.0.measured(start.elapsed());
            // Dropped here, so that the worker is released at the end of the job, even if its caller was canceled.
            drop(worker);
            done
        })
        .await
        .map_err(|error| HashError::Failed(error.into()))
    }

    /// Waits for a worker. `None` if the queue is full or the wait is too long.
    async fn worker(&self, caller: HashCaller) -> Option<Worker> {
        let mut waiting = {
            let mut state = self.0.state();
            if state.running < self.0.max_workers && state.queue.is_empty() {
                state.running += 1;
                return Some(Worker(Arc::clone(&self.0)));
            }
            let (turn, called) = oneshot::channel();
            let places = self.0.places(&state);
            let number = state.queue.push(caller, turn, places)?;
            Waiting { pool: Arc::clone(&self.0), number, called, is_over: false }
        };
        let called = tokio::time::timeout(self.0.patience, &mut waiting.called).await;
        if !matches!(called, Ok(Ok(()))) {
            return None;
        }
        waiting.is_over = true;
        Some(Worker(Arc::clone(&self.0)))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic never leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As many jobs as the workers finish within the waiting time.
    fn places(&self, state: &State) -> Places {
        let estimate = state.estimate.unwrap_or(FIRST_ESTIMATE).max(SHORTEST);
        let by_each = self.patience.as_micros() / estimate.as_micros();
        let by_each = usize::try_from(by_each).unwrap_or(usize::MAX);
        let all = by_each.saturating_mul(self.max_workers).clamp(1, MOST_PLACES);
        Places { all, open: all - all / KEPT }
    }

    fn measured(&self, time: Duration) {
        let mut state = self.state();
        let estimate = state.estimate.map_or(time, |before| (before * (SMOOTHING - 1) + time) / SMOOTHING);
        state.estimate = Some(estimate);
    }

    /// Ends the turn of a worker, and calls the next jobs.
    fn release(&self, state: &mut State) {
        state.running -= 1;
        while state.running < self.max_workers {
            let Some(turn) = state.queue.pop() else { break };
            // A caller that has left is no longer in the queue, so this does not fail.
            state.running += usize::from(turn.send(()).is_ok());
        }
    }
}

/// The right to run a job.
struct Worker(Arc<Shared>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.release(&mut self.0.state());
    }
}

/// A caller in the queue.
struct Waiting {
    pool: Arc<Shared>,
    number: u64,
    called: oneshot::Receiver<()>,
    /// Whether the caller has taken its turn.
    is_over: bool,
}

impl Drop for Waiting {
    /// Leaves the queue. If the caller was called in the meantime, the next one is called instead.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.pool.state();
        if !state.queue.remove(self.number) && self.called.try_recv().is_ok() {
            self.pool.release(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
