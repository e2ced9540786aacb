//! Several processes with workers on one store: each job, event and fire time has one of them, and the work of a process
//! that is lost goes on in another one.

use crate::{
    Journey, Needs,
    shop::{ORDERS, Shop, all, basket, id_of},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Deployment, MailServer, Server, Store, wait_for};
use std::collections::BTreeSet;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("workers::two", |store| work_is_shared(store, 2)).needing(Needs::Server),
    Journey::new("workers::four", |store| work_is_shared(store, 4)).needing(Needs::Server),
    Journey::new("workers::one_is_killed", its_jobs_run_again).needing(Needs::Server),
    Journey::new("workers::one_is_stopped", what_it_stores_too_late_is_refused).needing(Needs::Server),
];

const JOBS: &str = "/api/v1/jobs";
pub(crate) const SCHEDULES: &str = "/api/v1/schedules";
const SUBSCRIBERS: &str = "/api/v1/events/subscribers";

/// A shop whose server runs no jobs. A lost process is noticed soon, and mails go to this server.
#[track_caller]
fn open(store: &Store, mails: &MailServer) -> Shop {
    open_with(store, mails, &[])
}

/// The same with these settings.
#[track_caller]
pub(crate) fn open_with(store: &Store, mails: &MailServer, settings: &[(&str, String)]) -> Shop {
    // A process may be killed or stopped within a unit of work.
    store.end_abandoned_soon();
    let mut deployment = Deployment::new(store);
    mails.serve(&mut deployment);
    deployment.set("SKEP_LEASE_SECONDS", "1");
    deployment.set("SKEP_WORKERS", "0");
    settings.iter().for_each(|(name, value)| deployment.set(name, value));
    Shop::open_on(deployment)
}

/// Starts the process with this number, which runs jobs.
#[track_caller]
pub(crate) fn start(deployment: &Deployment, number: usize) -> Server {
    let (data, secret) = (deployment.path(&format!("data-{number}")), deployment.secret_file());
    deployment.start_with(&[
        ("SKEP_DATA_DIR", &data.display().to_string()),
        ("SKEP_SECRET_FILE", &secret.display().to_string()),
        ("SKEP_WORKERS", "10"),
    ])
}

/// Waits until the subscriber of mails gets the events that follow.
#[track_caller]
pub(crate) fn wait_for_subscriber(admin: &Client) {
    wait_for("the subscriber", || all(admin, SUBSCRIBERS).first().map(drop));
}

/// The jobs that send mails.
#[track_caller]
pub(crate) fn mail_jobs(admin: &Client) -> Vec<Value> {
    all(admin, &format!("{JOBS}?queue=mails&limit=100"))
}

/// Waits until every mail was sent, and returns the jobs.
#[track_caller]
pub(crate) fn sent(admin: &Client, count: usize) -> Vec<Value> {
    let is_done = |jobs: &Vec<Value>| jobs.len() >= count && jobs.iter().all(|job| job["state"] == "completed");
    wait_for("mails to be sent", || Some(mail_jobs(admin)).filter(is_done))
}

/// A job that can be read by its id.
#[track_caller]
fn job(admin: &Client, id: &str) -> Value {
    admin.get(format!("{JOBS}/{id}")).send().ok().json()
}

/// Makes a schedule and returns its id.
#[track_caller]
pub(crate) fn schedule(admin: &Client, name: &str, seconds: u32) -> String {
    let body = json!({
        "name": name, "timing": { "every_seconds": seconds }, "kind": "operations.sweep",
        "misfire": "fire_all", "overlap": "allow",
    });
    admin.post(SCHEDULES).json(body).send().expect(201).text("/id")
}

/// The fire times of a schedule that have a job. Two jobs of one time make this fail.
#[track_caller]
pub(crate) fn fire_times(admin: &Client, id: &str) -> Vec<String> {
    let start = format!("schedule {id} ");
    // A list has no keys.
    let keys = all(admin, &format!("{JOBS}?kind=operations.sweep&limit=100"));
    let keys =
        keys.iter().map(|listed| job(admin, id_of(listed))["unique_key"].as_str().unwrap_or_default().to_owned());
    let times: Vec<String> = keys.filter_map(|key| key.strip_prefix(&start).map(str::to_owned)).collect();
    let distinct: BTreeSet<String> = times.iter().cloned().collect();
    assert_eq!(times.len(), distinct.len(), "a time has two jobs: {times:?}");
    distinct.into_iter().collect()
}

/// The seconds between fire times.
pub(crate) fn distances(times: &[String]) -> Vec<u32> {
    let part = |time: &str, from: usize| time[from..from + 2].parse::<u32>().expect("a number");
    let second = |time: &str| part(time, 11) * 3_600 + part(time, 14) * 60 + part(time, 17);
    times.windows(2).map(|pair| (second(&pair[1]) + 86_400 - second(&pair[0])) % 86_400).collect()
}

fn work_is_shared(store: &Store, count: usize) {
    let mails = MailServer::start();
    let shop = open(store, &mails);
    let mut servers: Vec<Server> = (1..=count).map(|number| start(&shop.deployment, number)).collect();
    wait_for_subscriber(&shop.admin);
    let (users, honey) = (shop.users(count), shop.product("HONEY", 1999, 1_000));
    let id = schedule(&shop.admin, "every-second", 1);
    let fired = |least: usize| {
        let done = || Some(fire_times(&shop.admin, &id)).filter(|times| times.len() >= least);
        wait_for("the schedule to fire", done)
    };
    let order = |servers: &[Server]| {
        crate::slice::at_once(count * 4, |n| {
            let client = servers[n % servers.len()].known(&users[n % count]);
            client.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
        });
    };
    order(&servers);
    let first = fired(2);
    let jobs = sent(&shop.admin, count * 4);
    assert!(jobs.iter().all(|job| job["attempt"] == json!(1)), "each ran once: {jobs:?}");
    assert!(mails.counts().values().all(|count| *count == 1), "{:?}", mails.counts());

    // Whatever the killed process holds, the others go on.
    servers.remove(0).kill();
    order(&servers);
    assert_eq!(sent(&shop.admin, count * 8).len(), count * 8, "one for each order");
    assert_eq!(mails.counts().len(), count * 8);
    let times = fired(first.len() + 2);
    assert!(distances(&times).iter().all(|distance| *distance == 1), "no time is left out: {times:?}");
    servers.into_iter().for_each(Server::stop);
    shop.server.stop();
}

fn its_jobs_run_again(store: &Store) {
    let mails = MailServer::start();
    let shop = open(store, &mails);
    let first = start(&shop.deployment, 1);
    wait_for_subscriber(&shop.admin);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 10));
    let order = || drop(ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201));
    mails.hold();
    order();
    mails.wait_for_mails(1);
    let running = mail_jobs(&shop.admin).remove(0);
    assert_eq!((&running["state"], &running["attempt"]), (&json!("running"), &json!(1)));

    let second = start(&shop.deployment, 2);
    first.kill();
    let keys = mails.wait_for_mails(2);
    assert_eq!(keys[0], keys[1], "it is the same mail");
    let again = job(&shop.admin, id_of(&running));
    assert_eq!((&again["state"], &again["attempt"]), (&json!("running"), &json!(2)));
    assert_eq!(again["failures"][0]["message"], json!("the worker was lost"));
    order();
    mails.wait_for_mails(3);
    mails.go_on();
    let jobs = sent(&shop.admin, 2);
    assert_eq!(jobs.iter().map(|job| job["attempt"].as_u64()).max(), Some(Some(2)));
    assert_eq!((jobs.len(), mails.counts().len()), (2, 2));
    second.stop();
    shop.server.stop();
}

fn what_it_stores_too_late_is_refused(store: &Store) {
    let mails = MailServer::start();
    let shop = open(store, &mails);
    let first = start(&shop.deployment, 1);
    wait_for_subscriber(&shop.admin);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 10));
    let order = || drop(ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201));
    mails.hold();
    order();
    mails.wait_for_mails(1);
    let id = id_of(&mail_jobs(&shop.admin)[0]).to_owned();

    first.signal("STOP");
    let second = start(&shop.deployment, 2);
    let keys = mails.wait_for_mails(2);
    assert_eq!(keys[0], keys[1], "it is the same mail");
    // The subscription has moved, too.
    order();
    mails.wait_for_mails(3);

    // The stopped process gets the answer to its mail, and goes on.
    mails.confirm(0);
    first.signal("CONT");
    wait_for("its result to be refused", || first.log().contains("another worker holds the job").then_some(()));
    let running = job(&shop.admin, &id);
    assert_eq!((&running["state"], &running["attempt"]), (&json!("running"), &json!(2)), "the other one runs it");
    mails.go_on();
    sent(&shop.admin, 2);
    order();
    let jobs = sent(&shop.admin, 3);
    let attempts: Vec<_> = jobs.iter().map(|job| (job["id"] == json!(id), job["attempt"].as_u64())).collect();
    assert!(attempts.iter().all(|(is_first, attempt)| *attempt == Some(if *is_first { 2 } else { 1 })), "{attempts:?}");
    let mut counts: Vec<u32> = mails.counts().into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 2], "no event was handled twice");
    first.stop();
    second.stop();
    shop.server.stop();
}
