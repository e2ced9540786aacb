//! The table at the end: the clauses of each port that hold on each store.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The result of a trial.
pub(crate) enum Outcome {
    /// The clause holds. The notes are printed.
    Holds(Vec<String>),
    /// The clause does not hold.
    Fails,
    /// The clause cannot be tried on the store, for this reason.
    NotApplicable(String),
}

/// The number of slowest trials that are printed.
const SLOWEST: usize = 12;

#[derive(Default, Clone, Copy)]
struct Count {
    holds: usize,
    fails: usize,
    not_applicable: usize,
}

#[derive(Default)]
struct Counts {
    /// By subject and store, in the order of the first trial.
    subjects: BTreeMap<&'static str, BTreeMap<&'static str, Count>>,
    stores: Vec<&'static str>,
    notes: Vec<String>,
    took: Vec<(Duration, String)>,
    /// Clauses by store and reason.
    not_applicable: BTreeMap<(&'static str, String), Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Summary(Mutex<Counts>);

impl Summary {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, store: &'static str, subject: &'static str, outcome: Outcome, name: &str) {
        let mut counts = self.counts();
        if !counts.stores.contains(&store) {
            counts.stores.push(store);
        }
        match &outcome {
            Outcome::Holds(notes) => counts.notes.extend(notes.iter().map(|note| format!("{name}: {note}"))),
            Outcome::NotApplicable(reason) => {
                counts.not_applicable.entry((store, reason.clone())).or_default().push(name.to_owned());
            }
            Outcome::Fails => {}
        }
        let count = counts.subjects.entry(subject).or_default().entry(store).or_default();
        match outcome {
            Outcome::Holds(_) => count.holds += 1,
            Outcome::Fails => count.fails += 1,
            Outcome::NotApplicable(_) => count.not_applicable += 1,
        }
    }

    pub(crate) fn took(&self, name: &str, time: Duration) {
        self.counts().took.push((time, name.to_owned()));
    }

    pub(crate) fn absent(&self, store: &'static str, reason: &str) {
        self.counts().notes.push(format!("{store} was not tried: {reason}"));
    }

    #[expect(clippy::print_stdout, reason = "the table is the result of the run")]
    pub(crate) fn print(&self) {
        let mut counts = self.counts();
        counts.stores.sort_by_key(|store| {
            ["memory", "sqlite", "postgres", "mongodb"].iter().position(|known| known == store).unwrap_or(9)
        });
        let cell = |count: Option<&Count>| match count {
            None => String::new(),
            Some(Count { holds, fails: 0, not_applicable: 0 }) => format!("{holds}"),
            Some(Count { holds, fails: 0, not_applicable }) => format!("{holds} + {not_applicable} n/a"),
            Some(Count { holds, fails, not_applicable: 0 }) => format!("{holds}, {fails} FAILED"),
            Some(Count { holds, fails, not_applicable }) => format!("{holds} + {not_applicable} n/a, {fails} FAILED"),
        };
        let row = |name: &str, cells: Vec<String>| {
            let cells: String = cells.iter().map(|cell| format!(" {cell:>16}")).collect();
            println!("{name:<18}{cells}");
        };
        println!("\nClauses that hold, by port and store:\n");
        row("", counts.stores.iter().map(|store| (*store).to_owned()).collect());
        let mut sums: BTreeMap<&str, Count> = BTreeMap::new();
        for (subject, by_store) in &counts.subjects {
            row(subject, counts.stores.iter().map(|store| cell(by_store.get(store))).collect());
            for (store, count) in by_store {
                let sum = sums.entry(store).or_default();
                sum.holds += count.holds;
                sum.fails += count.fails;
                sum.not_applicable += count.not_applicable;
            }
        }
        row("all", counts.stores.iter().map(|store| cell(sums.get(store))).collect());
        if !counts.not_applicable.is_empty() {
            println!("\nNot applicable (n/a):");
            for ((store, reason), names) in &counts.not_applicable {
                println!("\n{store}: {reason}");
                names.iter().for_each(|name| println!("  {name}"));
            }
        }
        if !counts.notes.is_empty() {
            println!();
            counts.notes.iter().for_each(|note| println!("{note}"));
        }
        counts.took.sort();
        if !counts.took.is_empty() {
            println!("\nThe slowest trials:\n");
            for (time, name) in counts.took.iter().rev().take(SLOWEST) {
                println!("{:>6.2} s  {name}", time.as_secs_f64());
            }
        }
        println!();
    }
}
