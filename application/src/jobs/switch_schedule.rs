//! Pausing and resuming a schedule.

use super::{JobsTx, ScheduleCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{
        Schedule, actions,
        events::{SchedulePaused, ScheduleResumed},
    },
    shared::Action,
};

use_case_error! {
    /// Why the schedule was neither paused nor resumed.
    SwitchScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Pauses schedules, or resumes them.
#[derive(Default)]
pub struct SwitchSchedule<const PAUSES: bool>;

/// Pauses schedules: they make no jobs. Jobs that exist stay.
pub type PauseSchedule = SwitchSchedule<true>;
/// Resumes schedules. Fire times that have come meanwhile make no job.
pub type ResumeSchedule = SwitchSchedule<false>;

impl<const PAUSES: bool> Command for SwitchSchedule<PAUSES> {
    type Unit = dyn JobsTx;
    type Input = ScheduleCommand;
    type Plan = ScheduleCommand;
    type Target = Schedule;
    type Answer = Schedule;
    type Error = SwitchScheduleError;

    const NAME: &'static str = if PAUSES { "jobs.pause_schedule" } else { "jobs.resume_schedule" };
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
        let switched = if PAUSES { schedule.pause(now) } else { schedule.resume(now) };
        if switched {
            schedule.version = unit.schedules().save(&schedule).await?;
            let (version, at) = (schedule.version, schedule.updated_at);
            if PAUSES {
                schedule.record(unit.outbox(), &SchedulePaused::of(&schedule), version, at).await?;
            } else {
                schedule.record(unit.outbox(), &ScheduleResumed::of(&schedule), version, at).await?;
            }
        }
        Ok(schedule.into_target())
    }
}
