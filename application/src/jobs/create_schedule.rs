//! Creating a schedule.

use super::{
    JobKinds, JobsTx, ScheduleNameTaken, SchedulePolicy, TimingInput, TooManySchedules, constraints::SCHEDULE_NAME,
    schedule_fields as fields,
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    jobs::{NewSchedule, Priority, QueueName, Schedule, ScheduleId, ScheduledJob, actions, events::ScheduleCreated},
    shared::Action,
};

/// A schedule to create, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateScheduleCommand {
    /// The name, unique.
    pub name: String,
    /// When it fires.
    pub timing: TimingInput,
    /// The kind of its jobs.
    pub kind: String,
    /// The arguments of its jobs, as JSON.
    pub args: String,
    /// The queue of its jobs; `None` is the default queue.
    pub queue: Option<String>,
    /// The priority of its jobs; `None` is the usual one.
    pub priority: Option<i64>,
    /// The name of the policy for missed times; `None` is the usual one.
    pub misfire: Option<String>,
    /// The name of the policy for jobs that have not ended; `None` is the usual one.
    pub overlap: Option<String>,
}

use_case_error! {
    /// Why no schedule was created.
    CreateScheduleError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        ScheduleNameTaken(ScheduleNameTaken),
        TooManySchedules(TooManySchedules),
    }
}

/// Creates schedules of jobs whose kind this program knows, up to the limit of the policy. Callers that create schedules
/// at the same time may exceed it by a few.
pub struct CreateSchedule {
    kinds: JobKinds,
    policy: SchedulePolicy,
}

impl CreateSchedule {
    /// Creates schedules of these kinds of jobs.
    #[must_use]
    pub fn new(kinds: JobKinds, policy: SchedulePolicy) -> Self {
        Self { kinds, policy }
    }
}

impl Command for CreateSchedule {
    type Unit = dyn JobsTx;
    type Input = CreateScheduleCommand;
    type Plan = Schedule;
    type Target = ();
    type Answer = Schedule;
    type Error = CreateScheduleError;

    const NAME: &'static str = "jobs.create_schedule";
    const ACTION: Action = actions::MANAGE_SCHEDULE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let CreateScheduleCommand { name, timing, kind, args, queue, priority, misfire, overlap } = input;
        let mut invalid = Invalid::default();
        let name = fields::name(&mut invalid, &name);
        let timing = fields::timing(&mut invalid, timing, call.now);
        if let Some(timing) = &timing {
            fields::fires(&mut invalid, timing, call.now);
        }
        let kind = fields::kind(&mut invalid, &self.kinds, &kind);
        let args = fields::args(&mut invalid, args);
        if let (Some((kind, _)), Some(args)) = (&kind, &args) {
            fields::readable(&mut invalid, &self.kinds, kind, args);
        }
        let queue = queue.map_or_else(|| Some(QueueName::default()), |name| fields::queue(&mut invalid, &name));
        let priority = priority.map_or_else(|| Some(Priority::default()), |one| fields::priority(&mut invalid, one));
        let misfire = misfire.map_or_else(|| Some(Default::default()), |name| fields::misfire(&mut invalid, &name));
        let overlap = overlap.map_or_else(|| Some(Default::default()), |name| fields::overlap(&mut invalid, &name));
        let valid = invalid.finish((name, timing, kind, args, queue, priority, misfire, overlap))?;
        let (
            Some(name),
            Some(timing),
            Some(kind),
            Some(args),
            Some(queue),
            Some(priority),
            Some(misfire),
            Some(overlap),
        ) = valid
        else {
            unreachable!("a value that is missing was recorded as invalid")
        };
        let (kind, max_attempts) = kind;
        let job = ScheduledJob { kind, queue, args, priority, max_attempts };
        let new = NewSchedule { name, timing, job, misfire, overlap };
        Ok(Schedule::create(ScheduleId::new(call.new_id()), new, call.now))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        schedule: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<Schedule, Self::Error> {
        let most = self.policy.most;
        if unit.schedules().count(most).await? >= u64::from(most) {
            return Err(TooManySchedules.into());
        }
        let inserted = unit.schedules().insert(schedule).await;
        inserted.map_err(SCHEDULE_NAME.refused::<Self::Error>(ScheduleNameTaken))?;
        let event = ScheduleCreated::of(schedule);
        authorized.record(unit.outbox(), &event, schedule.version, schedule.created_at).await?;
        Ok(schedule.clone())
    }
}
