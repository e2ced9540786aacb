//! A start that cannot go on says why, what to do, and how long it waits.

use crate::{
    Journey, Needs,
    shop::{PROFILE, REGISTER, account, log_in},
};
use skep_journeys::{Deployment, Store, Wire, wait_for};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("start::port_in_use", a_port_in_use_is_named).needing(Needs::NoServer),
    Journey::new("start::store_comes", the_start_waits_for_the_store).needing(Needs::Server),
    Journey::new("start::store_silent", a_silent_store_is_reported).needing(Needs::Server),
    Journey::new("start::store_stays_away", the_start_gives_up).needing(Needs::Server),
    Journey::new("start::signal", a_signal_ends_a_start_that_waits).needing(Needs::Server),
    Journey::new("start::store_refuses", a_refusal_ends_the_start_at_once).needing(Needs::Server),
    Journey::new("start::killed_with_the_lease", the_lease_of_a_killed_start_is_awaited).needing(Needs::Mongodb),
    Journey::new("start::killed_in_a_transaction", the_transaction_of_a_killed_start_is_awaited)
        .needing(Needs::Mongodb),
    Journey::new("start::held_migration", a_migration_waits_for_an_open_transaction).needing(Needs::Mongodb),
    Journey::new("start::redis_away", an_absent_redis_is_reported).needing(Needs::NoServer),
    Journey::new("start::preloaded_library", a_preloaded_library_moves_the_clock).needing(Needs::FakeTime),
];

/// The setting with the address of the store.
fn setting(store: &Store) -> &'static str {
    if store.name() == "postgres" { "DATABASE_URL" } else { "MONGODB_URI" }
}

fn a_port_in_use_is_named(store: &Store) {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = other.local_addr().expect("an address").port().to_string();
    let deployment = Deployment::new(store);
    let output = deployment.run(&["serve"], "", &[("PORT", &port)]);
    assert!(output.out.is_empty(), "{output:?}");
    output.refused(&["in use", "set PORT", &port]);
    let checked = deployment.run(&["check"], "", &[("PORT", &port)]);
    assert!(checked.code == Some(1) && checked.out.contains("set PORT"), "{checked:?}");
}

fn the_start_waits_for_the_store(store: &Store) {
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    wire.cut();
    let starting = deployment.begin_start();
    wait_for("a warning", || starting.log().contains(setting(store)).then_some(()));
    assert!(starting.out().is_empty(), "nothing is served yet: {}", starting.out());
    wire.mend();
    let server = starting.finish();
    assert!(server.log().contains("answers, the start goes on"), "{}", server.log());
    assert!(server.setup_token().is_some());
    server.stop();
}

fn a_silent_store_is_reported(store: &Store) {
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    wire.freeze();
    let starting = deployment.begin_start();
    wait_for("a warning", || starting.log().contains(setting(store)).then_some(()));
    wire.mend();
    starting.finish().stop();
}

fn the_start_gives_up(store: &Store) {
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    wire.cut();
    deployment.set("SKEP_START_TIMEOUT", "1");
    for command in [&["serve"][..], &["migrate", "status"]] {
        let output = deployment.run(command, "", &[]);
        assert!(output.out.is_empty(), "{output:?}");
        output.refused(&["did not answer within 1 s", setting(store), "SKEP_START_TIMEOUT"]);
    }
}

fn a_signal_ends_a_start_that_waits(store: &Store) {
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    wire.cut();
    // The test would run out of patience if the start waited that long.
    deployment.set("SKEP_START_TIMEOUT", "3600");
    let starting = deployment.begin_start();
    wait_for("a warning", || starting.log().contains(setting(store)).then_some(()));
    let exit = starting.terminate();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
}

fn a_refusal_ends_the_start_at_once(store: &Store) {
    let mut deployment = Deployment::new(store);
    let (name, address) = deployment.settings().find(|(name, _)| name == setting(store)).expect("an address");
    let (_, rest) = address.split_once("://").expect("a scheme");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let scheme = if store.name() == "postgres" { "postgres" } else { "mongodb" };
    deployment.set(&name, format!("{scheme}://stranger:hunter2@{host}"));
    // The test would run out of patience if the start waited that long.
    deployment.set("SKEP_START_TIMEOUT", "3600");
    let output = deployment.run(&["serve"], "", &[]);
    assert!(!output.err.contains("hunter2"), "{output:?}");
    output.refused(&["cannot be used", setting(store)]);
}

/// Kills the first start on a database when it sends this text, which does not arrive.
fn kill_at(deployment: &mut Deployment, text: &'static str) {
    let direct: Vec<_> = deployment.settings().collect();
    let wire = Wire::to_the_store_of(deployment);
    wire.cut_at(text);
    let starting = deployment.begin_start();
    wait_for(text, || wire.is_cut().then_some(()));
    assert!(starting.out().is_empty(), "nothing is served yet: {}", starting.out());
    drop(starting);
    direct.into_iter().for_each(|(name, value)| deployment.set(&name, value));
}

/// The start after a kill succeeds, and its log says what it has waited for.
fn starts_after(deployment: &Deployment, wait: &str) {
    let server = deployment.start();
    assert!(server.log().contains(wait), "{}", server.log());
    assert!(server.setup_token().is_some());
    server.stop();
}

fn the_lease_of_a_killed_start_is_awaited(store: &Store) {
    let mut deployment = Deployment::new(store);
    kill_at(&mut deployment, "createIndexes");
    starts_after(&deployment, "if it was killed, its lease ends within 10s");
}

fn the_transaction_of_a_killed_start_is_awaited(store: &Store) {
    store.end_abandoned_soon();
    let mut deployment = Deployment::new(store);
    kill_at(&mut deployment, "commitTransaction");
    starts_after(&deployment, "a process that was killed has left its transaction open");
}

fn a_migration_waits_for_an_open_transaction(store: &Store) {
    store.end_abandoned_soon();
    let deployment = Deployment::new(store);
    deployment.start().stop();
    // The first step of the set changes the keys.
    for _ in 0..2 {
        deployment.run(&["migrate", "down", "--set", "operations", "--yes"], "", &[]).ok();
    }
    deployment.leave_a_transaction_open("instance_keys");
    starts_after(&deployment, "waits for a transaction of a process that was killed");
}

fn an_absent_redis_is_reported(store: &Store) {
    // Nothing listens behind this wire.
    let wire = Wire::to("127.0.0.1:1");
    let mut deployment = Deployment::new(store);
    deployment.set("REDIS_URL", format!("redis://:hunter2@{}", wire.address()));
    let server = deployment.start();
    wait_for("a warning", || server.log().contains("REDIS_URL").then_some(()));
    let log = server.log();
    assert!(log.contains(&wire.address().to_string()) && !log.contains("hunter2"), "{log}");
    server.stop();
}

/// The library that gives a process another clock, where Debian puts it.
pub(crate) fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists())
}

/// A library that operators preload calls the allocator of the system before `main`.
fn a_preloaded_library_moves_the_clock(store: &Store) {
    let deployment = Deployment::new(store);
    let library = libfaketime().expect("a library").display().to_string();
    let server = deployment.start_with(&[
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", "+3650d"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]);
    let made = server.visitor().post(REGISTER).json(account("ada")).send().expect(201);
    let year: i64 = made.text("/created_at")[..4].parse().expect("a year");
    assert!(year >= 2035, "the clock is ten years ahead: {year}");
    log_in(&server, "ada").get(PROFILE).send().expect(200);
    server.stop();
}
