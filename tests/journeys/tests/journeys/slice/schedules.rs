//! Schedules. The program has a handler for its sweeps, so they can be scheduled.

use super::{Context, Thing};
use crate::{
    Journey,
    scene::unique,
    shop::{Shop, all, count, pages},
};
use serde_json::{Value, json};
use skep_journeys::{Deployment, Store, wait_for};

const SCHEDULES: &str = "/api/v1/schedules";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::schedules", a_schedule_makes_jobs_until_it_is_paused),
        Journey::new("slice::schedules_by_strangers", invalid_and_forbidden_calls_are_refused),
        Journey::new("slice::schedules_are_listed", every_schedule_once_in_every_order),
        Journey::new("slice::schedules_at_the_command_line", the_command_line_does_the_same),
    ],
    things: &[Thing {
        collection: SCHEDULES,
        parts: &[],
        is_busy: false,
        make: |shop, _, _| make(shop, &body(&unique("scene"))),
    }],
    unique: &[],
    bodies: &[
        ("create_schedule", |_| body(&unique("scene"))),
        ("change_schedule", |_| json!({ "timing": { "every_seconds": 7200 } })),
    ],
};

/// A schedule that does not fire while a journey runs.
fn body(name: &str) -> Value {
    json!({
        "name": name, "timing": { "cron": "0 3 1 1 *", "time_zone": "Europe/Berlin" }, "kind": "operations.sweep",
        "overlap": "skip",
    })
}

fn make(shop: &Shop, body: &Value) -> String {
    shop.admin.post(SCHEDULES).json(body.clone()).send().expect(201).text("/id")
}

fn at(id: &str) -> String {
    format!("{SCHEDULES}/{id}")
}

fn a_schedule_makes_jobs_until_it_is_paused(store: &Store) {
    let shop = Shop::open(store);
    let admin = &shop.admin;
    let created = admin.post(SCHEDULES).key("one").json(body("yearly")).send().expect(201);
    let id = created.text("/id");
    assert_eq!((created.header("location"), created.etag().as_str()), (Some(at(&id).as_str()), "\"1\""));
    assert!(created.text("/next_fire_at").ends_with("-01-01T02:00:00.000Z"), "{created:?}");
    assert_eq!(admin.get(at(&id)).send().expect(200).body, created.body);
    assert_eq!(admin.post(SCHEDULES).key("one").json(body("yearly")).send().expect(201).body, created.body, "once");
    admin.post(SCHEDULES).json(body("yearly")).send().refused(409, "schedule_name_taken");

    let change = |etag: &str, body: Value| admin.patch(at(&id)).if_match(etag).json(body).send();
    change("\"9\"", json!({})).refused(412, "precondition_failed");
    let changed = change("\"1\"", json!({ "timing": { "every_seconds": 1 }, "overlap": "allow" })).expect(200);
    assert_eq!(changed.json()["timing"], json!({ "every_seconds": 1 }));
    let fired = wait_for("the schedule to fire twice", || {
        let schedule = admin.get(at(&id)).send().expect(200);
        Some(schedule).filter(|schedule| schedule.etag().trim_matches('"').parse::<u32>().is_ok_and(|etag| etag > 3))
    });
    let job = admin.get(format!("/api/v1/jobs/{}", fired.text("/last_job_id"))).send().expect(200);
    assert_eq!(job.text("/request_id"), "schedule yearly");
    assert!(job.text("/unique_key").ends_with(&fired.text("/last_fire_at")), "{job:?}");

    let paused = admin.post(format!("{}/pause", at(&id))).send().expect(200);
    assert_eq!(paused.json()["next_fire_at"], Value::Null);
    let again = admin.post(format!("{}/pause", at(&id))).send().expect(200);
    assert_eq!((&again.body, again.etag()), (&paused.body, paused.etag()), "it fires no more");
    let run = || admin.post(format!("{}/run", at(&id))).key("now").send().expect(200);
    let ran = run();
    assert_ne!(ran.text("/last_job_id"), paused.text("/last_job_id"));
    assert_eq!(run().body, ran.body, "the key is known");
    let resumed = admin.post(format!("{}/resume", at(&id))).if_match(&ran.etag()).send().expect(200);
    assert!(resumed.text("/next_fire_at") > paused.text("/paused_at"));

    admin.delete(at(&id)).if_match("\"1\"").send().refused(412, "precondition_failed");
    admin.delete(at(&id)).key("gone").send().expect(204);
    admin.delete(at(&id)).key("gone").send().expect(204);
    admin.get(at(&id)).send().refused(404, "not_found");
    assert_eq!(count(admin, SCHEDULES), 0);
    shop.server.stop();
}

fn invalid_and_forbidden_calls_are_refused(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_SCHEDULES", "1");
    let shop = Shop::open_on(deployment);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let wrong = |field: &str, value: Value| {
        let mut body = body("wrong");
        body[field] = value;
        admin.post(SCHEDULES).json(body).send().refused(422, "validation_failed")
    };
    wrong("name", json!("A b")).at("/name", "invalid_name");
    wrong("kind", json!("shop.unknown")).at("/kind", "unknown_job_kind");
    wrong("args", json!({ "a": 1 })).at("/args", "invalid_args");
    wrong("priority", json!(0)).at("/priority", "out_of_range");
    wrong("misfire", json!("panic")).at("/misfire", "invalid_value");
    wrong("timing", json!({})).at("/timing", "invalid_timing");
    wrong("timing", json!({ "cron": "* * * *" })).at("/timing/cron", "invalid_cron");
    wrong("timing", json!({ "cron": "0 0 31 2 *" })).at("/timing/cron", "never_fires");
    wrong("timing", json!({ "cron": "@daily", "time_zone": "Mars" })).at("/timing/time_zone", "unknown_time_zone");
    wrong("timing", json!({ "at": "2001-01-01T00:00:00Z" })).at("/timing/at", "never_fires");

    let id = make(&shop, &body("only"));
    admin.post(SCHEDULES).json(body("another")).send().refused(409, "too_many_schedules");
    let before = admin.get(at(&id)).send().expect(200).body;
    for path in [SCHEDULES.to_owned(), at(&id)] {
        visitor.get(&path).send().refused(401, "unauthenticated");
        ada.get(&path).send().refused(403, "forbidden");
    }
    ada.post(SCHEDULES).json(body("hers")).send().refused(403, "forbidden");
    ada.patch(at(&id)).if_match("*").json(json!({})).send().refused(403, "forbidden");
    ada.delete(at(&id)).send().refused(403, "forbidden");
    for change in ["run", "pause", "resume"] {
        ada.post(format!("{}/{change}", at(&id))).send().refused(403, "forbidden");
        admin.post(format!("{}/{change}", at("nope"))).send().refused(404, "not_found");
    }
    admin.patch(at(&id)).json(json!({})).send().refused(428, "precondition_required");
    admin.get(format!("{SCHEDULES}?kind=A")).send().refused(400, "invalid_parameter");
    assert_eq!(admin.get(at(&id)).send().expect(200).body, before, "nothing is changed");
    shop.server.stop();
}

fn every_schedule_once_in_every_order(store: &Store) {
    let shop = Shop::open(store);
    let mut names: Vec<_> = (0..5).map(|number| format!("schedule-{}", (number * 3) % 5)).collect();
    for name in &names {
        make(&shop, &body(name));
    }
    let listed = |query: &str| -> Vec<String> {
        let page = format!("{SCHEDULES}?limit=2&kind=operations.sweep&{query}");
        assert_eq!(pages(&shop.admin, &page).len(), 3);
        all(&shop.admin, &page)
            .iter()
            .map(|schedule| schedule["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(listed("sort=created_at"), names);
    names.sort_unstable();
    assert_eq!(listed("sort=name"), names);
    names.reverse();
    assert_eq!(listed("sort=-name"), names);
    assert!(all(&shop.admin, &format!("{SCHEDULES}?kind=shop.greet")).is_empty());
    shop.server.stop();
}

fn the_command_line_does_the_same(store: &Store) {
    let shop = Shop::open(store);
    let id = make(&shop, &body("yearly"));
    let schedules = |arguments: &[&str]| shop.deployment.run(&[&["schedules"], arguments].concat(), "", &[]);
    let listed = schedules(&["list", "--kind", "operations.sweep"]).ok();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("id ") && lines[1].contains(&id), "{listed}");
    assert!(schedules(&["run", &id]).ok().contains("yearly has made the job"));
    assert!(schedules(&["pause", &id]).ok().contains("yearly is paused"));
    assert!(schedules(&["resume", &id]).ok().contains("yearly fires next at"));
    schedules(&["pause", "00000000-0000-0000-0000-000000000000"]).refused(&["schedule"]);
    let schedule = shop.admin.get(at(&id)).send().expect(200);
    assert_eq!(schedule.etag(), "\"4\"");
    assert!(schedule.json()["last_job_id"].is_string());
    shop.server.stop();
}
