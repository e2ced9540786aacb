//! Deleting a schedule.

use super::{JobsTx, ScheduleCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{Schedule, actions, events::ScheduleDeleted},
    shared::Action,
};

use_case_error! {
    /// Why the schedule was not deleted.
    DeleteScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Deletes schedules. Their jobs stay.
pub struct DeleteSchedule;

impl Command for DeleteSchedule {
    type Unit = dyn JobsTx;
    type Input = ScheduleCommand;
    type Plan = ScheduleCommand;
    type Target = Schedule;
    type Answer = ();
    type Error = DeleteScheduleError;

    const NAME: &'static str = "jobs.delete_schedule";
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
        schedule: Authorized<'_, Schedule>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(schedule.version)?;
        unit.schedules().delete(&schedule).await?;
        let event = ScheduleDeleted::of(&schedule);
        Ok(schedule.record(unit.outbox(), &event, schedule.version.next(), schedule.now()).await?)
    }
}
