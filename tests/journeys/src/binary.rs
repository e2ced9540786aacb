//! The program under test.

use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The `skep` binary that `SKEP_TEST_BINARY` names. Without that variable, the binary is built in the profile of the
/// tests, so that it is never an old one.
///
/// # Panics
/// If it cannot be built.
pub fn skep() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("SKEP_TEST_BINARY").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--package", "skep", "--bin", "skep", "--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // Cargo gives them to each test program. Build scripts such as ring's run again if one of them differs, and all that
    // needs ring is then compiled again for each package of tests.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text == "OUT_DIR" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let built = cargo.current_dir(env!("SKEP_ROOT")).stderr(Stdio::inherit()).output();
    let built = built.expect("cargo runs");
    assert!(built.status.success(), "skep cannot be built");
    let text = String::from_utf8_lossy(&built.stdout);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next_back();
    executable.expect("cargo names the executable that it built")
}
