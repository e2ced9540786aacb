//! The settings of jobs.

use super::ContextSettings;
use crate::config::{
    parse::number,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{
    Policies,
    jobs::{JobPolicy, LeasePolicy, SchedulePolicy},
};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;
const DAYS: &str = "days from 1 to 3650";

pub(super) const JOBS: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_WORKERS", "jobs.workers", Shape::Number)
        .default("10")
        .form("a number from 0 to 1000", "10")
        .doc("How many background jobs this process runs at a time, half as many that send mails, and one that makes an export of an account. With 0 it runs none, and another process of the same store must run them (`skep serve` or `skep worker`): the sweeps that end unpaid orders and delete what has expired are jobs, and mails are sent by jobs."),
    Setting::new("SKEP_LEASE_SECONDS", "jobs.lease_seconds", Shape::Number)
        .default("30")
        .form("seconds from 1 to 3600", "30")
        .doc("After how long without a sign of life a process counts as lost, so that others take over the jobs and the subscriptions that it holds. The delivery of an event may take a third of this time, and at most 10 seconds. With less than 30 seconds, all processes of a deployment must have the same value, and a process that a busy machine or store holds up is easily taken for lost: its jobs run again, and a job that was lost three times in succession is discarded."),
    Setting::new("SKEP_JOB_DAYS", "jobs.job_days", Shape::Number)
        .default("1")
        .form(DAYS, "1")
        .doc("How long completed and cancelled jobs are kept."),
    Setting::new("SKEP_DEAD_JOB_DAYS", "jobs.dead_job_days", Shape::Number)
        .default("30")
        .form(DAYS, "30")
        .doc("How long discarded jobs are kept: those that have failed and are not tried again. Until then they can be retried."),
    Setting::new("SKEP_WAITING_JOBS_PER_USER", "jobs.waiting_per_user", Shape::Number)
        .default("1000")
        .form("a number from 1 to 1000000", "1000")
        .doc("How many jobs of one kind may wait for one user. A request that would store another one is refused. An order makes no mail while so many mails wait for its customer. Requests at the same time may exceed it by a few."),
    Setting::new("SKEP_SCHEDULES", "jobs.schedules", Shape::Number)
        .default("1000")
        .form("a number from 0 to 100000", "1000")
        .doc("How many schedules of jobs there may be, also of those that are paused or done. Callers that create schedules at the same time may exceed it by a few."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.jobs = JobPolicy {
        ended: source.required("SKEP_JOB_DAYS", read_days),
        discarded: source.required("SKEP_DEAD_JOB_DAYS", read_days),
        waiting_per_user: source
            .required("SKEP_WAITING_JOBS_PER_USER", |text| u32::try_from(number(text, 1, 1_000_000)?).ok()),
    };
    let seconds = |text: &str| number(text, 1, 3_600).map(Duration::from_secs);
    policies.leases = LeasePolicy { term: source.required("SKEP_LEASE_SECONDS", seconds) };
    let most = |text: &str| u32::try_from(number(text, 0, 100_000)?).ok();
    policies.schedules = SchedulePolicy { most: source.required("SKEP_SCHEDULES", most) };
}

fn read_days(text: &str) -> Option<Duration> {
    number(text, 1, 3_650).map(|days| Duration::from_secs(days * DAY))
}

/// Reads how many jobs run at a time.
pub(crate) fn workers(source: &mut Source) -> usize {
    source.required("SKEP_WORKERS", |text| usize::try_from(number(text, 0, 1_000)?).ok())
}
