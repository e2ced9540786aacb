//! A part of the environment breaks under load and is repaired, while the server keeps running.

use crate::{
    Plan, Tally,
    campaign::{Campaign, Enough},
    context::CONTEXTS,
    load::Load,
};
use skep_journeys::{Client, Deployment, wait_for};
use std::{
    collections::BTreeSet,
    env,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A way to break the environment of the server, and to repair it.
pub struct Fault<'f> {
    /// Breaks it.
    pub start: &'f dyn Fn(),
    /// Repairs it.
    pub end: &'f dyn Fn(),
    /// Whether reads succeed during the fault.
    pub reads_go_on: bool,
}

/// How many commands each client must have been refused on average before the fault is repaired. At this number, the
/// commands that were in flight have failed, and later ones have failed several times, each after its whole timeout.
const FELT: usize = 4;
/// How many commands each client must complete on average before the fault, and after it.
const DONE: usize = 10;
/// The variable with the minimum duration of a fault in seconds. The default is 0.
const LASTS: &str = "SKEP_TEST_FAULT_SECONDS";

/// Opens a shop and lets its clients work before, during and after the fault. Checks that commands are refused
/// correctly during the fault, that the server recovers by itself, and that no acknowledged change is lost.
///
/// # Errors
/// The faults that the final check finds.
///
/// # Panics
/// If an answer is unexpected or missing.
pub fn endure(plan: &Plan, deployment: Deployment, fault: &Fault<'_>) -> Result<Tally, Vec<String>> {
    let mut campaign = Campaign::open(plan, deployment);
    let (shop, clients) = (&campaign.shop, plan.clients);
    let visitor = shop.servers[0].visitor();
    let admin = shop.admin.at(&shop.servers[0]);
    let load = Load::new(&mut campaign.ledger);
    thread::scope(|scope| {
        for (n, buyer) in shop.buyers.iter().enumerate() {
            let worker = buyer.worker(shop, n % plan.instances, format!("f-{n}"));
            let (load, seed) = (&load, plan.seed.wrapping_add(n as u64));
            scope.spawn(move || worker.work(load, seed));
        }
        // Stops the workers even if the code below panics, because the scope waits for them.
        let enough = Enough(&load);
        more("commands before the fault", &load.done, clients * DONE);

        (fault.start)();
        let start = Instant::now();
        let is_felt = more_than(&load.troubles, clients * FELT);
        let mut is_reported = fault.reads_go_on;
        wait_for("commands to be refused, and /ready to report the fault", || {
            is_reported |= during(&visitor, &admin, fault) == 503;
            (is_felt() && is_reported).then_some(())
        });
        let lasts = env::var(LASTS).ok().map_or(0, |text| text.parse().expect("a number of seconds"));
        while start.elapsed() < Duration::from_secs(lasts) {
            during(&visitor, &admin, fault);
        }

        (fault.end)();
        wait_for("the server to be ready", || (visitor.get("/ready").send().status == 200).then_some(()));
        more("commands after the fault", &load.done, clients * DONE);
        drop(enough);
    });
    let faults = campaign.verify(&BTreeSet::new());
    if faults.is_empty() { campaign.finish() } else { Err(faults) }
}

/// Checks the answers of the server during the fault and returns the status of `/ready`. The client also checks every
/// answer against the OpenAPI document.
#[track_caller]
fn during(visitor: &Client, admin: &Client, fault: &Fault<'_>) -> u16 {
    visitor.get("/health").send().expect(200);
    let ready = visitor.get("/ready").send();
    for list in CONTEXTS.iter().flat_map(|context| context.lists()) {
        let answer = admin.get(*list).send();
        match answer.status {
            // Some requests may still succeed before the fault takes effect.
            200 => {}
            503 if !fault.reads_go_on => assert!(answer.header("retry-after").is_some(), "{answer:?}"),
            _ => panic!("unexpected answer during the fault: {answer:?}"),
        }
    }
    assert!(ready.status == 200 || (ready.status == 503 && !fault.reads_go_on), "{ready:?}");
    ready.status
}

/// Waits until the counter has grown by `count`.
#[track_caller]
fn more(what: &str, counter: &AtomicUsize, count: usize) {
    let is_there = more_than(counter, count);
    wait_for(what, || is_there().then_some(()));
}

fn more_than(counter: &AtomicUsize, count: usize) -> impl Fn() -> bool {
    let enough = counter.load(Ordering::SeqCst) + count;
    move || counter.load(Ordering::SeqCst) >= enough
}
