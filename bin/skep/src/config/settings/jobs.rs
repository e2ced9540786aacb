//! The settings of jobs.

use super::ContextSettings;
use crate::config::{
    parse::{list, number},
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{
    Policies,
    jobs::{JobPolicy, LeasePolicy, SchedulePolicy, TicketPolicy},
};
use skep_domain::jobs::QueueName;
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;
/// How many queues may be in Redis.
const MOST_QUEUES: usize = 16;
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
    Setting::new("SKEP_REDIS_QUEUES", "jobs.redis_queues", Shape::List)
        .form("names of queues", "default,mails")
        .doc("The queues whose jobs workers take from the Redis of REDIS_URL instead of claiming them in the store. All processes of a deployment must have the same value. Jobs stay in the store, so nothing is lost with Redis; `docs/guides/background-work.md` says what this gains and what it costs."),
    Setting::new("SKEP_REDIS_QUEUE_JOBS", "jobs.redis_queue_jobs", Shape::Number)
        .default("1000")
        .form("a number from 100 to 5000", "1000")
        .doc("How many jobs of each such queue wait in Redis at most. The others wait in the store."),
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
    policies.tickets = tickets(source);
    let most = |text: &str| u32::try_from(number(text, 0, 100_000)?).ok();
    policies.schedules = SchedulePolicy { most: source.required("SKEP_SCHEDULES", most) };
}

fn tickets(source: &mut Source) -> TicketPolicy {
    const NAME: &str = "SKEP_REDIS_QUEUES";
    let mut queues: Vec<QueueName> = source.required(NAME, |text| list(text, |item| QueueName::parse(item).ok()));
    queues.sort();
    queues.dedup();
    if queues.len() > MOST_QUEUES {
        source.fault(NAME, format!("names {} queues; {MOST_QUEUES} are allowed", queues.len()));
    }
    if !queues.is_empty() && !source.is_set("REDIS_URL") {
        source.fault(NAME, "names queues, but REDIS_URL is not set");
    }
    let most = |text: &str| u32::try_from(number(text, 100, 5_000)?).ok();
    TicketPolicy { queues: queues.into(), most: source.required("SKEP_REDIS_QUEUE_JOBS", most) }
}

fn read_days(text: &str) -> Option<Duration> {
    number(text, 1, 3_650).map(|days| Duration::from_secs(days * DAY))
}

/// Reads how many jobs run at a time.
pub(crate) fn workers(source: &mut Source) -> usize {
    source.required("SKEP_WORKERS", |text| usize::try_from(number(text, 0, 1_000)?).ok())
}
