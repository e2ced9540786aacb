//! The commit thread, which waits for the disk.

use super::{
    checkpointer::{Checkpointer, LogMover},
    group::{Ended, GroupWriter, Log},
    queue::WriteQueue,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// A task for the thread.
pub(super) enum Job {
    /// Ends the group and passes the writer on.
    Commit(Box<GroupWriter>),
    /// Ends the group, empties the log, closes the connection, and stops.
    Close(Box<GroupWriter>, oneshot::Sender<()>),
}

/// Starts the thread. It ends with [`Job::Close`], or when the queue is dropped. `mover` moves the write-ahead log.
/// Every `tick` the thread takes the writer from a unit that is too old, and calls `housekeeping`.
pub(super) fn start(
    jobs: Receiver<Job>,
    queue: &Arc<WriteQueue>,
    mover: LogMover,
    tick: Duration,
    housekeeping: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let queue = Arc::downgrade(queue);
    let checkpointer = Checkpointer::start(mover)?;
    let work = move || run(&jobs, &queue, checkpointer, tick.max(Duration::from_millis(1)), &housekeeping);
    std::thread::Builder::new().name("skep-sqlite-commit".to_owned()).spawn(work).map(drop)
}

fn run(
    jobs: &Receiver<Job>,
    queue: &Weak<WriteQueue>,
    mut checkpointer: Checkpointer,
    tick: Duration,
    housekeeping: &impl Fn(),
) {
    let mut next_tick = Instant::now() + tick;
    loop {
        match jobs.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(Job::Commit(writer)) => commit(writer, queue, &mut checkpointer),
            Ok(Job::Close(mut writer, done)) => {
                let ended = end_group(&mut writer);
                if let Some(queue) = queue.upgrade() {
                    queue.finish(ended);
                }
                // The checkpointer's thread would keep the log from being emptied.
                if checkpointer.stop() {
                    writer.empty_log();
                }
                drop(writer);
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_tick {
            if let Some(queue) = queue.upgrade() {
                queue.expire();
            }
            housekeeping();
            next_tick = Instant::now() + tick;
        }
    }
}

/// Ends the group and passes the writer on before the group's callers are answered, so that the next unit can run. If
/// the rest of the log has to be moved, the callers are answered first.
fn commit(mut writer: Box<GroupWriter>, queue: &Weak<WriteQueue>, checkpointer: &mut Checkpointer) {
    let ended = end_group(&mut writer);
    let Some(queue) = queue.upgrade() else { return ended.tell() };
    if log_of(&writer, &queue).is_some_and(|log| checkpointer.look(log)) {
        queue.finish(ended);
        checkpointer.move_rest(writer.db());
        if let Some(log) = log_of(&writer, &queue) {
            checkpointer.rest_is_moved(log);
        }
        queue.release(writer);
    } else {
        queue.release(writer);
        queue.finish(ended);
    }
}

/// Reads the length of the log, and records it as a metric.
fn log_of(writer: &GroupWriter, queue: &WriteQueue) -> Option<Log> {
    let log = writer.log();
    if let Err(error) = &log {
        tracing::warn!(%error, "the length of the write-ahead log cannot be read");
    }
    log.ok().inspect(|log| queue.note(*log))
}

/// Ends the group, even if that panics.
pub(super) fn end_group(writer: &mut GroupWriter) -> Ended {
    catch_unwind(AssertUnwindSafe(|| writer.end_group())).unwrap_or_else(|_| {
        tracing::error!("a shared commit panicked");
        writer.end_after_panic()
    })
}
