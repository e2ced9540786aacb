//! The thread that waits for the disk.

use super::{
    group::{Ended, GroupWriter},
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

/// What the thread is asked for.
pub(super) enum Job {
    /// End the group and pass the writer on.
    Commit(Box<GroupWriter>),
    /// End the group, empty the log, close the connection, and stop.
    Close(Box<GroupWriter>, oneshot::Sender<()>),
}

/// Starts the thread. It ends with [`Job::Close`], or when the queue is gone. Every `tick` it looks for units that are
/// too old, and calls `housekeeping`.
pub(super) fn start(
    jobs: Receiver<Job>,
    queue: &Arc<WriteQueue>,
    tick: Duration,
    housekeeping: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let queue = Arc::downgrade(queue);
    let work = move || run(&jobs, &queue, tick.max(Duration::from_millis(1)), &housekeeping);
    std::thread::Builder::new().name("skep-sqlite-commit".to_owned()).spawn(work).map(drop)
}

fn run(jobs: &Receiver<Job>, queue: &Weak<WriteQueue>, tick: Duration, housekeeping: &impl Fn()) {
    let mut next_tick = Instant::now() + tick;
    loop {
        match jobs.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(Job::Commit(writer)) => commit(writer, queue),
            Ok(Job::Close(mut writer, done)) => {
                let ended = end_group(&mut writer);
                if let Some(queue) = queue.upgrade() {
                    queue.finish(ended);
                }
                writer.checkpoint();
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

/// The writer goes on first, so that the next unit runs while this group's are told.
fn commit(mut writer: Box<GroupWriter>, queue: &Weak<WriteQueue>) {
    let ended = end_group(&mut writer);
    match queue.upgrade() {
        Some(queue) => {
            queue.release(writer);
            queue.finish(ended);
        }
        None => ended.tell(),
    }
}

/// Ends the group; a panic in it ends the group as well.
pub(super) fn end_group(writer: &mut GroupWriter) -> Ended {
    catch_unwind(AssertUnwindSafe(|| writer.end_group())).unwrap_or_else(|_| {
        tracing::error!("a shared commit panicked");
        writer.end_after_panic()
    })
}
