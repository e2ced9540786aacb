//! The store is unreachable.

use skep_crashes::{Fault, Plan, endure};
use skep_journeys::{Deployment, Store, Wire};
use std::{process, sync::atomic::AtomicBool, sync::atomic::Ordering};

/// Cuts the connections to the store and refuses new ones.
pub(crate) fn cut(store: &Store) {
    away(store, Wire::cut);
}

/// Makes the store accept connections and never answer, like a stopped process (SIGSTOP) or a broken network. At the
/// end it receives all requests, long after their senders have given up.
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
