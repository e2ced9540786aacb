//! What a queue outside of the store gives.

use crate::kernel::StoreError;
use skep_domain::jobs::{Job, Ticket};

/// A job that a worker may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenJob {
    /// The job as it is while the worker runs it.
    pub job: Job,
    /// The ticket; `None` if the row has the claim already.
    pub ticket: Option<Ticket>,
}

/// The answer of a queue that is outside of the store.
#[derive(Debug)]
pub enum Taken {
    /// The jobs, as many as there are and the worker has asked for.
    Jobs(Vec<TakenJob>),
    /// The queue does not answer. What it has given may be at work, so its jobs wait. The error is missing if the queue
    /// was not asked, shortly after a failure.
    Waits(Option<StoreError>),
    /// The jobs are to be claimed from the store: their number is limited over all processes, or the queue has been away
    /// for so long that every worker with a ticket has claimed its job or has ended it.
    Store(Option<StoreError>),
}
