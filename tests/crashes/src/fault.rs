//! Something breaks under load and is mended, while the server goes on.

use crate::{
    Plan, Tally,
    campaign::{Campaign, Enough},
    load::Load,
    shop::{ORDERS, PRODUCTS},
};
use skep_journeys::{Client, Deployment, wait_for};
use std::{
    collections::BTreeSet,
    env,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What breaks.
pub struct Fault<'f> {
    /// Breaks it.
    pub start: &'f dyn Fn(),
    /// Mends it.
    pub end: &'f dyn Fn(),
    /// Whether reads go on meanwhile.
    pub reads_go_on: bool,
}

/// How many commands each client must have been refused on average before the fault is mended: with this many, what was
/// under way has failed, and several times what was begun after it, each after its whole limit of time.
const FELT: usize = 4;
/// How many commands each client must get done before the fault, and after it.
const DONE: usize = 10;
/// For at least so many seconds the fault lasts; none unless said.
const LASTS: &str = "SKEP_TEST_FAULT_SECONDS";

/// Opens a shop, lets its clients work before, during and after the fault, and checks that commands were refused
/// meanwhile as they should be, that the server came back by itself, and that nothing acknowledged was lost.
///
/// # Errors
/// What is wrong.
///
/// # Panics
/// An answer comes that nothing explains, or nothing comes.
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
        // Also when something below panics: the scope waits for the workers.
        let enough = Enough(&load);
        more("commands before the fault", &load.done, clients * DONE);

        (fault.start)();
        let start = Instant::now();
        let is_felt = more_than(&load.troubles, clients * FELT);
        let mut is_told = fault.reads_go_on;
        wait_for("the fault to be felt, and /ready to tell of it", || {
            is_told |= during(&visitor, &admin, fault) == 503;
            (is_felt() && is_told).then_some(())
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

/// What everybody sees while the fault lasts; the status of `/ready`. Every answer is checked against the OpenAPI
/// document too.
#[track_caller]
fn during(visitor: &Client, admin: &Client, fault: &Fault<'_>) -> u16 {
    visitor.get("/health").send().expect(200);
    let ready = visitor.get("/ready").send();
    let lists = [visitor.get(format!("{PRODUCTS}?sort=name&limit=100")), admin.get(format!("{ORDERS}?count=exact"))];
    for list in lists {
        let answer = list.send();
        match answer.status {
            200 => {}
            // The last answers from before may still be on their way.
            503 if !fault.reads_go_on => assert!(answer.header("retry-after").is_some(), "{answer:?}"),
            _ => panic!("the fault is told as {answer:?}"),
        }
    }
    assert!(ready.status == 200 || (ready.status == 503 && !fault.reads_go_on), "{ready:?}");
    ready.status
}

/// Waits for so many more.
#[track_caller]
fn more(what: &str, counter: &AtomicUsize, count: usize) {
    let is_there = more_than(counter, count);
    wait_for(what, || is_there().then_some(()));
}

fn more_than(counter: &AtomicUsize, count: usize) -> impl Fn() -> bool {
    let enough = counter.load(Ordering::SeqCst) + count;
    move || counter.load(Ordering::SeqCst) >= enough
}
