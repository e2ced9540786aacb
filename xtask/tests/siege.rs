//! Each attack, in short, on SQLite and PostgreSQL. What depends on the speed of the machine is not judged.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use skep_journeys::Store;
use std::{
    env, fs,
    process::{Command, ExitCode, Output},
};

fn siege(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("siege").args(arguments).output().unwrap()
}

/// The names of all attacks.
fn attacks() -> Vec<String> {
    let output = siege(&["--list"]);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Runs an attack, and expects that every bound holds that does not depend on time.
fn withstands(store: &str, attack: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json").display().to_string();
    let binary = skep_journeys::skep().display().to_string();
    let output = siege(&["--short", "--store", store, "--only", attack, "--binary", &binary, "--json", &json]);
    let report = fs::read_to_string(&json).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let report: Value = serde_json::from_str(&report).unwrap();
    if let [fault, ..] = &report["faults"].as_array().unwrap()[..] {
        return Err(format!("the attack could not be run: {}", fault["fault"]).into());
    }
    let line = &report["lines"][0];
    assert!(line["felt"]["asked"].as_u64() > Some(0) && line["peak"].as_u64() > Some(1 << 20), "{line}");
    let findings = line["findings"].as_array().unwrap();
    let fallen = findings.iter().filter(|finding| finding["timed"] == false && finding["held"] == false);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let fallen: Vec<String> = fallen
        .map(|found| format!("{}: {}, measured {}", text(found, "what"), text(found, "bound"), text(found, "measured")))
        .collect();
    if fallen.is_empty() { Ok(()) } else { Err(fallen.join("\n").into()) }
}

fn trials(store: &'static str, required: &str) -> Vec<Trial> {
    let missing = Store::named(store).err();
    let is_required = required.split(',').any(|required| required.trim() == store);
    let trial = |attack: String| {
        let name = format!("{store}::{}", attack.replace('-', "_"));
        match missing {
            None => Trial::test(name, move || withstands(store, &attack)),
            Some(variable) => {
                let text = format!("{variable} is not set");
                let trial = Trial::test(name, move || Err(text.into()));
                if is_required { trial } else { trial.with_ignored_flag(true) }
            }
        }
    };
    attacks().into_iter().map(trial).collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // An attack mostly waits, and what depends on the speed of the machine is not judged. More at the same time would take
    // the processors from the server for so long that requests of the neighbor fail.
    arguments.test_threads = Some(2);
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    if !arguments.list {
        // Builds the binary now, so that the first attack does not wait for it.
        skep_journeys::skep();
    }
    let trials = ["sqlite", "postgres"].into_iter().flat_map(|store| trials(store, &required)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
