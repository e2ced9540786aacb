//! The bodies of schedules.

use crate::parts::{Id, SelfLink, patch, path_of};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_application::{
    jobs::{ChangeScheduleCommand, CreateScheduleCommand, TimingInput, as_json},
    kernel::Precondition,
};
use skep_domain::jobs::{JobId, Schedule, ScheduleId, Timing};

/// The path of the schedules.
pub(super) const SCHEDULES: &str = "/api/v1/schedules";

/// When a schedule fires: exactly one of `cron`, `every_seconds` and `at`.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScheduleTimingRequest {
    /// A cron line of five fields (minute, hour, day of the month, month, day of the week), or a nickname such as
    /// `@daily`.
    #[oai(nullable)]
    cron: Option<String>,
    /// The time zone of the cron line, by its name in the IANA database. UTC if it is absent or `null`.
    #[oai(nullable)]
    time_zone: Option<String>,
    /// The number of seconds between two fire times. The first one is so long after the request.
    #[oai(nullable)]
    every_seconds: Option<i64>,
    /// The only fire time (RFC 3339), in the future.
    #[oai(nullable)]
    at: Option<String>,
}

impl From<ScheduleTimingRequest> for TimingInput {
    fn from(ScheduleTimingRequest { cron, time_zone, every_seconds, at }: ScheduleTimingRequest) -> Self {
        Self { cron, time_zone, every_seconds, at }
    }
}

/// A new schedule.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateScheduleRequest {
    /// The name, unique: lowercase letters, digits, `_`, `-` and `.`.
    name: String,
    /// When it fires.
    timing: ScheduleTimingRequest,
    /// The kind of its jobs. The server must have a handler for it.
    kind: String,
    /// The arguments of its jobs, any JSON value that the handler can read, at most 64 KiB. `null` if it is absent.
    #[serde(default)]
    args: Option<Value>,
    /// The name of the queue of its jobs: `default` if it is absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    queue: Option<String>,
    /// The order of jobs that wait in a queue, 1 first and 4 last: 2 if it is absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    priority: Option<i64>,
    /// What happens to fire times that came more than a minute ago, because the server did not run: `skip` (they make no
    /// job), `fire_once` (all together make one job, the default), or `fire_all` (each makes a job, the earliest 100).
    #[oai(nullable)]
    #[serde(default)]
    misfire: Option<String>,
    /// What happens if the last job has not ended at a fire time: `allow` (another job is made, the default), `skip` (no
    /// job is made), or `cancel_previous` (the last job is cancelled).
    #[oai(nullable)]
    #[serde(default)]
    overlap: Option<String>,
}

impl From<CreateScheduleRequest> for CreateScheduleCommand {
    fn from(request: CreateScheduleRequest) -> Self {
        let CreateScheduleRequest { name, timing, kind, args, queue, priority, misfire, overlap } = request;
        let args = args.unwrap_or_default().to_string();
        Self { name, timing: timing.into(), kind, args, queue, priority, misfire, overlap }
    }
}

/// A change of a schedule. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangeScheduleRequest {
    /// When it fires. The timing is replaced as a whole.
    timing: MaybeUndefined<ScheduleTimingRequest>,
    /// The arguments of its jobs, any JSON value that the handler can read, at most 64 KiB.
    args: MaybeUndefined<Value>,
    /// The name of the queue of its jobs. `null` is `default`.
    queue: MaybeUndefined<String>,
    /// The order of jobs that wait in a queue, 1 first and 4 last. `null` is 2.
    priority: MaybeUndefined<i64>,
    /// What happens to fire times that were missed. `null` is `fire_once`.
    misfire: MaybeUndefined<String>,
    /// What happens if the last job has not ended at a fire time. `null` is `allow`.
    overlap: MaybeUndefined<String>,
}

impl ChangeScheduleRequest {
    pub(super) fn command(self, schedule_id: ScheduleId, precondition: Precondition) -> ChangeScheduleCommand {
        ChangeScheduleCommand {
            schedule_id,
            precondition,
            timing: patch(self.timing).map(Into::into),
            args: patch(self.args).map(|args| args.to_string()),
            queue: patch(self.queue),
            priority: patch(self.priority),
            misfire: patch(self.misfire),
            overlap: patch(self.overlap),
        }
    }
}

/// When a schedule fires: `cron` with `time_zone`, `every_seconds`, or `at`.
#[derive(Debug, Default, Object, Serialize)]
pub(super) struct ScheduleTiming {
    /// The cron line.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// The time zone of the cron line.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// The number of seconds between two fire times.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    every_seconds: Option<i64>,
    /// The only fire time.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl From<Timing> for ScheduleTiming {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::Cron { line, zone } => {
                let (cron, time_zone) = (Some(line.into_string()), Some(zone.into_string()));
                Self { cron, time_zone, ..Self::default() }
            }
            Timing::Every { interval, .. } => {
                Self { every_seconds: Some(interval.seconds().into()), ..Self::default() }
            }
            Timing::Once(at) => Self { at: Some(at.to_string()), ..Self::default() },
        }
    }
}

/// A schedule: it makes a job at each of its fire times.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Schedule")]
pub(super) struct ScheduleBody {
    /// The id of the schedule.
    id: Id<ScheduleId>,
    /// The name, unique.
    name: String,
    /// When it fires.
    timing: ScheduleTiming,
    /// The kind of its jobs.
    kind: String,
    /// The arguments of its jobs, any JSON value.
    args: Value,
    /// The name of the queue of its jobs.
    queue: String,
    /// The order of jobs that wait in a queue: 1 first, 4 last.
    priority: u32,
    /// The greatest number of attempts of a job.
    max_attempts: u32,
    /// What happens to fire times that were missed: `skip`, `fire_once` or `fire_all`.
    misfire: String,
    /// What happens if the last job has not ended at a fire time: `allow`, `skip` or `cancel_previous`.
    overlap: String,
    /// The time since which it makes no jobs; absent if it is not paused.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<String>,
    /// The time at which it fires next; absent if it is paused or has no further fire time.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    next_fire_at: Option<String>,
    /// The fire time of its last job; absent before the first one.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fire_at: Option<String>,
    /// The id of its last job; absent before the first one. The job may have been deleted.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_job_id: Option<Id<JobId>>,
    /// The time of creation.
    created_at: String,
    /// The time of the last change by a caller.
    updated_at: String,
    /// The path of the schedule.
    links: SelfLink,
}

impl From<Schedule> for ScheduleBody {
    fn from(schedule: Schedule) -> Self {
        let time = |at: Option<skep_domain::shared::Timestamp>| at.map(|at| at.to_string());
        Self {
            id: Id(schedule.id),
            name: schedule.name.into_string(),
            timing: schedule.timing.into(),
            kind: schedule.job.kind.into_string(),
            args: as_json(schedule.job.args.as_str()),
            queue: schedule.job.queue.into_string(),
            priority: schedule.job.priority.get().into(),
            max_attempts: schedule.job.max_attempts,
            misfire: schedule.misfire.name().to_owned(),
            overlap: schedule.overlap.name().to_owned(),
            paused_at: time(schedule.paused_at),
            next_fire_at: time(schedule.next_fire_at),
            last_fire_at: time(schedule.last_fire_at),
            last_job_id: schedule.last_job_id.map(Id),
            created_at: schedule.created_at.to_string(),
            updated_at: schedule.updated_at.to_string(),
            links: SelfLink::to(path_of(SCHEDULES, schedule.id, "")),
        }
    }
}
