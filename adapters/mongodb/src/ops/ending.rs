//! Ends transactions, and waits until their reads are durable.

use super::executor::{Executor, bounded};
use crate::{
    error::{self, CommitFailure},
    observe::Operation,
};
use bson::{Bson, RawDocumentBuf, doc};
use skep_application::kernel::{StoreError, UnitOutcome};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How long a commit is repeated while its answer is lost.
const COMMIT_PATIENCE: Duration = Duration::from_secs(3);

impl Executor {
    /// Commits. Repeats the commit while its answer is lost, which is safe on the same session.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.watch(Operation::Commit, async |this| this.commit_now().await).await;
        if committed.is_ok() {
            self.ends(UnitOutcome::Committed);
        }
        committed
    }

    async fn commit_now(&mut self) -> Result<(), StoreError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(20);
        let mut first = true;
        loop {
            let answer = bounded(self.patience, self.session.commit_transaction()).await;
            let failure = match answer {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error::of_commit(error, first),
                Err(late) => CommitFailure::Unknown(late.into()),
            };
            let cause = match failure {
                CommitFailure::Aborted(error) => return Err(error),
                CommitFailure::Unknown(cause) => cause,
            };
            first = false;
            if start.elapsed() + pause > COMMIT_PATIENCE {
                self.kill().await;
                return Err(StoreError::OutcomeUnknown(cause));
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Ends what may still be open on the server for this session. A transaction whose commit never arrived would block
    /// others for a minute. Committed work stays. The result is ignored, because the outcome is unknown in any case.
    async fn kill(&self) {
        let command = doc! { "killSessions": [self.session.id().clone()] };
        let admin = self.session.client().database("admin");
        let _ = bounded(self.patience, admin.run_command(command)).await;
    }

    /// Rolls the transaction back.
    pub(crate) async fn abort(mut self) {
        if self.sent && !self.answered {
            // The caller was canceled before the driver knew that the server had started a transaction. Without
            // another statement, the driver would not abort it on the server.
            let _ = self.prove().await;
        }
        if self.sent {
            // The driver ignores every error here. Without the command, the server aborts by itself.
            let command = self.observer.command(Operation::Abort, self.unit.as_ref());
            let _ = command.end(bounded(self.patience, self.session.abort_transaction()).await);
        }
    }

    /// Reads nothing. That succeeds only if the transaction is still open.
    async fn prove(&mut self) -> Result<(), StoreError> {
        self.count_none().await
    }

    /// Waits until everything that this transaction has read is durable, and checks that it was not lost.
    ///
    /// A snapshot is taken from the primary's data, which may be ahead of the majority. A read with majority concern,
    /// after the time of the last answer, waits until the majority has this data. If the transaction is still open
    /// after that, the primary has not changed meanwhile, because a transaction ends with its primary's term.
    pub(crate) async fn settle_reads(&mut self) -> Result<(), StoreError> {
        self.settle_answers().await?;
        self.prove().await
    }

    /// Waits until all data behind the server's answers is durable, even after an error that ended the transaction.
    /// Such data is, for example, the row that a duplicate conflicts with.
    pub(crate) async fn settle_answers(&mut self) -> Result<(), StoreError> {
        let client = self.session.client();
        let mut outside =
            Self::start(&client, self.database.clone(), self.patience, self.seen(), Arc::clone(&self.observer)).await?;
        outside.count_none().await
    }

    async fn count_none(&mut self) -> Result<(), StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>("schema_migrations");
        let nothing = collection.find_one(doc! { "_id": Bson::Null }).session(&mut self.session);
        bounded(self.patience, nothing).await?.map_err(error::of_statement).map(|_| ())
    }
}
