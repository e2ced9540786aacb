//! Making known the queues that workers serve.

use super::{JobsTx, ListQueues, QueueQueries};
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::jobs::{Queue, QueueId, QueueName};
use std::sync::Arc;

/// Stores a queue for each name that a worker serves or a job waits in, so that an operator can see and pause it.
pub struct OpenQueues {
    store: Arc<dyn Begin<dyn JobsTx>>,
    queries: Arc<dyn QueueQueries>,
    runtime: Runtime,
}

impl OpenQueues {
    /// Stores the queues in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, queries: Arc<dyn QueueQueries>, runtime: Runtime) -> Self {
        Self { store, queries, runtime }
    }

    /// Stores the queues of jobs that wait for a worker which has never been there, and returns their names.
    ///
    /// # Errors
    /// The store's error.
    pub async fn open_unserved(&self) -> Result<Vec<QueueName>, StoreError> {
        let names = self.queries.list_unopened(ListQueues::MOST).await?;
        self.execute(&names).await?;
        Ok(names)
    }

    /// Stores the queues that do not exist yet. Existing ones stay as they are, also if they are paused.
    ///
    /// # Errors
    /// The store's error.
    pub async fn execute(&self, names: &[QueueName]) -> Result<(), StoreError> {
        for name in names {
            let queue = Queue::create(QueueId::new(self.runtime.ids.next()), name.clone(), self.runtime.clock.now());
            let queue = &queue;
            run(&self.runtime, None, |attempt: Attempt| async move {
                let mut unit = self.store.begin(TxMode::Write, &[]).await?;
                let opened = async {
                    match unit.queues().find(&queue.name).await? {
                        Some(_) => Ok(()),
                        // Another instance may store the queue at the same time. The next attempt then finds it.
                        None => unit.queues().insert(queue).await.map_err(|error| match error {
                            StoreError::Duplicate { .. } => StoreError::Retry(error.into()),
                            error => error,
                        }),
                    }
                };
                let opened = opened.await;
                attempt.end(unit, opened).await
            })
            .await?;
        }
        Ok(())
    }
}
