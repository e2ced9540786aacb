//! Cancelling a job.

use super::{JobCommand, JobView, JobsTx};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, refusal, use_case_error};
use skep_domain::{
    jobs::{Job, actions, events::JobCancelled},
    shared::Action,
};
use std::slice::from_ref;

refusal! {
    /// The job has ended, so it cannot be cancelled.
    JobEnded = Conflict, "job_ended";
}

use_case_error! {
    /// Why the job was not cancelled.
    CancelJobError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        JobEnded(JobEnded),
    }
}

/// Cancels jobs. A waiting job ends at once. The worker of a running one is asked to stop; the job ends when it has.
pub struct CancelJob;

impl Command for CancelJob {
    type Unit = dyn JobsTx;
    type Input = JobCommand;
    type Plan = JobCommand;
    type Target = Job;
    type Answer = JobView;
    type Error = CancelJobError;

    const NAME: &'static str = "jobs.cancel_job";
    const ACTION: Action = actions::MANAGE_JOB;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.job_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Job, Self::Error> {
        Ok(unit.jobs().find(plan.job_id).await?.ok_or(NotFound("job"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut job: Authorized<'_, Job>,
    ) -> Result<JobView, Self::Error> {
        plan.precondition.allow(job.version)?;
        let (now, from) = (job.now(), job.state);
        if job.cancel(now).map_err(|_| JobEnded)? {
            unit.jobs().save_many(from_ref(&*job)).await?;
            job.version = job.version.next();
            let event = JobCancelled { job_id: job.id, kind: job.kind.clone(), from, to: job.state };
            job.record(unit.outbox(), &event, job.version, now).await?;
        }
        Ok(job.into_target().into())
    }
}
