//! Journeys use the built binary over HTTP, as a process on each store: `cargo test -p skep-journeys`.
//!
//! If the address of a server is not set (`SKEP_TEST_POSTGRES_URL`, `SKEP_TEST_MONGODB_URL`, `SKEP_TEST_REDIS_URL`,
//! `SKEP_TEST_S3_URL`), its journeys are ignored, with the reason. With
//! `SKEP_REQUIRE_STORES=sqlite,postgres,mongodb,redis,pgbouncer,s3` they fail.

mod addresses;
mod attacks;
mod authorization;
mod bad_input;
mod bucket;
mod check;
mod clocks;
mod cluster;
mod devices;
mod edge;
mod grammar;
mod habits;
mod imports;
mod instances;
mod limits;
mod observability;
mod openapi;
mod operation_limits;
mod operator;
mod output;
mod pooler;
mod readme;
mod redis_queues;
mod restart;
mod scene;
mod shop;
mod shutdown;
mod slice;
mod start;
mod store_away;
mod tokens;
mod workers;

use libtest_mimic::{Arguments, Trial};
use skep_journeys::{OwnMongod, OwnPostgres, Pooler, Store};
use std::{env, fs, num::NonZero, os::unix::fs::MetadataExt as _, process::ExitCode, thread};

/// A test of the binary that runs on every store.
#[derive(Clone, Copy)]
pub(crate) struct Journey {
    name: &'static str,
    needs: Needs,
    run: fn(&Store),
}

/// The servers that a journey needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Any store.
    Nothing,
    /// SQLite only. The journey does not depend on the store.
    NoServer,
    /// A store on a server, which several instances can share.
    Server,
    /// PostgreSQL only.
    Postgres,
    /// PostgreSQL only, and PgBouncer.
    Pooler,
    /// PostgreSQL only, and its programs on this machine.
    OwnPostgres,
    /// MongoDB only.
    Mongodb,
    /// MongoDB only, and a MongoDB server of its own.
    OwnMongod,
    /// SQLite only, as root.
    Root,
    /// Any store, and Redis.
    Redis,
    /// SQLite only, and a Redis server of its own.
    OwnRedis,
    /// A store on a server, and Redis.
    ServerAndRedis,
    /// SQLite only, and a server of S3.
    Bucket,
    /// SQLite only, and the library libfaketime.
    FakeTime,
}

impl Journey {
    const fn new(name: &'static str, run: fn(&Store)) -> Self {
        Self { name, needs: Needs::Nothing, run }
    }

    const fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    fn is_for(&self, store: &str) -> bool {
        match self.needs {
            Needs::NoServer | Needs::FakeTime | Needs::OwnRedis | Needs::Root | Needs::Bucket => store == "sqlite",
            Needs::Server | Needs::ServerAndRedis => store != "sqlite",
            Needs::Postgres | Needs::Pooler | Needs::OwnPostgres => store == "postgres",
            Needs::Mongodb | Needs::OwnMongod => store == "mongodb",
            Needs::Nothing | Needs::Redis => true,
        }
    }

    fn uses_redis(&self) -> bool {
        matches!(self.needs, Needs::Redis | Needs::ServerAndRedis | Needs::OwnRedis)
    }
}

fn journeys() -> Vec<Journey> {
    let slice = slice::journeys();
    let parts = [
        &slice,
        bad_input::JOURNEYS,
        bucket::JOURNEYS,
        attacks::JOURNEYS,
        authorization::JOURNEYS,
        openapi::JOURNEYS,
        readme::JOURNEYS,
        start::JOURNEYS,
        restart::JOURNEYS,
        operator::JOURNEYS,
        imports::JOURNEYS,
        check::JOURNEYS,
        cluster::JOURNEYS,
        output::JOURNEYS,
        pooler::JOURNEYS,
        addresses::JOURNEYS,
        shutdown::JOURNEYS,
        instances::JOURNEYS,
        workers::JOURNEYS,
        redis_queues::JOURNEYS,
        store_away::JOURNEYS,
        devices::JOURNEYS,
        limits::JOURNEYS,
        operation_limits::JOURNEYS,
        observability::JOURNEYS,
        edge::JOURNEYS,
        grammar::JOURNEYS,
        clocks::JOURNEYS,
        habits::JOURNEYS,
    ];
    parts.concat()
}

/// The trial of a journey. If a server is missing, the trial is ignored with the reason, or fails if it is required.
fn trial(journey: Journey, name: &'static str, required: &[String]) -> Trial {
    let full = format!("{name}::{}", journey.name);
    let absent = match journey.needs {
        Needs::FakeTime if start::libfaketime().is_none() => {
            Some("libfaketime is not installed: apt-get install libfaketime")
        }
        Needs::OwnPostgres if OwnPostgres::programs().is_none() => {
            Some("PostgreSQL is not installed: scripts/services up")
        }
        Needs::OwnMongod if OwnMongod::program().is_none() => Some("mongod is not installed: scripts/services up"),
        Needs::Root if !is_root() => Some("only root can become another user"),
        _ => None,
    };
    if let Some(reason) = absent {
        return Trial::test(full, || Err(reason.into())).with_kind(reason).with_ignored_flag(true);
    }
    let redis = if journey.uses_redis() { limits::redis().map(drop) } else { Ok(()) };
    if journey.needs == Needs::Pooler
        && let Err(variable) = Pooler::program()
    {
        let reason = format!("{variable} is not set, see scripts/services");
        let is_required = required.iter().any(|name| name == "pgbouncer");
        let trial = Trial::test(full, || Err("no PgBouncer".into()));
        return if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) };
    }
    let missing = |what: &str, variable: &str| {
        let reason = format!("{variable} is not set");
        let text = reason.clone();
        let trial = Trial::test(full.clone(), move || Err(text.into()));
        let is_required = required.iter().any(|name| name == what);
        if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
    };
    if journey.needs == Needs::Bucket && env::var(bucket::VARIABLE).is_err() {
        return missing("s3", bucket::VARIABLE);
    }
    match (Store::named(name), redis) {
        (Err(variable), _) => missing(name, variable),
        (_, Err(variable)) => missing("redis", variable),
        (Ok(store), Ok(())) => Trial::test(full, move || {
            (journey.run)(&store);
            Ok(())
        }),
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A journey waits for a large part of its time. On two cores, five threads keep both busy.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    arguments.test_threads = arguments.test_threads.or(Some(2 * cores + 1));
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let required: Vec<String> = required.split(',').map(|name| name.trim().to_owned()).collect();
    let stores = ["sqlite", "postgres", "mongodb"];
    // The stores take turns, so that all servers share the load.
    let of_each_store = |journey: Journey| {
        let stores = stores.iter().filter(move |store| journey.is_for(store));
        stores.map(|store| trial(journey, store, &required)).collect::<Vec<_>>()
    };
    let trials = journeys().into_iter().flat_map(of_each_store).collect();
    if !arguments.list {
        stores.iter().filter_map(|store| Store::named(store).ok()).for_each(|store| store.sweep());
        // Built here, so that the first journey does not wait for the build.
        skep_journeys::skep();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
