//! Every store, every limiter and every queue under the contract suite: `cargo test -p skep-suites --test stores`.
//!
//! If the address of a server is not set (`SKEP_TEST_POSTGRES_URL`, `SKEP_TEST_MONGODB_URL`, `SKEP_TEST_REDIS_URL`),
//! its store is ignored, with the reason. With `SKEP_REQUIRE_STORES=sqlite,postgres,mongodb,redis` it fails. A clause
//! that cannot be tried on a store is ignored too.

mod summary;

use libtest_mimic::{Arguments, Failed, Trial};
use skep_application::{jobs::TicketQueue, kernel::RateLimits};
use skep_contract::{Clause, Failure, Harness, Subject, clauses, limits, run, tickets};
use skep_suites::{Fallback, Local, LocalTickets, Memory, Mongo, Postgres, Redis, Sqlite};
use std::{env, num::NonZero, process::ExitCode, sync::Arc, thread, time::Instant};
use summary::{Outcome, Summary};
use tokio::runtime::Runtime;

/// A store or limiter, or the name of the variable that is not set.
type Found<T> = Result<Arc<T>, &'static str>;

struct Suite {
    runtime: Arc<Runtime>,
    summary: Arc<Summary>,
    required: Vec<String>,
    trials: Vec<Trial>,
}

impl Suite {
    fn add(
        &mut self,
        store: &'static str,
        subject: &'static str,
        name: &str,
        missing: Option<String>,
        trial: impl FnOnce(&Runtime) -> Result<Vec<String>, Failure> + Send + 'static,
    ) {
        let full = format!("{store}::{subject}::{name}");
        if let Some(reason) = missing {
            self.summary.add(store, subject, Outcome::NotApplicable(reason.clone()), &full);
            self.trials.push(Trial::test(full, || Ok(())).with_kind(reason).with_ignored_flag(true));
            return;
        }
        let (runtime, summary) = (self.runtime.clone(), self.summary.clone());
        let test = move || {
            let start = Instant::now();
            let verdict = trial(&runtime);
            summary.took(&full, start.elapsed());
            match verdict {
                Ok(notes) => {
                    summary.add(store, subject, Outcome::Holds(notes), &full);
                    Ok(())
                }
                Err(failure) => {
                    summary.add(store, subject, Outcome::Fails, &full);
                    Err(Failed::from(failure.to_string()))
                }
            }
        };
        self.trials.push(Trial::test(format!("{store}::{subject}::{name}"), test));
    }

    /// Adds a single trial for a store without a server. It is ignored, or fails if the store is required.
    fn absent(&mut self, store: &'static str, variable: &'static str) {
        let reason = format!("{variable} is not set");
        self.summary.absent(store, &reason);
        let required = self.required.iter().any(|name| name == store);
        let text = reason.clone();
        let trial = Trial::test(format!("{store}::is_there"), move || Err(Failed::from(text)));
        self.trials.push(if required { trial } else { trial.with_kind(reason).with_ignored_flag(true) });
    }

    fn subject<S: Subject + ?Sized, T: Harness<S> + 'static>(
        &mut self,
        name: &'static str,
        found: Found<T>,
        clauses: Vec<Clause<S>>,
    ) {
        let harness = match found {
            Ok(harness) => harness,
            Err(variable) => return self.absent(name, variable),
        };
        for clause in clauses {
            let missing = clause.needs.iter().find_map(|need| harness.lacks(*need)).map(str::to_owned);
            let harness = harness.clone();
            let Clause { subject, name: rule, .. } = clause;
            self.add(name, subject, rule, missing, move |runtime| {
                runtime.block_on(run(&*harness, &clause)).map(|report| report.notes)
            });
        }
    }

    fn store<T: Harness + 'static>(&mut self, name: &'static str, found: Found<T>) {
        self.subject(name, found, clauses());
    }

    fn limits<T: Harness<dyn RateLimits> + 'static>(&mut self, name: &'static str, found: Found<T>) {
        self.subject(name, found, limits::clauses());
    }

    fn tickets<T: Harness<dyn TicketQueue> + 'static>(&mut self, name: &'static str, found: Found<T>) {
        self.subject(name, found, tickets::clauses());
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = Arguments::from_args();
    // Most of the time of a trial is spent waiting for a server.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    arguments.test_threads = arguments.test_threads.or(Some(2 * cores));
    let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().build()?);
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let required = required.split(',').map(|name| name.trim().to_owned()).collect();
    let mut suite = Suite { runtime: runtime.clone(), summary: Arc::default(), required, trials: vec![] };

    let address = |variable: &'static str| env::var(variable).map_err(|_| variable);
    let postgres = match address("SKEP_TEST_POSTGRES_URL") {
        Ok(url) => Ok(Arc::new(Postgres::new(&url).map_err(|failure| failure.to_string())?)),
        Err(variable) => Err(variable),
    };
    suite.store("memory", Ok(Arc::new(Memory)));
    suite.store("sqlite", Ok(Arc::new(Sqlite::default())));
    suite.store("postgres", postgres.clone());
    let mongodb = address("SKEP_TEST_MONGODB_URL").map(|url| Arc::new(Mongo::new(&url)));
    suite.store("mongodb", mongodb.clone());
    suite.limits("local", Ok(Arc::new(Local)));
    suite.limits("fallback", Ok(Arc::new(Fallback)));
    let redis = address("SKEP_TEST_REDIS_URL").map(|url| Arc::new(Redis::new(&url)));
    suite.limits("redis", redis.clone());
    suite.tickets("memory", Ok(Arc::new(LocalTickets)));
    suite.tickets("redis", redis);

    let list = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, suite.trials);
    if let Ok(postgres) = postgres {
        runtime.block_on(postgres.close());
    }
    if let Ok(mongodb) = mongodb {
        runtime.block_on(mongodb.close());
    }
    if !list {
        suite.summary.print();
    }
    Ok(conclusion.exit_code())
}
