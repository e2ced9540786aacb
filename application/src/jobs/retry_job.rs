//! Running a job again, or sooner.

use super::{JobCommand, JobView, JobsTx, constraints::JOB_UNIQUE_KEY};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, refusal, use_case_error};
use skep_domain::{
    jobs::{Job, actions, events::JobRetried},
    shared::Action,
};
use std::slice::from_ref;

refusal! {
    /// The job is running or completed, so it cannot be run again.
    JobNotRetryable = Conflict, "job_not_retryable";
}

refusal! {
    /// Another job holds the unique key of this one.
    JobKeyTaken = Conflict, "job_key_taken";
}

use_case_error! {
    /// Why the job does not run again.
    RetryJobError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        JobNotRetryable(JobNotRetryable),
        JobKeyTaken(JobKeyTaken),
    }
}

/// Makes jobs available at once, with all their attempts: dead letters, cancelled jobs, and those that wait for their
/// time. A job that is available already stays as it is.
pub struct RetryJob;

impl Command for RetryJob {
    type Unit = dyn JobsTx;
    type Input = JobCommand;
    type Plan = JobCommand;
    type Target = Job;
    type Answer = JobView;
    type Error = RetryJobError;

    const NAME: &'static str = "jobs.retry_job";
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
        if job.retry(now).map_err(|_| JobNotRetryable)? {
            let saved = unit.jobs().save_many(from_ref(&*job)).await;
            saved.map_err(JOB_UNIQUE_KEY.refused::<Self::Error>(JobKeyTaken))?;
            job.version = job.version.next();
            let event = JobRetried { job_id: job.id, kind: job.kind.clone(), from };
            job.record(unit.outbox(), &event, job.version, now).await?;
        }
        Ok(job.into_target().into())
    }
}
