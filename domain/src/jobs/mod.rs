//! Jobs: work that is done later, at least once, by a worker.

pub mod actions;
mod backoff;
pub mod events;
mod job;
mod names;
mod queue;
mod state;

pub use backoff::{Backoff, Retry};
pub use job::{Ended, Failure, Job, JobId, JobOrigin, NewJob, Progress, Uniqueness};
pub use names::{InvalidJobName, JobKind, OrderingKey, QueueName, UniqueKey};
pub use queue::{Queue, QueueId};
pub use state::{JobState, JobStates, Priority};
