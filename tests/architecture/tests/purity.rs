//! The domain and the application build alone, without the clock of chrono and the randomness of uuid.

use skep_architecture::workspace;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Checks a crate alone, so that it gets only the features of its manifest.
fn check(folder: &Path, target: &Path) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["check", "--quiet", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo can be run")
}

#[test]
fn a_domain_that_reads_the_clock_does_not_build_alone() {
    let root = workspace();
    // The target folder of this run, where CI has checked both already.
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for package in ["domain", "application"] {
        let done = check(&root.join(package), temporary.parent().unwrap());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    // The fixture has the dependencies of the domain, and reads the clock.
    let target = temporary.join("purity");
    let fixture = target.join("impure");
    fs::create_dir_all(fixture.join("src")).unwrap();
    let manifest = fs::read_to_string(root.join("domain/Cargo.toml")).unwrap();
    let workspace_manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let line = |name: &str| {
        let found = workspace_manifest.lines().find(|line| line.starts_with(&format!("{name} = ")));
        assert!(manifest.contains(&format!("{name}.workspace = true")));
        found.expect("the workspace has it").to_owned()
    };
    let impure = format!(
        "[package]\nname = \"impure\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{}\n{}\n[workspace]\n",
        line("chrono"),
        line("uuid"),
    );
    fs::write(fixture.join("Cargo.toml"), impure).unwrap();
    fs::copy(root.join("Cargo.lock"), fixture.join("Cargo.lock")).unwrap();
    for (code, missing) in [
        ("pub fn now() -> chrono::DateTime<chrono::Utc> { chrono::Utc::now() }", "now"),
        ("pub fn id() -> uuid::Uuid { uuid::Uuid::now_v7() }", "now_v7"),
    ] {
        fs::write(fixture.join("src/lib.rs"), code).unwrap();
        let done = check(&fixture, &target);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && errors.contains(&format!("`{missing}`")), "{errors}");
    }
}
