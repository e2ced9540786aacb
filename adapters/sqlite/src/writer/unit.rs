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
use skep_sql::Declared;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The first pause while another process writes. It doubles up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// A writing unit of work: a savepoint of the shared transaction. Dropping it rolls it back.
pub(crate) struct WriteUnit {
    lease: Lease,
    declared: Arc<Declared>,
    /// Set by the first error. Every later call is refused.
    failed: bool,
}

impl WriteUnit {
    /// Queues for the writer and opens a unit. Waits without blocking while another process writes. `declared` names the
    /// rules that its statements violate.
    pub(crate) async fn begin(queue: &Arc<WriteQueue>, declared: &Arc<Declared>) -> Result<Self, StoreError> {
        let deadline = Instant::now() + queue.busy_deadline();
        let lease = queue.acquire(deadline).await?;
        let mut pause = FIRST_PAUSE;
        loop {
            match lease.with(GroupWriter::begin_unit).ok_or_else(expired)? {
                Ok(()) => return Ok(Self { lease, declared: Arc::clone(declared), failed: false }),
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

    /// Reads on the writer's connection.
    pub(crate) fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.change(|session, _| work(session))
    }

    /// Runs statements on the writer's connection.
    pub(crate) fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Session, &Declared) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        // Counts as failed until the work has succeeded, so that a panic counts too.
        self.failed = true;
        let declared = &*self.declared;
        let done = self.lease.with(|writer| writer.run(|session| work(session, declared))).ok_or_else(expired)??;
        self.failed = false;
        Ok(done)
    }

    /// Runs `probe` before the COMMIT of the group.
    #[cfg(test)]
    pub(crate) fn before_commit(&mut self, probe: impl FnOnce() + Send + 'static) {
        self.lease.with(|writer| writer.before_commit = Some(Box::new(probe)));
    }

    /// Commits the unit, and returns when its group is on disk.
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

    /// Rolls the unit back. If it may have read rows that others in its group wrote, it waits until those are on disk.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        let mut writer = self.lease.take().ok_or_else(expired)?;
        writer.undo_unit();
        if !writer.is_open() {
            self.lease.queue().release(writer);
            return Err(StoreError::Retry("the rows that the unit read were rolled back".into()));
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
    verdict.await.unwrap_or_else(|_| Err(Loss::unknown("the shared commit ended without an answer")))
}

fn expired() -> StoreError {
    StoreError::Retry("the unit of work was open for too long".into())
}
