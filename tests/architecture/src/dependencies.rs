//! The packages of the workspace, and the dependencies that each may have.

use serde_json::Value;
use std::{collections::BTreeSet, path::Path, process::Command};

/// A package of the workspace and its direct dependencies, without those of tests and build scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name in its manifest.
    pub name: String,
    /// The names of its dependencies.
    pub dependencies: Vec<String>,
}

/// The dependencies that a package may have.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// The name of the package.
    pub package: &'static str,
    /// The packages of the workspace that it may use.
    pub inside: &'static [&'static str],
    /// The crates from outside of the workspace that it may use; `None` for any.
    pub outside: Option<&'static [&'static str]>,
}

/// The packages of the workspace, as cargo sees them.
///
/// # Panics
/// If cargo cannot be run, or if its output has another form.
#[must_use]
pub fn packages(workspace: &Path) -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace)
        .output()
        .expect("cargo can be run");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata answers json");
    let packages = metadata["packages"].as_array().expect("there are packages");
    packages.iter().map(package).collect()
}

fn package(package: &Value) -> Package {
    let text = |value: &Value| value.as_str().expect("names are text").to_owned();
    let dependencies = package["dependencies"].as_array().expect("there are dependencies").iter();
    // `kind` is null for those of the library itself.
    let own = dependencies.filter(|dependency| dependency["kind"].is_null());
    Package { name: text(&package["name"]), dependencies: own.map(|dependency| text(&dependency["name"])).collect() }
}

/// The dependencies that are not allowed, and the entries of the table that are not used, one text each.
#[must_use]
pub fn dependency_violations(packages: &[Package], allowed: &[Allowed]) -> Vec<String> {
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut violations = vec![];
    for rule in allowed.iter().filter(|rule| !names.contains(rule.package)) {
        violations.push(format!("the table names {}, which does not exist", rule.package));
    }
    for package in packages {
        let Some(rule) = allowed.iter().find(|rule| rule.package == package.name) else {
            violations.push(format!("{} is not in the table", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let inside = names.contains(dependency.as_str());
            let fine = match (inside, rule.outside) {
                (true, _) => rule.inside.contains(&dependency.as_str()),
                (false, None) => true,
                (false, Some(outside)) => outside.contains(&dependency.as_str()),
            };
            if !fine {
                violations.push(format!("{} must not depend on {dependency}", package.name));
            }
        }
        for unused in
            rule.inside.iter().filter(|name| !package.dependencies.iter().any(|dependency| dependency == *name))
        {
            violations.push(format!("the table allows {} to use {unused}, which it does not", package.name));
        }
    }
    violations
}
