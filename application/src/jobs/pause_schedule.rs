//! Pausing a schedule.

use super::{JobsTx, ScheduleCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{Schedule, actions, events::SchedulePaused},
    shared::Action,
};

use_case_error! {
    /// Why the schedule was not paused.
    PauseScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Pauses schedules: they make no jobs. Jobs that exist stay.
pub struct PauseSchedule;

impl Command for PauseSchedule {
    type Unit = dyn JobsTx;
    type Input = ScheduleCommand;
    type Plan = ScheduleCommand;
    type Target = Schedule;
    type Answer = Schedule;
    type Error = PauseScheduleError;

    const NAME: &'static str = "jobs.pause_schedule";
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
        if schedule.pause(now) {
            schedule.version = unit.schedules().save(&schedule).await?;
            let event = SchedulePaused::of(&schedule);
            schedule.record(unit.outbox(), &event, schedule.version, schedule.updated_at).await?;
        }
        Ok(schedule.into_target())
    }
}
