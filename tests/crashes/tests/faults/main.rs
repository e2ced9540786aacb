//! Faults under load on the built binary, which keeps running and recovers by itself: `cargo test -p skep-crashes`.
//!
//! The store is unreachable: it refuses and cuts connections, or accepts them and never answers. The disk of SQLite is
//! full: it is a small file system in memory, which root may mount. For other users the whole test program moves to a
//! user namespace (`unshare -rm`). `SKEP_TEST_FAULT_SECONDS=60` makes each fault last at least that long.

mod away;
mod full;

use libtest_mimic::{Arguments, Trial};
use skep_journeys::Store;
use std::{
    env,
    process::{Command, ExitCode},
};

type Test = fn(&Store);

const TESTS: [(&str, &str, Test); 7] = [
    ("postgres", "cut", away::cut),
    ("postgres", "silent", away::silent),
    ("mongodb", "cut", away::cut),
    ("mongodb", "silent", away::silent),
    ("sqlite", "disk_full", full::disk),
    ("sqlite", "log_lines_on_a_full_disk", full::log_lines),
    ("sqlite", "output_on_a_full_disk", full::output),
];

/// The variable that marks a program inside the namespace.
const INSIDE: &str = "SKEP_TEST_IN_NAMESPACE";

/// The reason why no file system can be mounted here, or `None` if one can.
fn no_mounts() -> Option<&'static str> {
    (!full::can_mount()).then_some("neither root nor user namespaces: no small disk can be mounted")
}

fn trial(store: &'static str, name: &str, test: Test, required: &str) -> Trial {
    let full = format!("fault::{store}::{name}");
    let missing = match Store::named(store) {
        Err(variable) => Some(format!("{variable} is not set")),
        Ok(_) if name == "disk_full" => no_mounts().map(str::to_owned),
        Ok(_) => None,
    };
    match (missing, Store::named(store)) {
        (None, Ok(store)) => Trial::test(full, move || {
            test(&store);
            Ok(())
        }),
        (reason, _) => {
            let reason = reason.unwrap_or_default();
            let text = reason.clone();
            let trial = Trial::test(full, move || Err(text.into()));
            let is_required = required.split(',').any(|name| name.trim() == store);
            if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !full::can_mount() && env::var_os(INSIDE).is_none() {
        // The new namespace does not change the network.
        let this = env::current_exe().expect("this program has a path");
        let mut inside = Command::new("unshare");
        inside.arg("-rm").arg(this).args(env::args_os().skip(1)).env(INSIDE, "1");
        let can_move = Command::new("unshare").args(["-rm", "true"]).output();
        if can_move.is_ok_and(|output| output.status.success()) {
            let status = inside.status().expect("unshare runs");
            return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    }
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let trials = TESTS.into_iter().map(|(store, name, test)| trial(store, name, test, &required)).collect();
    if !arguments.list {
        skep_journeys::skep();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
