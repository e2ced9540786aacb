//! The generated documents match the code. `SKEP_BLESS=1 cargo test -p skep` rewrites them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod actions;
mod cli;
mod configuration;
mod errors;
mod events;
mod exports;
mod links;
mod metrics;
mod readme;
mod refresh;
mod scan;
mod scanned;

use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("SKEP_ROOT"))
}

/// Compares the file with the wanted text, or rewrites it.
fn assert_document(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("SKEP_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        return fs::write(&file, wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let differs = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
    let line = differs.unwrap_or(wanted.lines().count().min(found.lines().count())) + 1;
    assert!(
        found == wanted,
        "{path} differs from line {line}: run SKEP_BLESS=1 cargo test -p skep, and look at the diff"
    );
}

#[test]
fn the_openapi_document() {
    let document = serde_json::to_string_pretty(&skep_http::Api::document()).unwrap();
    assert_document("docs/api/openapi.json", &(document + "\n"));
}
