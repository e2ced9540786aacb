//! Freeing the jobs of workers that were lost with a ticket.

use super::{JobsTx, LostTicket, TicketPolicy, TicketQueue, workers::free};
use crate::kernel::{Begin, Runtime, StoreError};
use skep_domain::{
    jobs::{Job, JobId, QueueName, Ticket},
    shared::Timestamp,
};
use std::sync::Arc;

/// The greatest number of jobs that one unit of work frees.
const BATCH: u32 = 100;

/// Frees the jobs of workers that have ended with a ticket, and before they have written anything.
pub struct RescueTaken {
    queue: Arc<dyn TicketQueue>,
    store: Arc<dyn Begin<dyn JobsTx>>,
    runtime: Runtime,
    policy: TicketPolicy,
}

impl RescueTaken {
    /// Frees the jobs of this store.
    #[must_use]
    pub fn new(
        queue: Arc<dyn TicketQueue>,
        store: Arc<dyn Begin<dyn JobsTx>>,
        runtime: Runtime,
        policy: TicketPolicy,
    ) -> Self {
        Self { queue, store, runtime, policy }
    }

    /// Looks for tickets that were not given back within their term, frees their jobs if these have not changed, and returns
    /// the freed ones. The attempt counts, so a job that ends its process does not run for ever (J3).
    ///
    /// # Errors
    /// The error of the store, or of the queue.
    pub async fn execute(&self) -> Result<Vec<JobId>, StoreError> {
        let mut rescued = vec![];
        for queue in &*self.policy.queues {
            rescued.extend(self.rescue_in(queue).await?);
        }
        Ok(rescued)
    }

    async fn rescue_in(&self, queue: &QueueName) -> Result<Vec<JobId>, StoreError> {
        let lost = self.queue.list_lost(queue, BATCH).await?;
        if lost.is_empty() {
            return Ok(vec![]);
        }
        let rescued = match self.rescue(&lost, false).await {
            // Another job has the unique key by now. The freed one goes on without it.
            Err(StoreError::Duplicate { .. }) => {
                let mut rescued = vec![];
                for one in &lost {
                    rescued.extend(self.rescue(std::slice::from_ref(one), true).await?);
                }
                rescued
            }
            rescued => rescued?,
        };
        // Only now: a ticket that is not freed in the store yet has to be found again.
        for one in &lost {
            self.queue.give_back(queue, one.token, &[one.id]).await?;
        }
        Ok(rescued)
    }

    async fn rescue(&self, lost: &[LostTicket], without_key: bool) -> Result<Vec<JobId>, StoreError> {
        let now = self.runtime.clock.now();
        let ids: Vec<_> = lost.iter().map(|lost| lost.id).collect();
        free((&*self.store, &self.runtime), &ids, without_key, &|job| frees(job, lost, now)).await
    }
}

/// Whether the job changes because its worker was lost with a ticket.
fn frees(job: &mut Job, lost: &[LostTicket], now: Timestamp) -> bool {
    let Some(lost) = lost.iter().find(|lost| lost.id == job.id) else { return false };
    let ticket = Ticket { version: lost.version, since: now };
    job.rescue_from(ticket, lost.token, now).is_ok()
}
