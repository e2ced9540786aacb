//! A writing unit of work.

use super::{
    group::{Answer, GroupWriter, Verdict},
    lease::Lease,
    queue::WriteQueue,
};
use crate::{
    errors::{Loss, during, is_busy},
    session::Session,
};
use skep_application::kernel::StoreError;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The first pause when another process writes; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// A savepoint of the shared transaction. Dropping it undoes it.
pub(crate) struct WriteUnit {
    lease: Lease,
    /// The first error is remembered: everything after it is refused.
    failed: bool,
}

impl WriteUnit {
    /// Queues for the writer and opens a unit. While another process writes it waits its turn, without blocking.
    pub(crate) async fn begin(queue: &Arc<WriteQueue>) -> Result<Self, StoreError> {
        let deadline = Instant::now() + queue.busy_deadline();
        let lease = queue.acquire(deadline).await?;
        let mut pause = FIRST_PAUSE;
        loop {
            match lease.with(GroupWriter::begin_unit).ok_or_else(expired)? {
                Ok(()) => return Ok(Self { lease, failed: false }),
                Err(error) if is_busy(&error) => {
                    if Instant::now() + pause >= deadline {
                        return Err(StoreError::Unavailable(Box::new(error)));
                    }
                }
                Err(error) => return Err(during("begin", error)),
            }
            lease.renew();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Runs statements.
    pub(crate) fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        // Until the opposite is proved: a panic counts.
        self.failed = true;
        let done = self.lease.with(|writer| writer.run(work)).ok_or_else(expired)??;
        self.failed = false;
        Ok(done)
    }

    /// Runs `probe` before the COMMIT of the group.
    #[cfg(test)]
    pub(crate) fn before_commit(&mut self, probe: impl FnOnce() + Send + 'static) {
        self.lease.with(|writer| writer.before_commit = Some(Box::new(probe)));
    }

    /// Waits until the unit is on disk together with its group.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        let mut writer = self.lease.take().ok_or_else(expired)?;
        let (answer, verdict) = oneshot::channel();
        if let Err(error) = writer.keep_unit(answer) {
            writer.undo_unit();
            self.lease.queue().release(writer);
            return Err(during("commit", error));
        }
        self.lease.queue().release(writer);
        hear(verdict).await.map_err(Loss::for_commit)
    }

    /// Undoes the unit. If it may have read what others in the group have written, it waits until that is on disk.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        let mut writer = self.lease.take().ok_or_else(expired)?;
        writer.undo_unit();
        if !writer.is_open() {
            self.lease.queue().release(writer);
            return Err(StoreError::Retry("what the unit read was rolled back".into()));
        }
        if !writer.is_awaited() {
            self.lease.queue().release(writer);
            return Ok(());
        }
        let (answer, verdict): (Answer, _) = oneshot::channel();
        writer.join(answer);
        self.lease.queue().release(writer);
        hear(verdict).await.map_err(Loss::for_refusal)
    }
}

async fn hear(verdict: oneshot::Receiver<Verdict>) -> Verdict {
    verdict.await.unwrap_or_else(|_| Err(Loss::unknown("nobody answered for the shared commit")))
}

fn expired() -> StoreError {
    StoreError::Retry("the unit of work was open for too long".into())
}
