//! Clocks that step back and forth: nothing is lost, and nothing happens twice.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PROFILE, Shop, all, basket, log_in},
    start::libfaketime,
    workers::{SCHEDULES, distances, fire_times, mail_jobs, schedule, sent, wait_for_subscriber},
};
use serde_json::json;
use skep_journeys::{Client, Deployment, MailServer, Server, Store, wait_for};
use std::{fs, path::PathBuf};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("clocks::step", a_clock_that_steps_by_an_hour_loses_nothing).needing(Needs::FakeTime),
    Journey::new("clocks::jobs", a_step_loses_and_repeats_no_job_and_no_fire_time).needing(Needs::FakeTime),
];

/// Starts the server with a clock that is so far from ours, as `+50m`.
pub(crate) fn start_at(deployment: &Deployment, offset: &str) -> Server {
    let library = libfaketime().expect("a library").display().to_string();
    deployment.start_with(&[
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ])
}

fn a_clock_that_steps_by_an_hour_loses_nothing(store: &Store) {
    let shop = Shop::open(store);
    let honey = shop.product("HONEY", 100, 100);
    shop.user("ada");
    let Shop { server, deployment, .. } = shop;
    server.stop();

    let place = |client: &Client, key: &str| client.post(ORDERS).key(key).json(basket(&[(&honey, 2)])).send();
    let (mut users, mut orders) = (Vec::<(Client, i64)>::new(), Vec::<(String, Vec<u8>)>::new());
    // Each start is an hour before or after the one before it.
    for (round, (offset, hours)) in
        [("+1h", 1), ("+0h", 0), ("+1h", 1), ("+0h", 0), ("-1h", -1)].into_iter().enumerate()
    {
        let server = start_at(&deployment, offset);
        // A token of a later hour is valid now. Those of an earlier hour have expired.
        for (user, issued) in &users {
            let user = server.known(user);
            match user.get(PROFILE).send() {
                answer if hours <= *issued => drop(answer.expect(200)),
                answer => drop(answer.refused(401, "invalid_token")),
            }
        }
        let ada = log_in(&server, "ada");
        for (key, order) in &orders {
            assert_eq!(&place(&ada, key).expect(201).body, order, "the key {key} is known");
        }
        let key = format!("round {round}");
        orders.push((key.clone(), place(&ada, &key).expect(201).body));
        assert_eq!(all(&ada, ORDERS).len(), round + 1, "each order is there once");
        users.push((ada, hours));
        server.stop();
    }
}

/// The clock of processes that run.
struct Clock {
    file: PathBuf,
}

impl Clock {
    /// The clock of all processes of the deployment that start later. At first it is right.
    fn of(deployment: &mut Deployment) -> Self {
        let clock = Self { file: deployment.path("clock") };
        clock.step_to("+0s");
        deployment.set("LD_PRELOAD", libfaketime().expect("a library").display().to_string());
        deployment.set("FAKETIME_TIMESTAMP_FILE", clock.file.display().to_string());
        deployment.set("FAKETIME_NO_CACHE", "1");
        deployment.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        clock
    }

    /// Sets the clock to our time and this offset.
    fn step_to(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, offset).expect("a file");
        fs::rename(new, &self.file).expect("a file");
    }
}

/// A shop whose clock steps while a mail is on its way.
struct Stepping {
    shop: Shop,
    clock: Clock,
    mails: MailServer,
    honey: String,
    orders: usize,
}

impl Stepping {
    #[track_caller]
    fn open(store: &Store) -> Self {
        let mails = MailServer::start();
        let mut deployment = Deployment::new(store);
        mails.serve(&mut deployment);
        deployment.set("SKEP_LEASE_SECONDS", "1");
        let clock = Clock::of(&mut deployment);
        let shop = Shop::open_on(deployment);
        wait_for_subscriber(&shop.admin);
        shop.user("ada");
        let honey = shop.product("HONEY", 100, 100);
        Self { shop, clock, mails, honey, orders: 0 }
    }

    /// The admin. An access token of earlier has expired two hours later.
    #[track_caller]
    fn admin(&self) -> Client {
        log_in(&self.shop.server, "grace")
    }

    /// Places an order, and waits until its mail has come.
    #[track_caller]
    fn order(&mut self) {
        self.orders += 1;
        let order = log_in(&self.shop.server, "ada").post(ORDERS).json(basket(&[(&self.honey, 1)])).send();
        order.expect(201);
        self.mails.wait_for_mails(self.orders);
    }

    /// Sets the clock while a worker sends a mail, and waits until `has_fired`.
    #[track_caller]
    fn step_to(&mut self, offset: &str, has_fired: impl Fn(&Client) -> bool) {
        self.mails.hold();
        self.order();
        self.clock.step_to(offset);
        let admin = self.admin();
        wait_for("schedules to fire", || has_fired(&admin).then_some(()));
        self.order();
        let running = mail_jobs(&admin).into_iter().filter(|job| job["state"] == "running");
        assert_eq!(running.count(), 2, "a worker that beats keeps its jobs");
        self.mails.go_on();
        sent(&admin, self.orders);
    }
}

fn a_step_loses_and_repeats_no_job_and_no_fire_time(store: &Store) {
    let mut stepping = Stepping::open(store);
    let often = schedule(&stepping.admin(), "every-second", 1);
    for offset in ["+2s", "+0s"] {
        let before = fire_times(&stepping.admin(), &often).len();
        stepping.step_to(offset, |admin| fire_times(admin, &often).len() >= before + 4);
    }
    let admin = stepping.admin();
    admin.delete(format!("{SCHEDULES}/{often}")).send().expect(204);
    let times = fire_times(&admin, &often);
    assert!(distances(&times).iter().all(|distance| *distance == 1), "{times:?}");

    let rare = schedule(&admin, "every-half-hour", 1_800);
    stepping.step_to("+2h", |admin| fire_times(admin, &rare).len() == 4);
    stepping.step_to("+0s", |_| true);
    let admin = stepping.admin();
    assert_eq!(distances(&fire_times(&admin, &rare)), [1_800; 3]);

    let jobs = sent(&admin, stepping.orders);
    assert_eq!(jobs.len(), stepping.orders, "none is lost");
    assert!(jobs.iter().all(|job| job["attempt"] == json!(1)), "each ran once: {jobs:?}");
    let counts = stepping.mails.counts();
    assert!(counts.len() == stepping.orders && counts.values().all(|count| *count == 1), "{counts:?}");
    stepping.shop.server.stop();
}
