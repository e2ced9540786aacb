//! Running a schedule now.

use super::{EnqueueError, JobPolicy, JobsTx, ScheduleCommand, enqueue, fire_schedules::make_room};
use crate::kernel::{
    Actor, Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    jobs::{JobId, Schedule, ScheduleId, actions, events::ScheduleRunNow},
    shared::Action,
};

refusal! {
    /// The last job of the schedule has not ended, and its jobs must not overlap.
    ScheduleJobUnfinished = Conflict, "schedule_job_unfinished";
}

use_case_error! {
    /// Why the schedule made no job.
    RunScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        ScheduleJobUnfinished(ScheduleJobUnfinished),
        Enqueue(EnqueueError),
    }
}

/// Makes a job of a schedule at once, also if it is paused or done. The next fire time stays. The policy for jobs that
/// have not ended holds, and the limit of waiting jobs of the user that runs it.
pub struct RunSchedule {
    policy: JobPolicy,
}

impl RunSchedule {
    /// Makes jobs up to the limit of the policy.
    #[must_use]
    pub const fn new(policy: JobPolicy) -> Self {
        Self { policy }
    }
}

/// The command, with what the job needs.
pub struct RunSchedulePlan {
    schedule_id: ScheduleId,
    precondition: Precondition,
    job_id: JobId,
    actor: Actor,
}

impl Command for RunSchedule {
    type Unit = dyn JobsTx;
    type Input = ScheduleCommand;
    type Plan = RunSchedulePlan;
    type Target = Schedule;
    type Answer = Schedule;
    type Error = RunScheduleError;

    const NAME: &'static str = "jobs.run_schedule";
    const ACTION: Action = actions::MANAGE_SCHEDULE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let ScheduleCommand { schedule_id, precondition } = input;
        call.contend([schedule_id.uuid()]);
        let (job_id, actor) = (JobId::new(call.new_id()), call.actor.clone());
        Ok(RunSchedulePlan { schedule_id, precondition, job_id, actor })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Schedule, Self::Error> {
        Ok(unit.schedules().find(plan.schedule_id).await?.ok_or(NotFound("schedule"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut schedule: Authorized<'_, Schedule>,
    ) -> Result<Schedule, Self::Error> {
        plan.precondition.allow(schedule.version)?;
        let now = schedule.now();
        if !make_room(unit.jobs(), &schedule, now).await? {
            return Err(ScheduleJobUnfinished.into());
        }
        enqueue(unit.jobs(), &self.policy, plan.job_id, schedule.job_now(), &plan.actor, now).await?;
        schedule.last_job_id = Some(plan.job_id);
        schedule.version = unit.schedules().save(&schedule).await?;
        let Schedule { id, ref name, ref job, .. } = *schedule;
        let (name, kind) = (name.clone(), job.kind.clone());
        let event = ScheduleRunNow { schedule_id: id, name, kind, job_id: plan.job_id };
        schedule.record(unit.outbox(), &event, schedule.version, now).await?;
        Ok(schedule.into_target())
    }
}
