//! Storing a job by itself.

use super::{EnqueueError, Enqueued, JobPolicy, JobsTx, enqueue};
use crate::kernel::{Actor, Attempt, Begin, Runtime, TxMode, run};
use skep_domain::jobs::{JobId, NewJob};
use std::sync::Arc;

/// Stores a job in a unit of its own. A job that belongs to a change is stored in the unit of the change instead, with
/// [`enqueue`].
pub struct EnqueueJob {
    store: Arc<dyn Begin<dyn JobsTx>>,
    runtime: Runtime,
    policy: JobPolicy,
}

impl EnqueueJob {
    /// Stores jobs in this store, up to the limit of the policy.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, runtime: Runtime, policy: JobPolicy) -> Self {
        Self { store, runtime, policy }
    }

    /// Stores the job, unless another one holds its unique key.
    ///
    /// # Errors
    /// [`EnqueueError`]. After `OutcomeUnknown`, the job may be stored.
    pub async fn execute(&self, actor: &Actor, new: NewJob) -> Result<Enqueued, EnqueueError> {
        let (id, now) = (JobId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let new = &new;
        run(&self.runtime, actor.deadline, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let stored = async {
                if attempt.after_unknown && unit.jobs().find(id).await?.is_some() {
                    return Ok(Enqueued { id, is_duplicate: false });
                }
                enqueue(unit.jobs(), &self.policy, id, new.clone(), actor, now).await
            };
            let stored = stored.await;
            attempt.end(unit, stored).await
        })
        .await
    }
}
