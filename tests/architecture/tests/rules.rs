//! The rules on the real tree, and each rule on a fixture that breaks it.

use skep_architecture::*;
use std::{collections::BTreeSet, fs};

const DOMAIN: &[&str] = &["caseless", "chrono", "iso_currency", "serde", "thiserror", "unicode-normalization", "uuid"];
const APPLICATION: &[&str] = &["async-trait", "mockall", "serde", "serde_json", "thiserror", "uuid"];
const INNER: &[&str] = &["skep-application", "skep-domain"];

/// Who may depend on whom. Adapters know the inside and, for the two SQL engines, the layer they share.
const ALLOWED: &[Allowed] = &[
    Allowed { package: "skep-domain", inside: &[], outside: Some(DOMAIN) },
    Allowed { package: "skep-application", inside: &["skep-domain"], outside: Some(APPLICATION) },
    Allowed { package: "skep-sql", inside: INNER, outside: None },
    Allowed { package: "skep-sqlite", inside: &["skep-application", "skep-domain", "skep-sql"], outside: None },
    Allowed { package: "skep-postgres", inside: &["skep-application", "skep-domain", "skep-sql"], outside: None },
    Allowed { package: "skep-mongodb", inside: INNER, outside: None },
    Allowed { package: "skep-redis", inside: &["skep-application"], outside: None },
    Allowed { package: "skep-local", inside: INNER, outside: None },
    Allowed { package: "skep-crypto", inside: INNER, outside: None },
    Allowed { package: "skep-http", inside: INNER, outside: None },
    Allowed {
        package: "skep",
        inside: &[
            "skep-application",
            "skep-crypto",
            "skep-domain",
            "skep-http",
            "skep-local",
            "skep-mongodb",
            "skep-postgres",
            "skep-redis",
            "skep-sql",
            "skep-sqlite",
        ],
        outside: None,
    },
    Allowed { package: "skep-contract", inside: INNER, outside: None },
    Allowed { package: "skep-architecture", inside: &[], outside: Some(&["serde_json"]) },
];

/// The crates of tests see what they test; everything else is in the table.
const TESTS: &[&str] =
    &["skep-suites", "skep-journeys", "skep-model", "skep-budgets", "skep-clients", "skep-crashes", "xtask"];

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn dependencies_point_inward() {
    let packages: Vec<Package> =
        packages(&workspace()).into_iter().filter(|package| !TESTS.contains(&package.name.as_str())).collect();
    assert_none(&dependency_violations(&packages, ALLOWED));
}

#[test]
fn an_adapter_that_uses_another_is_caught() {
    let package = |name: &str, dependencies: &[&str]| Package {
        name: name.to_owned(),
        dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
    };
    let table = [
        Allowed { package: "skep-domain", inside: &[], outside: Some(&["serde"]) },
        Allowed { package: "skep-http", inside: &["skep-domain"], outside: None },
        Allowed { package: "gone", inside: &[], outside: None },
    ];
    let packages = [
        package("skep-domain", &["serde", "tokio"]),
        package("skep-http", &["skep-sqlite"]),
        package("skep-sqlite", &[]),
    ];
    let expected = [
        "the table names gone, which does not exist",
        "skep-domain must not depend on tokio",
        "skep-http must not depend on skep-sqlite",
        "the table allows skep-http to use skep-domain, which it does not",
        "skep-sqlite is not in the table",
    ];
    assert_eq!(dependency_violations(&packages, &table), expected);
}

const CONTEXTS: &[&str] = &["access", "catalog", "identity", "operations", "ordering"];

/// Contexts know each other by ids, published types and published repositories: these edges, and no others.
fn edges(table: &[(&str, &str)]) -> BTreeSet<Edge> {
    table.iter().map(|(from, to)| Edge { from: (*from).to_owned(), to: (*to).to_owned() }).collect()
}

#[test]
fn contexts_of_the_domain_keep_their_borders() {
    // Accounts have roles; orders snapshot products.
    let allowed = edges(&[("identity", "access"), ("ordering", "catalog")]);
    assert_eq!(context_edges(&rust_files(&workspace().join("domain/src")), CONTEXTS), allowed);
}

#[test]
fn contexts_of_the_application_keep_their_borders() {
    let allowed = edges(&[
        // Ordering works on the catalogue's published repositories.
        ("ordering", "catalog"),
        // Logging in counts attempts.
        ("identity", "operations"),
        // A store is all of its contexts.
        ("operations", "catalog"),
        ("operations", "identity"),
        ("operations", "ordering"),
    ]);
    assert_eq!(context_edges(&rust_files(&workspace().join("application/src")), CONTEXTS), allowed);
}

#[test]
fn contexts_of_the_http_adapter_know_nothing_of_each_other() {
    assert_eq!(context_edges(&rust_files(&workspace().join("adapters/http/src")), CONTEXTS), BTreeSet::new());
}

/// What contexts are made of knows none of them, and none of them knows what puts them together.
#[test]
fn the_http_adapter_is_built_in_one_direction() {
    const SHARED: &[&str] = &["edge", "problem", "body", "parts"];
    let folders: Vec<&str> = [SHARED, CONTEXTS, &["system", "api"]].concat();
    let edges = context_edges(&rust_files(&workspace().join("adapters/http/src")), &folders);
    let upward = edges.iter().filter(|edge| SHARED.contains(&&*edge.from) && !SHARED.contains(&&*edge.to));
    assert_eq!(upward.collect::<Vec<_>>(), Vec::<&Edge>::new());
    let to_the_top = edges.iter().filter(|edge| edge.to == "api");
    assert_eq!(to_the_top.collect::<Vec<_>>(), Vec::<&Edge>::new());
    let plugged = edges.iter().filter(|edge| edge.from == "api" && CONTEXTS.contains(&&*edge.to));
    assert!(plugged.count() >= 3, "the api lists the contexts: {edges:?}");
}

#[test]
fn a_context_that_reaches_across_is_caught() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let files = [
        file("catalog/a.rs", "use crate::ordering::Order;"),
        file("identity/b.rs", "use crate::{\n    catalog::{Product, StockLevel},\n    kernel::Actor,\n};"),
        file("ordering/c.rs", "use crate::ordering::Order; // crate::identityless"),
        file("kernel/d.rs", "use crate::identity::User;"),
    ];
    assert_eq!(context_edges(&files, CONTEXTS), edges(&[("catalog", "ordering"), ("identity", "catalog")]));
}

#[test]
fn files_stay_small_enough_to_hold_in_the_head() {
    assert_none(&long_files(&rust_files(&workspace()), 600));
}

#[test]
fn a_long_file_is_caught() {
    let file = SourceFile { path: "a.rs".to_owned(), text: "\n".repeat(601) };
    assert_eq!(long_files(&[file], 600).len(), 1);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let root = workspace();
    let text = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = text.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members = members.split(',').map(|member| member.trim().trim_matches('"')).filter(|member| !member.is_empty());
    let manifests: Vec<(String, String)> = members
        .map(|member| (member.to_owned(), fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap()))
        .collect();
    assert!(manifests.len() >= 14);
    assert_none(&manifests_without_lints(&manifests));
    assert_eq!(manifests_without_lints(&[("a".to_owned(), "[package]".to_owned())]).len(), 1);
}

/// Ports whose other side is not a store: their contracts are the tests of their adapters.
const NO_STORE: &[&str] =
    &["AccessTokens", "Clock", "Fingerprints", "IdGenerator", "OneTimeSecrets", "PasswordHasher", "Random", "Sleeper"];

#[test]
fn every_port_of_a_store_has_a_contract() {
    let root = workspace();
    let ports = port_traits(&rust_files(&root.join("application/src")));
    assert!(ports.len() > 15, "{ports:?}");
    assert_none(&ports_without_module(&ports, &rust_files(&root.join("tests/contract/src")), NO_STORE));
}

#[test]
fn a_port_without_a_contract_is_caught() {
    let file = |text: &str| SourceFile { path: "a.rs".to_owned(), text: text.to_owned() };
    let application = [file(
        "#[cfg_attr(test, mockall::automock)]\n#[async_trait]\npub trait BeeQueries: Send {}\npub trait Plain {}",
    )];
    let ports = port_traits(&application);
    assert_eq!(ports, ["BeeQueries"]);
    assert_eq!(
        ports_without_module(&ports, &[file("MyBeeQueriesToo")], &[]),
        ["no contract module speaks of BeeQueries"]
    );
    assert_none(&ports_without_module(&ports, &[file("BeeQueries::find")], &[]));
    assert_eq!(
        ports_without_module(&ports, &[file("BeeQueries")], &["Gone"]),
        ["the exceptions name Gone, which is no port"]
    );
}

#[test]
fn numbered_clauses_are_found() {
    let application = rust_files(&workspace().join("application/src"));
    assert_eq!(clauses_of(&application, "Outbox"), [1, 2, 3]);
    assert_eq!(clauses_of(&application, "IdempotencyKeys"), [1, 2, 3, 4]);
    assert_eq!(clauses_of(&application, "StockRepository"), [1, 2, 3, 4]);
}
