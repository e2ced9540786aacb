//! The store is away.

use skep_crashes::{Fault, Plan, endure};
use skep_journeys::{Deployment, Store, Wire};
use std::{process, sync::atomic::AtomicBool, sync::atomic::Ordering};

/// Its connections are cut, and new ones are refused.
pub(crate) fn cut(store: &Store) {
    away(store, Wire::cut);
}

/// It takes connections and never answers, as one that was stopped (SIGSTOP) or lies behind a broken network. What was
/// sent meanwhile reaches it in the end, when those who sent it have long given up.
pub(crate) fn silent(store: &Store) {
    away(store, Wire::freeze);
}

fn away(store: &Store, break_it: fn(&Wire)) {
    store.end_abandoned_soon();
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    let is_broken = AtomicBool::new(false);
    let fault = Fault {
        start: &|| {
            break_it(&wire);
            is_broken.store(true, Ordering::SeqCst);
        },
        end: &|| wire.mend(),
        reads_go_on: false,
    };
    let plan = Plan::new(store.clone(), 0, u64::from(process::id()));
    let tally = endure(&plan, deployment, &fault).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    assert!(is_broken.load(Ordering::SeqCst) && tally.refused + tally.unanswered > 0, "{tally}");
}
