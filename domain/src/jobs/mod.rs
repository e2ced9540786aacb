//! Jobs: work that is done later, at least once, by a worker.

pub mod actions;
mod args;
mod backoff;
pub mod events;
mod job;
mod names;
mod queue;
mod schedule;
mod state;
mod ticket;
mod timing;

pub use args::{JobArgs, JobArgsTooLong};
pub use backoff::{Backoff, Retry};
pub use job::{Ended, Failure, Job, JobId, JobOrigin, NewJob, Progress, Uniqueness};
pub use names::{InvalidJobName, JobKind, OrderingKey, QueueName, ScheduleName, UniqueKey};
pub use queue::{Concurrency, Queue, QueueId};
pub use schedule::{
    Due, MisfirePolicy, NewSchedule, OverlapPolicy, Schedule, ScheduleChange, ScheduleId, ScheduledJob, UnknownTiming,
};
pub use state::{JobState, JobStates, Priority};
pub use ticket::Ticket;
pub use timing::{CronLine, Interval, InvalidCronLine, InvalidInterval, TimeZone, Timing, UnknownTimeZone};
