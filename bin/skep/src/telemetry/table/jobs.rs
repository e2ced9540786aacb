//! Background jobs.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge, seconds};

const QUEUE: &[&str] = &["queue"];
const TASK: &[&str] = &["task"];

pub(super) const METRICS: &[Metric] = &[
    gauge("skep_jobs_running", "Jobs that this process runs, by queue.").labels(QUEUE).when(When::Counted),
    seconds(
        "skep_job_duration_seconds",
        "Time of an attempt of a job by outcome: completed, failed, snoozed (put off by its handler), handed_back (the process stops) or cancelled.",
    )
    .labels(&["kind", "outcome"])
    .when(When::Counted),
    counter("skep_jobs_rescued_total", "Jobs that this process has freed because their worker was lost."),
    gauge(
        "skep_ticket_queue_up",
        "1 while Redis gives the jobs of the queue to this process, 0 while it does not answer. Only for SKEP_REDIS_QUEUES.",
    )
    .labels(QUEUE)
    .when(When::Counted),
    gauge(
        "skep_tickets_waiting",
        "Jobs of the queue that wait in Redis. Others may wait in the store (`skep_jobs_available` has both). Only for SKEP_REDIS_QUEUES.",
    )
    .labels(QUEUE)
    .when(When::Counted),
    gauge(
        "skep_tickets_held",
        "Jobs of the queue that workers have taken from Redis and have not given back. Only for SKEP_REDIS_QUEUES.",
    )
    .labels(QUEUE)
    .when(When::Counted),
    counter("skep_tickets_taken_total", "Jobs that this process has taken from Redis. Only for SKEP_REDIS_QUEUES.")
        .labels(QUEUE)
        .when(When::Counted),
    gauge("skep_worker_task_up", "Whether a task of the workers runs: 1, or 0 between a panic and its next start.")
        .labels(TASK)
        .when(When::Counted),
    counter("skep_worker_panics_total", "Panics of tasks of the workers. After each, the task is started again.")
        .labels(TASK)
        .when(When::Counted),
    counter("skep_schedules_fired_total", "Jobs that this process has made for fire times of schedules."),
    counter(
        "skep_schedules_skipped_total",
        "Fire times for which this process has made no job: they were missed, or the last job had not ended.",
    ),
    counter(
        "skep_schedules_failed_total",
        "How often a schedule that was due could not be fired, for example because this program does not know its time zone.",
    ),
    seconds("skep_schedules_delay_seconds", "Time from a fire time until its job was stored.").when(When::Counted),
    gauge("skep_schedules", "Schedules of the store, up to 100,000. They are counted every 15 seconds.")
        .when(When::Counted),
    gauge(
        "skep_jobs_available",
        "Jobs of the store that wait for a worker, by queue. They are counted every 15 seconds, up to 10,000.",
    )
    .labels(QUEUE)
    .when(When::Counted),
    Metric::new(
        "skep_jobs_oldest_seconds",
        Kind::Gauge,
        "seconds",
        "How long the oldest of them has waited; 0 if none waits.",
    )
    .labels(QUEUE)
    .when(When::Counted),
];
