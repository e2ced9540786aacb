//! Requests of jobs and queues.

use super::{World, with};
use serde_json::json;
use skep_application::kernel::Actor;
use skep_domain::jobs::{JobArgs, JobKind, NewJob, QueueName};

pub(super) async fn ask(World { server, admin, costs, .. }: &mut World) {
    let jobs = &server.app().jobs;
    jobs.open_queues.execute(&[QueueName::default()]).await.unwrap();
    let mut ids = vec![];
    for _ in 0..2 {
        let new = NewJob::of(JobKind::parse("shop.greet").unwrap(), JobArgs::default());
        ids.push(jobs.enqueue_job.execute(&Actor::system("budgets"), new).await.unwrap().id);
    }
    let admin = with(admin, &[]);
    let get = async |path: &str| server.send("GET", path, &admin, None).await;
    let post = async |path: &str| server.send("POST", path, &admin, None).await;
    costs.add("GET /api/v1/jobs", &get("/api/v1/jobs?limit=1").await);
    costs.same("GET /api/v1/jobs", "2 rows", &get("/api/v1/jobs").await);
    costs.add("GET /api/v1/jobs, with a filter", &get("/api/v1/jobs?state=available").await);
    let path = format!("/api/v1/jobs/{}", ids[0]);
    costs.add("GET /api/v1/jobs/{id}", &get(&path).await);
    costs.add("POST /api/v1/jobs/{id}/cancel", &post(&format!("{path}/cancel")).await);
    costs.add("POST /api/v1/jobs/{id}/retry", &post(&format!("{path}/retry")).await);
    costs.add("GET /api/v1/queues", &get("/api/v1/queues").await);
    costs.add("GET /api/v1/queues/{name}", &get("/api/v1/queues/default").await);
    let changed = [&admin[..], &[("if-match", "*")]].concat();
    let limit = json!({ "concurrency": 4 });
    let limited = server.send("PATCH", "/api/v1/queues/default", &changed, Some(&limit)).await;
    costs.add("PATCH /api/v1/queues/{name}", &limited);
    costs.add("POST /api/v1/queues/{name}/pause", &post("/api/v1/queues/default/pause").await);
    costs.add("POST /api/v1/queues/{name}/resume", &post("/api/v1/queues/default/resume").await);
}
