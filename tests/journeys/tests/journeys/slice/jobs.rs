//! Jobs and queues. The jobs of the program are its sweeps: each start asks for one.

use super::{Context, Thing};
use crate::{
    Journey, Needs,
    shop::{Shop, all, id_of, pages},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Deployment, Store, wait_for};

const JOBS: &str = "/api/v1/jobs";
const QUEUES: &str = "/api/v1/queues";
const QUEUE: &str = "/api/v1/queues/default";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::jobs", a_job_is_cancelled_and_run_again),
        Journey::new("slice::jobs_by_strangers", invalid_and_forbidden_calls_are_refused),
        Journey::new("slice::limits_of_jobs", waiting_jobs_and_running_ones_are_limited),
        Journey::new("slice::jobs_at_the_command_line", the_command_line_does_the_same),
        Journey::new("slice::workers_without_http", a_worker_runs_what_a_server_does_not).needing(Needs::Server),
    ],
    things: &[
        Thing {
            collection: JOBS,
            parts: &[],
            is_busy: true,
            make: |shop, _, _| id_of(&job_in(&shop.admin, "completed")).to_owned(),
        },
        Thing { collection: QUEUES, parts: &[], is_busy: true, make: |shop, _, _| name_of_queue(&shop.admin) },
    ],
    unique: &[],
    bodies: &[("change_queue", |_| json!({ "concurrency": 4 }))],
};

/// Waits for a job in this state.
#[track_caller]
fn job_in(admin: &Client, state: &str) -> Value {
    let list = format!("{JOBS}?state={state}&queue=default&kind=operations.sweep");
    wait_for(&format!("a job that is {state}"), || all(admin, &list).into_iter().next())
}

/// Waits until the workers have made their queue known.
#[track_caller]
fn name_of_queue(admin: &Client) -> String {
    let name = |queue: &Value| queue["name"].as_str().expect("a name").to_owned();
    wait_for("a queue", || all(admin, QUEUES).first().map(name))
}

fn at(id: &str) -> String {
    format!("{JOBS}/{id}")
}

/// Restarts the server while the queue is paused. The job that the start asks for then waits.
fn with_a_waiting_job(shop: Shop) -> (Shop, Client, String) {
    job_in(&shop.admin, "completed");
    name_of_queue(&shop.admin);
    shop.admin.post(format!("{QUEUE}/pause")).send().expect(200);
    let Shop { server, admin, deployment } = shop;
    server.stop();
    let server = deployment.start();
    let admin = server.known(&admin);
    let id = id_of(&job_in(&admin, "available")).to_owned();
    (Shop { server, admin: admin.clone(), deployment }, admin, id)
}

fn a_job_is_cancelled_and_run_again(store: &Store) {
    let (shop, admin, id) = with_a_waiting_job(Shop::open(store));
    let queue = admin.get(QUEUE).send().expect(200);
    assert_eq!((queue.number("/jobs/available"), queue.number("/jobs/running")), (1, 0));
    assert_eq!(queue.text("/jobs/oldest_ready_at"), admin.get(at(&id)).send().ok().text("/ready_at"));
    let paused = admin.post(format!("{QUEUE}/pause")).send().expect(200);
    assert_eq!(paused.text("/paused_at"), queue.text("/paused_at"), "it was paused already");

    let waiting = admin.get(at(&id)).send().expect(200);
    let job = waiting.json();
    assert_eq!((&job["args"], &job["failures"], &job["attempt"]), (&Value::Null, &json!([]), &json!(0)));
    assert!(job["unique_key"].is_string() && job["output"].is_null() && job["started_at"].is_null(), "{job}");
    admin.post(format!("{}/cancel", at(&id))).if_match("\"99\"").send().refused(412, "precondition_failed");
    let cancel = || admin.post(format!("{}/cancel", at(&id))).key("stop").if_match(&waiting.etag()).send().expect(200);
    let cancelled = cancel();
    assert_eq!((cancelled.text("/state"), cancelled.etag()), ("cancelled".to_owned(), "\"2\"".to_owned()));
    assert_eq!(cancel().body, cancelled.body, "the key is known");
    admin.post(format!("{}/cancel", at(&id))).send().refused(409, "job_ended");

    let retried = admin.post(format!("{}/retry", at(&id))).if_match(&cancelled.etag()).send().expect(200);
    assert_eq!((retried.text("/state"), retried.etag()), ("available".to_owned(), "\"3\"".to_owned()));
    let again = admin.post(format!("{}/retry", at(&id))).send().expect(200);
    assert_eq!(again.etag(), retried.etag(), "it is available already");

    admin.post(format!("{QUEUE}/resume")).if_match(&paused.etag()).send().expect(200);
    let done =
        wait_for("the job", || Some(admin.get(at(&id)).send().ok()).filter(|job| job.text("/state") == "completed"));
    assert!(done.json()["output"].is_object() && done.json()["finished_at"].is_string(), "{done:?}");
    admin.post(format!("{}/retry", at(&id))).send().refused(409, "job_not_retryable");
    shop.server.stop();
}

fn invalid_and_forbidden_calls_are_refused(store: &Store) {
    let (shop, admin, id) = with_a_waiting_job(Shop::open(store));
    let (visitor, ada) = (shop.server.visitor(), shop.user("ada"));
    let before = (admin.get(at(&id)).send().ok().body, admin.get(QUEUE).send().ok().body);
    for target in [JOBS, &at(&id), QUEUES, QUEUE] {
        visitor.get(target).send().refused(401, "unauthenticated");
        ada.get(target).send().refused(403, "forbidden");
    }
    for target in [&at(&id), QUEUE] {
        for change in ["cancel", "retry", "pause", "resume"] {
            let is_of_job = ["cancel", "retry"].contains(&change);
            if is_of_job == target.starts_with(JOBS) {
                ada.post(format!("{target}/{change}")).send().refused(403, "forbidden");
            }
        }
    }
    for filter in
        ["state=sleeping", "state=", "queue=A", "queue=%00", "kind=a%20b", "owner=me", "state=running&state=running"]
    {
        admin.get(format!("{JOBS}?{filter}")).send().refused(400, "invalid_parameter");
    }
    for unknown in [at("nope"), format!("{QUEUES}/nope"), format!("{QUEUES}/A")] {
        admin.get(unknown).send().refused(404, "not_found");
    }
    admin.post(format!("{QUEUES}/nope/pause")).send().refused(404, "not_found");
    admin.patch(format!("{QUEUES}/nope")).if_match("*").json(json!({})).send().refused(404, "not_found");
    ada.patch(QUEUE).if_match("*").json(json!({ "concurrency": 1 })).send().refused(403, "forbidden");
    assert!(all(&admin, &format!("{JOBS}?kind=shop.greet")).is_empty());
    let (one, other) = (format!("{JOBS}?limit=1"), format!("{JOBS}?limit=1&queue=default"));
    assert!(pages(&admin, &other).len() >= 2, "the link to the next page has the filter");
    let cursor = admin.get(one).send().ok().text("/page/next_cursor");
    admin.get(format!("{other}&cursor={cursor}")).send().refused(400, "invalid_parameter");
    assert_eq!((admin.get(at(&id)).send().ok().body, admin.get(QUEUE).send().ok().body), before, "nothing is changed");
    shop.server.stop();
}

/// No worker serves the queue of the schedule.
fn waiting_jobs_and_running_ones_are_limited(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_WAITING_JOBS_PER_USER", "2");
    let shop = Shop::open_on(deployment);
    let admin = &shop.admin;
    let schedule = json!({
        "name": "unserved", "timing": { "cron": "@yearly" }, "kind": "operations.sweep", "queue": "unserved",
    });
    let id = admin.post("/api/v1/schedules").json(schedule).send().expect(201).text("/id");
    let run = || admin.post(format!("/api/v1/schedules/{id}/run")).send();
    for _ in 0..2 {
        run().expect(200);
    }
    run().refused(409, "too_many_waiting_jobs");

    let queue = format!("{QUEUES}/unserved");
    let found = wait_for("a queue without workers", || {
        all(admin, QUEUES).into_iter().find(|queue| queue["name"] == "unserved")
    });
    assert_eq!((&found["jobs"]["available"], &found["jobs"]["running"]), (&json!(2), &json!(0)));
    assert_eq!(found["concurrency"], Value::Null);

    let change = |body: Value| admin.patch(&queue).if_match("*").json(body).send();
    let limited = change(json!({ "concurrency": 3 })).expect(200);
    assert_eq!((limited.number("/concurrency"), limited.etag()), (3, "\"2\"".to_owned()));
    assert_eq!(admin.get(&queue).send().expect(200).number("/concurrency"), 3);
    assert_eq!(change(json!({})).expect(200).etag(), limited.etag(), "nothing is different");
    let stats = shop.deployment.run(&["jobs", "stats"], "", &[]).ok();
    let row = stats.lines().find(|line| line.starts_with("unserved")).expect("the queue");
    assert_eq!(row.split_whitespace().skip(1).take(3).collect::<Vec<_>>(), ["2", "0", "3"], "{stats}");
    for wrong in [json!(0), json!(10_001)] {
        let refused = change(json!({ "concurrency": wrong })).refused(422, "validation_failed");
        refused.at("/concurrency", "out_of_range");
    }
    admin.patch(&queue).json(json!({ "concurrency": 1 })).send().refused(428, "precondition_required");
    let change = |etag: &str| admin.patch(&queue).if_match(etag).json(json!({ "concurrency": null })).send();
    change("\"1\"").refused(412, "precondition_failed");
    assert_eq!(change(&limited.etag()).expect(200).json()["concurrency"], Value::Null);
    shop.server.stop();
}

fn the_command_line_does_the_same(store: &Store) {
    let (shop, admin, id) = with_a_waiting_job(Shop::open(store));
    let jobs = |arguments: &[&str]| shop.deployment.run(&[&["jobs"], arguments].concat(), "", &[]);
    let listed = jobs(&["list", "--state", "available", "--kind", "operations.sweep", "--queue", "default"]).ok();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("id ") && lines[1].contains(&id), "{listed}");
    assert_eq!(jobs(&["list", "--limit", "1"]).ok().lines().count(), 2);
    let stats = jobs(&["stats"]).ok();
    assert!(stats.lines().any(|line| line.starts_with("default") && line.contains('1')), "{stats}");
    let shown: Value = serde_json::from_str(&jobs(&["show", &id]).ok()).expect("json");
    assert_eq!((&shown["state"], &shown["args"]), (&json!("available"), &Value::Null));
    assert!(jobs(&["cancel", &id]).ok().contains("is cancelled"));
    jobs(&["cancel", &id]).refused(&["the job has ended"]);
    assert!(jobs(&["retry", &id]).ok().contains("is available"));
    jobs(&["show", "00000000-0000-0000-0000-000000000000"]).refused(&["job"]);
    assert_eq!(admin.get(at(&id)).send().ok().etag(), "\"3\"");
    shop.server.stop();
}

/// A server with `SKEP_WORKERS=0` runs no jobs, and does not ask for sweeps either.
fn a_worker_runs_what_a_server_does_not(store: &Store) {
    let Shop { server, admin, deployment } = Shop::open(store);
    job_in(&admin, "completed");
    server.stop();
    let server = deployment.start_with(&[("SKEP_WORKERS", "0")]);
    let admin = server.known(&admin);
    let before = all(&admin, JOBS).len();
    let workers = deployment.start_workers();
    wait_for("another sweep", || {
        Some(all(&admin, &format!("{JOBS}?state=completed")).len()).filter(|now| *now > before)
    });
    assert_eq!(workers.terminate().code, Some(0));
    server.stop();
}
