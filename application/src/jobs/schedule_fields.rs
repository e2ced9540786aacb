//! The fields of a schedule, as callers give them.

use super::{JobKinds, UnknownKind};
use crate::kernel::{Invalid, refusal};
use skep_domain::{
    jobs::{
        CronLine, Interval, JobArgs, JobKind, MisfirePolicy, OverlapPolicy, Priority, QueueName, ScheduleName,
        TimeZone, Timing,
    },
    shared::Timestamp,
};

refusal! {
    /// Another schedule has this name.
    ScheduleNameTaken = Conflict, "schedule_name_taken";
}

refusal! {
    /// There are as many schedules as are allowed; delete one first.
    TooManySchedules = Conflict, "too_many_schedules";
}

/// When a schedule fires, not yet checked: exactly one of a cron line, an interval and a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct TimingInput {
    /// The cron line.
    pub cron: Option<String>,
    /// The time zone of the cron line; `None` is UTC.
    pub time_zone: Option<String>,
    /// The interval in seconds.
    pub every_seconds: Option<i64>,
    /// The time, as RFC 3339.
    pub at: Option<String>,
}

/// Parses a name, or adds an error to `invalid`.
pub(super) fn name(invalid: &mut Invalid, text: &str) -> Option<ScheduleName> {
    invalid.check("/name", "invalid_name", ScheduleName::parse(text))
}

/// Parses a kind that has a handler, and returns it with the attempts of its jobs, or adds an error to `invalid`.
pub(super) fn kind(invalid: &mut Invalid, kinds: &JobKinds, text: &str) -> Option<(JobKind, u32)> {
    let kind = JobKind::parse(text).map_err(|_| UnknownKind);
    let known = kind.and_then(|kind| kinds.attempts(&kind).map(|attempts| (kind, attempts)));
    invalid.check("/kind", "unknown_job_kind", known)
}

/// Takes arguments, or adds an error to `invalid`.
pub(super) fn args(invalid: &mut Invalid, text: String) -> Option<JobArgs> {
    invalid.check("/args", "too_long", JobArgs::parse(text))
}

/// Checks that the handler can read the arguments, or adds an error to `invalid`.
pub(super) fn readable(invalid: &mut Invalid, kinds: &JobKinds, kind: &JobKind, args: &JobArgs) {
    invalid.check("/args", "invalid_args", kinds.check_args(kind, args));
}

/// Parses the name of a queue, or adds an error to `invalid`.
pub(super) fn queue(invalid: &mut Invalid, text: &str) -> Option<QueueName> {
    invalid.check("/queue", "invalid_name", QueueName::parse(text))
}

/// Parses a priority, or adds an error to `invalid`.
pub(super) fn priority(invalid: &mut Invalid, number: i64) -> Option<Priority> {
    let range = || format!("must be {} to {}", Priority::FIRST.get(), Priority::LAST.get());
    invalid.check("/priority", "out_of_range", Priority::new(number).ok_or_else(range))
}

/// Parses a policy for missed times, or adds an error to `invalid`.
pub(super) fn misfire(invalid: &mut Invalid, name: &str) -> Option<MisfirePolicy> {
    let unknown = || format!("must be one of {}", MisfirePolicy::NAMES.join(", "));
    invalid.check("/misfire", "invalid_value", MisfirePolicy::from_name(name).ok_or_else(unknown))
}

/// Parses a policy for jobs that have not ended, or adds an error to `invalid`.
pub(super) fn overlap(invalid: &mut Invalid, name: &str) -> Option<OverlapPolicy> {
    let unknown = || format!("must be one of {}", OverlapPolicy::NAMES.join(", "));
    invalid.check("/overlap", "invalid_value", OverlapPolicy::from_name(name).ok_or_else(unknown))
}

/// Parses a timing, or adds an error to `invalid`. Intervals are counted from `now`.
pub(super) fn timing(invalid: &mut Invalid, input: TimingInput, now: Timestamp) -> Option<Timing> {
    match input {
        TimingInput { cron: Some(line), time_zone, every_seconds: None, at: None } => {
            let line = invalid.check("/timing/cron", "invalid_cron", CronLine::parse(&line));
            let zone = time_zone.map_or_else(|| Ok(TimeZone::default()), |name| TimeZone::parse(&name));
            let zone = invalid.check("/timing/time_zone", "unknown_time_zone", zone);
            Some(Timing::Cron { line: line?, zone: zone? })
        }
        TimingInput { cron: None, time_zone: None, every_seconds: Some(seconds), at: None } => {
            let interval = invalid.check("/timing/every_seconds", "out_of_range", Interval::of_seconds(seconds));
            Some(Timing::Every { interval: interval?, from: now })
        }
        TimingInput { cron: None, time_zone: None, every_seconds: None, at: Some(at) } => {
            invalid.check("/timing/at", "invalid_time", at.parse()).map(Timing::Once)
        }
        _ => {
            let rule = "must have exactly one of cron, every_seconds and at; only cron can have a time_zone";
            invalid.check("/timing", "invalid_timing", Err(rule))
        }
    }
}

/// Checks that the schedule will fire, or adds an error to `invalid`.
pub(super) fn fires(invalid: &mut Invalid, timing: &Timing, now: Timestamp) {
    let next = timing.next_after(now);
    match timing {
        Timing::Once(_) => {
            invalid.check("/timing/at", "never_fires", next.ok_or("must be in the future"));
        }
        Timing::Cron { .. } => {
            invalid.check("/timing/cron", "never_fires", next.ok_or("there is no day on which this line fires"));
        }
        Timing::Every { .. } => {
            invalid.check("/timing/every_seconds", "never_fires", next.ok_or("is too long"));
        }
    }
}
