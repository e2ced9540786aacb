//! Resuming a schedule.

use super::{JobsTx, ScheduleCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{Schedule, actions, events::ScheduleResumed},
    shared::Action,
};

use_case_error! {
    /// Why the schedule was not resumed.
    ResumeScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Resumes schedules. Fire times that have come meanwhile make no job.
pub struct ResumeSchedule;

impl Command for ResumeSchedule {
    type Unit = dyn JobsTx;
    type Input = ScheduleCommand;
    type Plan = ScheduleCommand;
    type Target = Schedule;
    type Answer = Schedule;
    type Error = ResumeScheduleError;

    const NAME: &'static str = "jobs.resume_schedule";
    const ACTION: Action = actions::MANAGE_SCHEDULE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.schedule_id.uuid()]);
        Ok(input)
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
        if schedule.resume(now) {
            schedule.version = unit.schedules().save(&schedule).await?;
            let event = ScheduleResumed::of(&schedule);
            schedule.record(unit.outbox(), &event, schedule.version, schedule.updated_at).await?;
        }
        Ok(schedule.into_target())
    }
}
