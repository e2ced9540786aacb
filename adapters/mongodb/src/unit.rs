//! The unit of work of this store.

use crate::{latest::Latest, locks::Turns, ops::Executor};
use async_trait::async_trait;
use skep_application::kernel::{Announcement, Signals, StoreError, Transaction, UnitOutcome};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A unit of work: one transaction in one session.
///
/// Its end (commit, rollback or drop) runs on a separate task, so that a caller that is canceled meanwhile leaves no
/// transaction open on the server. The turns at the contended ids end after that.
pub struct MongoUnit {
    work: Option<Work>,
    /// Whether a statement has failed, or was canceled before its answer came.
    failed: bool,
    /// Whether that error has ended the transaction on the server, as far as is known. A broken reference is found by
    /// the client, and the transaction stays open.
    ended: bool,
    runtime: Handle,
}

struct Work {
    executor: Executor,
    latest: Arc<Latest>,
    signals: Arc<Signals>,
    announcement: Announcement,
    /// Dropped last.
    _turns: Turns,
}

impl MongoUnit {
    pub(crate) fn new(executor: Executor, turns: Turns, latest: Arc<Latest>, signals: Arc<Signals>) -> Self {
        Self {
            work: Some(Work { executor, latest, signals, announcement: Announcement::default(), _turns: turns }),
            failed: false,
            ended: false,
            runtime: Handle::current(),
        }
    }

    /// Runs statements, unless earlier ones have failed. The unit counts as failed until they have finished. An error
    /// and a canceled caller then need no further code.
    pub(crate) async fn run<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut Executor) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &mut self.work {
            Some(work) if !self.failed => {
                (self.failed, self.ended) = (true, true);
                let done = statements(&mut work.executor).await;
                work.executor.remember(&done);
                self.failed = done.is_err();
                self.ended = done.as_ref().is_err_and(|error| !matches!(error, StoreError::Referenced { .. }));
                done
            }
            _ => Err(StoreError::after_error()),
        }
    }

    /// What the commit announces.
    pub(crate) fn announcement(&mut self) -> Option<&mut Announcement> {
        self.work.as_mut().map(|work| &mut work.announcement)
    }

    /// Takes the work to end it. Fails after the error of a statement; dropping the unit then rolls it back.
    fn take(&mut self) -> Result<Work, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        self.work.take().ok_or_else(StoreError::after_error)
    }

    /// Ends the work as a refusal, which is possible after an error, too.
    async fn undo(work: Work, ended: bool) -> Result<(), StoreError> {
        if ended { work.undo_after_error().await } else { work.rollback().await }
    }
}

impl Work {
    async fn commit(mut self) -> Result<(), StoreError> {
        let result = self.executor.commit().await;
        if result.is_ok() {
            self.latest.advance(self.executor.seen());
        }
        self.signals.announce(self.announcement);
        result
    }

    async fn rollback(mut self) -> Result<(), StoreError> {
        if !self.executor.sent() {
            self.refused(&Ok(()));
            return Ok(());
        }
        if self.executor.wrote() {
            let settled = self.executor.settle_reads().await;
            self.refused(&settled);
            self.executor.abort().await;
            return settled;
        }
        // The commit of a transaction that only read waits until all that it read is durable.
        let ended = self.executor.commit().await.map_err(|error| match error {
            StoreError::OutcomeUnknown(cause) => StoreError::Retry(cause),
            other => other,
        });
        self.refused(&ended);
        ended
    }

    /// A refusal that was confirmed counts as rolled back, and not as failed.
    fn refused(&mut self, ended: &Result<(), StoreError>) {
        match ended {
            Ok(()) => self.executor.ends(UnitOutcome::RolledBack),
            Err(error) => self.executor.ends(UnitOutcome::after(error)),
        }
    }

    /// The server has ended the transaction with an error. The rows that caused the error may not be durable yet.
    async fn undo_after_error(mut self) -> Result<(), StoreError> {
        let settled = self.executor.settle_answers().await;
        self.refused(&settled);
        self.executor.abort().await;
        settled
    }
}

impl Drop for MongoUnit {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.runtime.spawn(async move {
                let Work { executor, _turns, .. } = work;
                executor.abort().await;
            });
        }
    }
}

#[async_trait]
impl Transaction for MongoUnit {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let work = self.take()?;
        // The task did not return, and it may have sent the commit.
        self.runtime.spawn(work.commit()).await.map_err(|error| StoreError::OutcomeUnknown(error.into()))?
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        let work = self.work.take().ok_or_else(StoreError::after_error)?;
        let undone = self.runtime.spawn(Self::undo(work, self.ended));
        undone.await.map_err(|error| StoreError::Unavailable(error.into()))?
    }
}
