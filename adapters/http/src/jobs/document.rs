//! Examples of the bodies of jobs, queues and schedules, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas};
use serde_json::json;
use skep_application::Policies;
use skep_domain::jobs::{Concurrency, CronLine, Interval, JobKind, JobState, MisfirePolicy, OverlapPolicy, Priority};

pub(super) fn complete(schemas: &mut Schemas<'_>, _: &Policies) {
    schemas.values("Job", "state", JobState::ALL.iter().map(|state| state.name()));
    let id = "019a9d3c-5a00-7000-8000-000000000005";
    let failure = json!({ "attempt": 1, "failed_at": EXAMPLE_TIME, "message": "the mail server does not answer" });
    let progress = json!({ "percent": 40, "message": "2 of 5 mails", "checkpoint": { "sent": 2 } });
    schemas.example(
        "Job",
        json!({
            "id": id, "kind": "shop.send_mails", "queue": "default", "priority": 2, "state": "retryable",
            "ready_at": EXAMPLE_TIME, "attempt": 1, "max_attempts": 10, "created_at": EXAMPLE_TIME,
            "started_at": EXAMPLE_TIME, "args": { "template": "welcome" }, "progress": progress,
            "failures": [failure], "request_id": "019a9d3c-5a00-7000-8000-000000000006",
            "links": { "self": format!("/api/v1/jobs/{id}") },
        }),
    );
    schemas.example("JobProgress", progress);
    schemas.example("JobFailure", failure);
    let jobs = json!({ "available": 3, "oldest_ready_at": EXAMPLE_TIME, "running": 10 });
    schemas.example(
        "Queue",
        json!({
            "name": "default", "concurrency": 4, "updated_at": EXAMPLE_TIME, "jobs": jobs,
            "links": { "self": "/api/v1/queues/default" },
        }),
    );
    schemas.example("QueueJobs", jobs);
    let range = json!({ "minimum": Concurrency::MIN, "maximum": Concurrency::MAX, "nullable": true });
    schemas.limit(&["ChangeQueueRequest"], "concurrency", &range);
    schemas.example("ChangeQueueRequest", json!({ "concurrency": 4 }));
    schedules(schemas);
}

fn schedules(schemas: &mut Schemas<'_>) {
    let (create, change) = ("CreateScheduleRequest", "ChangeScheduleRequest");
    let name = json!({ "minLength": 1, "maxLength": JobKind::MAX, "pattern": JobKind::PATTERN });
    for field in ["name", "kind"] {
        schemas.limit(&[create], field, &name);
    }
    schemas.limit(&[create, change], "queue", &name);
    let range = json!({ "minimum": Priority::FIRST.get(), "maximum": Priority::LAST.get() });
    schemas.limit(&[create, change], "priority", &range);
    for schema in [create, change, "Schedule"] {
        schemas.values(schema, "misfire", MisfirePolicy::NAMES.iter().copied());
        schemas.values(schema, "overlap", OverlapPolicy::NAMES.iter().copied());
    }
    for field in ["args", "queue", "priority", "misfire", "overlap"] {
        schemas.limit(&[change], field, &json!({ "nullable": true }));
    }
    let timing = "ScheduleTimingRequest";
    schemas.limit(&[timing], "cron", &json!({ "minLength": 1, "maxLength": CronLine::MAX }));
    schemas.limit(&[timing], "every_seconds", &json!({ "minimum": Interval::MIN, "maximum": Interval::MAX }));
    let daily = json!({ "cron": "30 4 * * MON-FRI", "time_zone": "Europe/Berlin" });
    schemas.example(timing, daily.clone());
    schemas.example("ScheduleTiming", daily.clone());
    schemas.example(
        create,
        json!({
            "name": "nightly-report", "timing": daily, "kind": "shop.send_report", "args": { "days": 1 },
            "misfire": "fire_once", "overlap": "skip",
        }),
    );
    schemas.example(change, json!({ "timing": { "every_seconds": 3600 }, "queue": null }));
    let id = "019a9d3c-5a00-7000-8000-000000000007";
    schemas.example(
        "Schedule",
        json!({
            "id": id, "name": "nightly-report", "timing": daily, "kind": "shop.send_report", "args": { "days": 1 },
            "queue": "default", "priority": 2, "max_attempts": 10, "misfire": "fire_once", "overlap": "skip",
            "next_fire_at": EXAMPLE_TIME, "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
            "links": { "self": format!("/api/v1/schedules/{id}") },
        }),
    );
}
