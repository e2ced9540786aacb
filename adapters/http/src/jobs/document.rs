//! Examples of the bodies of jobs and queues, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas};
use serde_json::json;
use skep_application::Policies;
use skep_domain::jobs::JobState;

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
            "name": "default", "updated_at": EXAMPLE_TIME, "jobs": jobs,
            "links": { "self": "/api/v1/queues/default" },
        }),
    );
    schemas.example("QueueJobs", jobs);
}
