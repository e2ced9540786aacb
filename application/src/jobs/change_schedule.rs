//! Changing a schedule.

use super::{JobKinds, JobsTx, TimingInput, schedule_fields as fields};
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    jobs::{Schedule, ScheduleChange, ScheduleId, actions, events::ScheduleChanged},
    shared::{Action, Patch, Timestamp},
};

/// Which schedule to change, from which version, and how. An absent field stays as it is. A cleared one gets its usual
/// value, except the timing, and arguments become `null`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeScheduleCommand {
    /// The schedule to change.
    pub schedule_id: ScheduleId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// When it fires.
    pub timing: Patch<TimingInput>,
    /// The arguments of its jobs, as JSON.
    pub args: Patch<String>,
    /// The queue of its jobs.
    pub queue: Patch<String>,
    /// The priority of its jobs.
    pub priority: Patch<i64>,
    /// The name of the policy for missed times.
    pub misfire: Patch<String>,
    /// The name of the policy for jobs that have not ended.
    pub overlap: Patch<String>,
}

use_case_error! {
    /// Why the schedule was not changed.
    ChangeScheduleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
    }
}

/// Changes schedules. A change that alters no value keeps the version.
pub struct ChangeSchedule {
    kinds: JobKinds,
}

impl ChangeSchedule {
    /// Checks the arguments of jobs of these kinds.
    #[must_use]
    pub fn new(kinds: JobKinds) -> Self {
        Self { kinds }
    }
}

/// A checked change.
pub struct ChangeSchedulePlan {
    schedule_id: ScheduleId,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the schedule.
    change: Result<ScheduleChange, Invalid>,
}

impl Command for ChangeSchedule {
    type Unit = dyn JobsTx;
    type Input = ChangeScheduleCommand;
    type Plan = ChangeSchedulePlan;
    type Target = Schedule;
    type Answer = Schedule;
    type Error = ChangeScheduleError;

    const NAME: &'static str = "jobs.change_schedule";
    const ACTION: Action = actions::MANAGE_SCHEDULE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let (schedule_id, precondition) = (input.schedule_id, input.precondition.clone());
        call.contend([schedule_id.uuid()]);
        Ok(ChangeSchedulePlan { schedule_id, precondition, change: checked(input, call.now) })
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
        plan.precondition.require(schedule.version)?;
        let (now, change) = (schedule.now(), plan.change.clone()?);
        self.check(&schedule, &change, now)?;
        if schedule.change(change, now) {
            schedule.version = unit.schedules().save(&schedule).await?;
            let event = ScheduleChanged::of(&schedule);
            schedule.record(unit.outbox(), &event, schedule.version, schedule.updated_at).await?;
        }
        Ok(schedule.into_target())
    }
}

impl ChangeSchedule {
    /// Checks what can be wrong only for this schedule. Values that stay the same are not judged again.
    fn check(&self, schedule: &Schedule, change: &ScheduleChange, now: Timestamp) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        if let Some(timing) = change.timing.as_ref().filter(|timing| !timing.is_like(&schedule.timing)) {
            fields::fires(&mut invalid, timing, now);
        }
        if let Some(args) = change.args.as_ref().filter(|args| **args != schedule.job.args) {
            fields::readable(&mut invalid, &self.kinds, &schedule.job.kind, args);
        }
        invalid.finish(())
    }
}

fn checked(input: ChangeScheduleCommand, now: Timestamp) -> Result<ScheduleChange, Invalid> {
    let mut invalid = Invalid::default();
    let timing = invalid.required("/timing", input.timing);
    let change = ScheduleChange {
        timing: timing.and_then(|timing| fields::timing(&mut invalid, timing, now)),
        args: or_usual(input.args, Default::default, |args| fields::args(&mut invalid, args)),
        queue: or_usual(input.queue, Default::default, |name| fields::queue(&mut invalid, &name)),
        priority: or_usual(input.priority, Default::default, |number| fields::priority(&mut invalid, number)),
        misfire: or_usual(input.misfire, Default::default, |name| fields::misfire(&mut invalid, &name)),
        overlap: or_usual(input.overlap, Default::default, |name| fields::overlap(&mut invalid, &name)),
    };
    invalid.finish(change)
}

/// The new value of a field; a field that is cleared gets its usual value.
fn or_usual<I, V>(field: Patch<I>, usual: impl FnOnce() -> V, parse: impl FnOnce(I) -> Option<V>) -> Option<V> {
    match field {
        Patch::Keep => None,
        Patch::Clear => Some(usual()),
        Patch::Set(value) => parse(value),
    }
}
