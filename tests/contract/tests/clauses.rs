//! Each numbered promise in the documentation of the ports has a trial, and each trial names existing promises.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use skep_contract::{clauses, files, limits, notifications, tickets};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The module that defines units of work. Its promises belong to no single trait.
const UNIT_OF_WORK: &str = "kernel/unit_of_work.rs";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The number of a promise in a line such as `/// 3. Keys …`.
fn number(line: &str, comment: &str) -> Option<u32> {
    line.trim().strip_prefix(comment)?.trim_start().split_once(". ")?.0.parse().ok()
}

/// The numbered promises of a file, such as `Outbox 1`.
fn numbered(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = Vec::new();
    for line in text.lines() {
        if path.ends_with(UNIT_OF_WORK) {
            found.extend(number(line, "//!").map(|number| format!("UnitOfWork {number}")));
        }
        pending.extend(number(line, "///"));
        let code = line.trim_start();
        if let Some(rest) = code.strip_prefix("pub trait ") {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            found.extend(pending.drain(..).map(|number| format!("{name} {number}")));
        } else if !code.starts_with("///") && !code.starts_with("#[") {
            pending.clear();
        }
    }
    found
}

#[test]
fn every_numbered_promise_has_a_trial() {
    let mut files = Vec::new();
    sources(&Path::new(env!("SKEP_ROOT")).join("application/src"), &mut files);
    let written: BTreeSet<String> =
        files.iter().flat_map(|path| numbered(path, &fs::read_to_string(path).unwrap())).collect();
    assert!(
        written.contains("UnitOfWork 1") && written.contains("Outbox 3"),
        "only these promises were found: {written:?}"
    );
    let proved: BTreeSet<String> = clauses()
        .iter()
        .flat_map(|clause| clause.proves)
        .chain(limits::clauses().iter().flat_map(|clause| clause.proves))
        .chain(tickets::clauses().iter().flat_map(|clause| clause.proves))
        .chain(files::contents().iter().flat_map(|clause| clause.proves))
        .chain(notifications::mailer().iter().flat_map(|clause| clause.proves))
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(written, proved);
}

#[test]
fn the_names_of_clauses_are_unique() {
    let all = clauses();
    let names: BTreeSet<_> = all.iter().map(|clause| (clause.subject, clause.name)).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn a_promise_is_found_only_in_the_documentation_of_a_trait() {
    let text = "/// 1. One.\n/// 2. Two.\n#[async_trait]\npub trait Port: Send {\n    /// 3. Not a clause of the trait.\n    fn f();\n}\n";
    assert_eq!(numbered(Path::new("ports.rs"), text), ["Port 1", "Port 2"]);
    assert_eq!(numbered(Path::new("kernel/unit_of_work.rs"), "//! 1. One.\n"), ["UnitOfWork 1"]);
}
