//! The queue of units for the one writer.

use super::{
    checkpointer::LogMover,
    committer::{self, Job},
    group::{Ended, GroupWriter, Log},
    lease::{Lease, Slot},
};
use crate::{
    errors::during,
    options::SqliteOptions,
    stats::{PoolStats, Waiting},
};
use metrics::{Gauge, Histogram};
use rusqlite::Connection;
use skep_application::kernel::StoreError;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Counts of the writer's work since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Units of work that were stored.
    pub units: u64,
    /// Groups of units for which a shared COMMIT was tried.
    pub groups: u64,
    /// Shared COMMITs that succeeded.
    pub commits: u64,
    /// Units that lost the writer because they were open for too long.
    pub expired: u64,
}

#[derive(Default)]
struct Counters {
    units: AtomicU64,
    groups: AtomicU64,
    commits: AtomicU64,
    expired: AtomicU64,
}

/// Owns the idle writer, and the queue of units that wait for it.
pub(crate) struct WriteQueue {
    state: Mutex<State>,
    committer: mpsc::Sender<Job>,
    counters: Counters,
    waiting: Waiting,
    /// The number of units in each stored group.
    group_units: Histogram,
    /// The duration of each shared COMMIT.
    commits: Histogram,
    /// The pages of the write-ahead log that are not in the file yet.
    log_pages: Gauge,
    group_size: usize,
    group_age: Duration,
    busy_deadline: Duration,
    unit_limit: Duration,
}

#[derive(Default)]
struct State {
    /// The idle writer. The queue is then empty, and no transaction is open.
    resting: Option<Box<GroupWriter>>,
    waiting: VecDeque<oneshot::Sender<Lease>>,
    /// The last lease, and the time since when it counts.
    lease: Option<(Arc<Slot>, Instant)>,
    /// New units are refused.
    closed: bool,
    /// The writer is closed, or about to be.
    gone: bool,
}

impl WriteQueue {
    /// Starts the commit thread. `mover` moves the write-ahead log. The thread calls `housekeeping` several times
    /// within each unit limit.
    pub(crate) fn start(
        db: Connection,
        mover: LogMover,
        options: &SqliteOptions,
        housekeeping: impl Fn() + Send + 'static,
    ) -> Result<Arc<Self>, StoreError> {
        let writer = GroupWriter::new(db).map_err(|error| during("opening the database", error))?;
        let (committer, jobs) = mpsc::channel();
        let queue = Arc::new(Self {
            state: Mutex::new(State { resting: Some(Box::new(writer)), ..State::default() }),
            committer,
            counters: Counters::default(),
            waiting: Waiting::default(),
            group_units: metrics::histogram!("skep_sqlite_group_units"),
            commits: metrics::histogram!("skep_sqlite_commit_duration_seconds"),
            log_pages: metrics::gauge!("skep_sqlite_log_pages"),
            group_size: options.group_size.max(1),
            group_age: options.group_age,
            busy_deadline: options.busy_deadline,
            unit_limit: options.unit_limit,
        });
        committer::start(jobs, &queue, mover, options.unit_limit / 4, housekeeping)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(queue)
    }

    pub(crate) fn stats(&self) -> WriterStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriterStats {
            units: read(&self.counters.units),
            groups: read(&self.counters.groups),
            commits: read(&self.counters.commits),
            expired: read(&self.counters.expired),
        }
    }

    pub(crate) fn pool_stats(&self) -> PoolStats {
        let used = usize::from(self.lock().resting.is_none());
        self.waiting.stats(1, used)
    }

    pub(super) fn busy_deadline(&self) -> Duration {
        self.busy_deadline
    }

    /// Waits for the writer until `deadline`.
    pub(super) async fn acquire(self: &Arc<Self>, deadline: Instant) -> Result<Lease, StoreError> {
        let granted = match self.request(false)? {
            Request::Granted(lease) => return Ok(lease),
            Request::Queued(granted) => granted,
        };
        let _one = self.waiting.one();
        match tokio::time::timeout_at(deadline.into(), granted).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(_)) => Err(closed()),
            Err(_) => {
                self.waiting.was_in_vain();
                Err(StoreError::Unavailable("the queue for the writer is too long".into()))
            }
        }
    }

    /// Refuses new units, waits for those that are queued or open (each at most for the unit limit), ends the last
    /// group, and empties the write-ahead log. May be repeated and cancelled.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.lock().closed = true;
        let lease = match self.request(true) {
            Ok(Request::Granted(lease)) => Some(lease),
            Ok(Request::Queued(granted)) => granted.await.ok(),
            Err(_) => None,
        };
        if let Some(writer) = lease.and_then(|lease| lease.take()) {
            self.lock().gone = true;
            let (done, finished) = oneshot::channel();
            if self.committer.send(Job::Close(writer, done)).is_ok() {
                let _ = finished.await;
            }
        }
    }

    fn request(self: &Arc<Self>, closing: bool) -> Result<Request, StoreError> {
        let mut state = self.lock();
        if state.gone || (state.closed && !closing) {
            return Err(closed());
        }
        if let Some(writer) = state.resting.take() {
            return Ok(Request::Granted(self.grant(&mut state, writer)));
        }
        let (sender, granted) = oneshot::channel();
        state.waiting.push_back(sender);
        Ok(Request::Queued(granted))
    }

    fn grant(self: &Arc<Self>, state: &mut State, writer: Box<GroupWriter>) -> Lease {
        let slot = Slot::new(writer);
        state.lease = Some((Arc::clone(&slot), Instant::now()));
        Lease::new(slot, Arc::clone(self))
    }

    pub(super) fn renew(&self, slot: &Arc<Slot>) {
        if let Some((leased, since)) = &mut self.lock().lease
            && Arc::ptr_eq(leased, slot)
        {
            *since = Instant::now();
        }
    }

    /// Passes the writer on: to the commit thread if its group is due, else to the next unit in the queue, else to the
    /// commit thread if a caller waits for a COMMIT. Otherwise the writer becomes idle.
    pub(super) fn release(self: &Arc<Self>, mut writer: Box<GroupWriter>) {
        loop {
            if writer.is_due(self.group_size, self.group_age) {
                return self.commit_soon(writer);
            }
            let mut state = self.lock();
            if let Some(next) = state.waiting.pop_front() {
                if next.is_closed() {
                    continue;
                }
                let lease = self.grant(&mut state, writer);
                drop(state);
                match next.send(lease) {
                    Ok(()) => return,
                    // The receiver was dropped at this moment.
                    Err(lease) => match lease.take() {
                        Some(back) => writer = back,
                        None => return,
                    },
                }
            } else if !writer.is_open() {
                state.lease = None;
                state.resting = Some(writer);
                return;
            } else if writer.is_awaited() {
                drop(state);
                return self.commit_soon(writer);
            } else {
                drop(state);
                self.finish(writer.end_group());
            }
        }
    }

    fn commit_soon(self: &Arc<Self>, writer: Box<GroupWriter>) {
        if let Err(mpsc::SendError(Job::Commit(mut writer) | Job::Close(mut writer, _))) =
            self.committer.send(Job::Commit(writer))
        {
            // The thread ends only after `close`. Callers that still wait get their answer here.
            self.finish(committer::end_group(&mut writer));
        }
    }

    /// Records the length of the log.
    #[expect(clippy::cast_precision_loss, reason = "a log of 2^52 pages does not fit on any disk")]
    pub(super) fn note(&self, log: Log) {
        self.log_pages.set(log.left() as f64);
    }

    /// Counts a group and answers all its callers.
    pub(super) fn finish(&self, ended: Ended) {
        if ended.verdict.is_ok() {
            self.counters.units.fetch_add(ended.units, Ordering::Relaxed);
        }
        if ended.is_answered() {
            self.counters.groups.fetch_add(1, Ordering::Relaxed);
            self.counters.commits.fetch_add(u64::from(ended.verdict.is_ok()), Ordering::Relaxed);
            if let Some(took) = ended.took {
                self.commits.record(took);
            }
            if ended.verdict.is_ok() {
                #[expect(clippy::cast_precision_loss, reason = "a group has at most some hundred units")]
                self.group_units.record(ended.units as f64);
            }
        }
        ended.tell();
    }

    /// Takes the writer from a unit that is too old.
    pub(super) fn expire(self: &Arc<Self>) {
        self.expire_older_than(self.unit_limit);
    }

    pub(super) fn expire_older_than(self: &Arc<Self>, limit: Duration) {
        let old = match &self.lock().lease {
            Some((slot, since)) if since.elapsed() >= limit => Arc::clone(slot),
            _ => return,
        };
        if let Some(mut writer) = old.take() {
            self.counters.expired.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("a unit of work was open for too long and has been undone");
            writer.undo_unit();
            self.release(writer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of queued callers that still wait.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.lock().waiting.iter().filter(|waiting| !waiting.is_closed()).count()
    }
}

enum Request {
    Granted(Lease),
    Queued(oneshot::Receiver<Lease>),
}

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".into())
}
