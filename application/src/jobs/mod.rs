//! Jobs: work that is done later, at least once, by a worker. A command of any context stores a job in its own unit of
//! work ([`enqueue`]); workers claim jobs, run their handlers and settle them. Schedules make jobs at certain times.

mod cancel_job;
mod change_queue;
mod change_schedule;
mod claim_jobs;
pub mod constraints;
mod create_schedule;
mod delete_schedule;
mod enqueue;
mod enqueue_job;
pub(crate) mod erasures;
mod fire_schedules;
mod handler;
mod job_kinds;
mod job_queries;
#[cfg(test)]
mod job_tests;
mod job_view;
mod lease_policy;
mod open_queues;
mod ports;
#[cfg(test)]
mod queue_tests;
mod rescue_taken;
mod retry_job;
mod run_schedule;
mod schedule_fields;
#[cfg(test)]
mod schedule_firing_tests;
mod schedule_ports;
mod schedule_queries;
#[cfg(test)]
mod schedule_tests;
mod settle_jobs;
mod sweep_jobs;
mod switch_queue;
mod switch_schedule;
mod take_jobs;
#[cfg(test)]
mod take_tests;
mod taken;
mod ticket_outage;
mod ticket_ports;
mod workers;

pub use cancel_job::{CancelJob, CancelJobError, JobEnded};
pub use change_queue::{ChangeQueue, ChangeQueueCommand, ChangeQueueError};
pub use change_schedule::{ChangeSchedule, ChangeScheduleCommand, ChangeScheduleError};
pub use claim_jobs::{ClaimJobs, JobClaim};
pub use create_schedule::{CreateSchedule, CreateScheduleCommand, CreateScheduleError};
pub use delete_schedule::{DeleteSchedule, DeleteScheduleError};
pub use enqueue::{EnqueueError, Enqueued, InvalidArgs, TooManyWaitingJobs, enqueue, enqueue_internal, job_for};
pub use enqueue_job::EnqueueJob;
pub use fire_schedules::{FireReport, FireSchedules, FiredSchedule};
pub use handler::{Handler, Handlers, JobError, JobHandler, JobRun, Outcome, WorkerLink};
pub use job_kinds::{JobKinds, UnknownKind, UnreadableArgs};
pub use job_queries::{GetJob, ListJobs, ListQueues, QueueView};
pub use job_view::{JobView, as_json};
pub use lease_policy::LeasePolicy;
pub use open_queues::OpenQueues;
pub use ports::*;
pub use rescue_taken::RescueTaken;
pub use retry_job::{JobKeyTaken, JobNotRetryable, RetryJob, RetryJobError};
pub use run_schedule::{RunSchedule, RunScheduleError, ScheduleJobUnfinished};
pub use schedule_fields::{ScheduleNameTaken, TimingInput, TooManySchedules};
pub use schedule_ports::*;
pub use schedule_queries::{GetSchedule, ListSchedules};
pub use settle_jobs::{SettleJobs, SettledJob, Settlement, settle};
pub use sweep_jobs::{JobPolicy, SweepJobs};
pub use switch_queue::{PauseQueue, ResumeQueue, SwitchQueue, SwitchQueueError};
pub use switch_schedule::{PauseSchedule, ResumeSchedule, SwitchSchedule, SwitchScheduleError};
pub use take_jobs::TakeJobs;
pub use taken::{Taken, TakenJob};
pub use ticket_outage::TicketOutage;
pub use ticket_ports::*;
pub use workers::{Beat, BeatJobs, PromoteJobs, RescueJobs};

use crate::{
    app::Ports,
    kernel::{Commands, Precondition, UseCase},
};
use skep_domain::jobs::{JobId, QueueName, ScheduleId};

/// Which job to cancel or to run again, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct JobCommand {
    /// The job to change.
    pub job_id: JobId,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

/// Which queue to pause or resume, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QueueCommand {
    /// The name of the queue.
    pub name: QueueName,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

/// Which schedule to run, pause, resume or delete, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ScheduleCommand {
    /// The schedule to act on.
    pub schedule_id: ScheduleId,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

/// How many schedules there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulePolicy {
    /// The greatest number of schedules, also of those that are paused or done.
    pub most: u32,
}

impl Default for SchedulePolicy {
    /// 1,000.
    fn default() -> Self {
        Self { most: 1_000 }
    }
}

/// The use cases of jobs.
pub struct Jobs {
    /// Stores a job by itself.
    pub enqueue_job: EnqueueJob,
    /// Ends a waiting job, or asks the worker of a running one to stop.
    pub cancel_job: UseCase<CancelJob>,
    /// Runs a job again, or sooner.
    pub retry_job: UseCase<RetryJob>,
    /// Changes how many jobs of a queue run at a time.
    pub change_queue: UseCase<ChangeQueue>,
    /// Stops the claims of a queue.
    pub pause_queue: UseCase<PauseQueue>,
    /// Allows the claims of a queue again.
    pub resume_queue: UseCase<ResumeQueue>,
    /// Returns one job.
    pub get_job: GetJob,
    /// Returns a page of jobs.
    pub list_jobs: ListJobs,
    /// Returns queues with the numbers of their jobs.
    pub list_queues: ListQueues,
    /// Makes known the queues that workers serve, and those that they do not.
    pub open_queues: OpenQueues,
    /// Gives available jobs to a worker.
    pub claim_jobs: ClaimJobs,
    /// Stores that workers live.
    pub beat_jobs: BeatJobs,
    /// Stores how attempts ended.
    pub settle_jobs: SettleJobs,
    /// Makes jobs available whose time has come.
    pub promote_jobs: PromoteJobs,
    /// Frees the jobs of workers that no longer live.
    pub rescue_jobs: RescueJobs,
    /// Creates a schedule of jobs whose kind this program knows.
    pub create_schedule: UseCase<CreateSchedule>,
    /// Changes when a schedule fires, and what it makes.
    pub change_schedule: UseCase<ChangeSchedule>,
    /// Deletes a schedule. Its jobs stay.
    pub delete_schedule: UseCase<DeleteSchedule>,
    /// Stops a schedule from firing.
    pub pause_schedule: UseCase<PauseSchedule>,
    /// Lets a schedule fire again.
    pub resume_schedule: UseCase<ResumeSchedule>,
    /// Makes a job of a schedule at once.
    pub run_schedule: UseCase<RunSchedule>,
    /// Returns one schedule.
    pub get_schedule: GetSchedule,
    /// Returns a page of schedules.
    pub list_schedules: ListSchedules,
    /// Makes the jobs of schedules whose time has come.
    pub fire_schedules: FireSchedules,
    /// Gives jobs with tickets, if some queues are outside of the store.
    pub take_jobs: Option<TakeJobs>,
    /// Frees the jobs of workers that were lost with a ticket, if some queues are outside of the store.
    pub rescue_taken: Option<RescueTaken>,
    /// The kinds of jobs that this program knows.
    pub kinds: JobKinds,
}

impl Jobs {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(
        ports: &Ports,
        (policy, tickets): (JobPolicy, &TicketPolicy),
        schedules: SchedulePolicy,
        leases: LeasePolicy,
    ) -> Self {
        let Ports { store, runtime, fingerprints, .. } = ports.clone();
        let queue = ports.tickets.clone().filter(|_| !tickets.queues.is_empty());
        let take_jobs = queue.clone().map(|queue| {
            let claims = ClaimJobs::new(store.clone(), runtime.clone());
            TakeJobs::new(queue, (store.clone(), store.clone()), claims, runtime.clone(), (tickets.clone(), leases))
        });
        let rescue_taken = queue.map(|queue| RescueTaken::new(queue, store.clone(), runtime.clone(), tickets.clone()));
        let kinds = JobKinds::default();
        let commands = Commands::<dyn JobsTx>::new(store.clone(), fingerprints, runtime.clone());
        Self {
            enqueue_job: EnqueueJob::new(store.clone(), runtime.clone(), policy),
            cancel_job: UseCase::new(CancelJob, &commands),
            retry_job: UseCase::new(RetryJob, &commands),
            change_queue: UseCase::new(ChangeQueue, &commands),
            pause_queue: UseCase::new(PauseQueue::default(), &commands),
            resume_queue: UseCase::new(ResumeQueue::default(), &commands),
            get_job: GetJob::new(store.clone()),
            list_jobs: ListJobs::new(store.clone(), runtime.clock.clone()),
            list_queues: ListQueues::new(store.clone()),
            open_queues: OpenQueues::new(store.clone(), store.clone(), runtime.clone()),
            claim_jobs: ClaimJobs::new(store.clone(), runtime.clone()),
            beat_jobs: BeatJobs::new(store.clone(), runtime.clone()),
            settle_jobs: SettleJobs::new(store.clone(), runtime.clone()),
            promote_jobs: PromoteJobs::new(store.clone(), store.clone(), runtime.clone()),
            rescue_jobs: RescueJobs::new(store.clone(), store.clone(), runtime.clone(), leases.term),
            create_schedule: UseCase::new(CreateSchedule::new(kinds.clone(), schedules), &commands),
            change_schedule: UseCase::new(ChangeSchedule::new(kinds.clone()), &commands),
            delete_schedule: UseCase::new(DeleteSchedule, &commands),
            pause_schedule: UseCase::new(PauseSchedule::default(), &commands),
            resume_schedule: UseCase::new(ResumeSchedule::default(), &commands),
            run_schedule: UseCase::new(RunSchedule::new(policy), &commands),
            get_schedule: GetSchedule::new(store.clone()),
            list_schedules: ListSchedules::new(store.clone(), runtime.clock.clone()),
            fire_schedules: FireSchedules::new(store.clone(), store, runtime),
            take_jobs,
            rescue_taken,
            kinds,
        }
    }
}
