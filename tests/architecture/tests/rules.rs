//! The rules on the real tree, and each rule on a fixture that breaks it.

use skep_architecture::*;
use std::{collections::BTreeSet, fs};

const DOMAIN: &[&str] = &[
    "caseless",
    "chrono",
    "chrono-tz",
    "croner",
    "icu_properties",
    "idna",
    "iso_currency",
    "serde",
    "thiserror",
    "unicode-normalization",
    "unicode-segmentation",
    "uuid",
];
const APPLICATION: &[&str] =
    &["async-trait", "event-listener", "flate2", "mockall", "serde", "serde_json", "thiserror", "uuid"];
const INNER: &[&str] = &["skep-application", "skep-domain"];

/// The allowed dependencies. Adapters use the inner crates, and the adapters of both SQL engines use `skep-sql`.
const ALLOWED: &[Allowed] = &[
    Allowed { package: "skep-domain", inside: &[], outside: Some(DOMAIN) },
    Allowed { package: "skep-application", inside: &["skep-domain"], outside: Some(APPLICATION) },
    Allowed { package: "skep-blobs", inside: INNER, outside: None },
    Allowed { package: "skep-images", inside: INNER, outside: None },
    Allowed { package: "skep-sql", inside: INNER, outside: None },
    Allowed { package: "skep-sqlite", inside: &["skep-application", "skep-domain", "skep-sql"], outside: None },
    Allowed { package: "skep-sqlite-memory", inside: &[], outside: Some(&["libmimalloc-sys", "rusqlite"]) },
    Allowed { package: "skep-postgres", inside: &["skep-application", "skep-domain", "skep-sql"], outside: None },
    Allowed { package: "skep-mongodb", inside: INNER, outside: None },
    Allowed { package: "skep-redis", inside: INNER, outside: None },
    Allowed { package: "skep-local", inside: INNER, outside: None },
    Allowed { package: "skep-memory", inside: INNER, outside: None },
    Allowed { package: "skep-outbound", inside: INNER, outside: None },
    Allowed { package: "skep-mail", inside: &["skep-application", "skep-domain", "skep-outbound"], outside: None },
    Allowed { package: "skep-scanner", inside: &["skep-application", "skep-domain", "skep-outbound"], outside: None },
    Allowed { package: "skep-templates", inside: INNER, outside: None },
    Allowed { package: "skep-crypto", inside: INNER, outside: None },
    Allowed { package: "skep-workers", inside: INNER, outside: None },
    Allowed { package: "skep-http", inside: INNER, outside: None },
    Allowed {
        package: "skep",
        inside: &[
            "skep-application",
            "skep-blobs",
            "skep-crypto",
            "skep-domain",
            "skep-http",
            "skep-images",
            "skep-local",
            "skep-mail",
            "skep-mongodb",
            "skep-outbound",
            "skep-postgres",
            "skep-redis",
            "skep-scanner",
            "skep-sql",
            "skep-sqlite",
            "skep-sqlite-memory",
            "skep-workers",
            "skep-templates",
        ],
        outside: None,
    },
    Allowed {
        package: "embed-axum",
        inside: &["skep", "skep-application", "skep-domain", "skep-local", "skep-sql", "skep-sqlite"],
        outside: None,
    },
    Allowed { package: "skep-contract", inside: INNER, outside: None },
    Allowed {
        package: "own-adapter",
        inside: &["skep-application", "skep-domain", "skep-memory"],
        outside: Some(&["async-trait", "tokio"]),
    },
    Allowed { package: "skep-architecture", inside: &[], outside: Some(&["serde_json"]) },
];

/// Crates of tests may use any crate, so the table does not have them.
const TESTS: &[&str] = &[
    "skep-suites",
    "skep-journeys",
    "skep-model",
    "skep-budgets",
    "skep-clients",
    "skep-crashes",
    "skep-upgrades",
    "xtask",
];

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

/// Checks that contexts use only those other contexts that they declare.
fn assert_borders(crate_folder: &str) {
    let root = workspace();
    assert_none(&border_violations(&rust_files(&root.join(crate_folder)), &contexts(&root)));
}

#[test]
fn contexts_keep_their_borders() {
    assert_borders("domain/src");
    assert_borders("application/src");
}

#[test]
fn contexts_of_the_http_adapter_know_nothing_of_each_other() {
    let root = workspace();
    assert_eq!(context_edges(&rust_files(&root.join("adapters/http/src")), &contexts(&root)), BTreeSet::new());
}

#[test]
fn contexts_are_found() {
    let found = contexts(&workspace());
    for name in ["access", "catalog", "identity", "ordering"] {
        assert!(found.iter().any(|context| context == name), "{found:?}");
    }
    assert!(!found.iter().any(|context| context == "kernel" || context == "shared"), "{found:?}");
}

/// The shared folders use no context, and no context uses the `api` that puts them together.
#[test]
fn the_http_adapter_is_built_in_one_direction() {
    const SHARED: &[&str] = &["edge", "problem", "body", "parts"];
    let contexts = contexts(&workspace());
    let others = SHARED.iter().chain(&["system", "api"]).map(|folder| (*folder).to_owned());
    let folders: Vec<String> = contexts.iter().cloned().chain(others).collect();
    let edges = context_edges(&rust_files(&workspace().join("adapters/http/src")), &folders);
    let upward = edges.iter().filter(|edge| SHARED.contains(&&*edge.from) && !SHARED.contains(&&*edge.to));
    assert_eq!(upward.collect::<Vec<_>>(), Vec::<&Edge>::new());
    let to_the_top = edges.iter().filter(|edge| edge.to == "api");
    assert_eq!(to_the_top.collect::<Vec<_>>(), Vec::<&Edge>::new());
    let plugged = edges.iter().filter(|edge| edge.from == "api" && contexts.contains(&edge.to));
    assert!(plugged.count() >= 3, "the api lists the contexts: {edges:?}");
}

/// Each module of the program uses only modules before it in the list. Configuration, telemetry and the demo do not use
/// the wiring (`stores`, `skep`).
#[test]
fn the_program_is_built_in_one_direction() {
    const ORDER: [&str; 13] = [
        "config",
        "causes",
        "demo",
        "data_dir",
        "telemetry",
        "mail",
        "stores",
        "skep",
        "Skep",
        "Builder",
        "check",
        "commands",
        "testing",
    ];
    let modules = ORDER.map(str::to_owned);
    let mut files = rust_files(&workspace().join("bin/skep/src"));
    // The demo's test fills a whole instance.
    files.retain(|file| !file.path.ends_with("tests.rs"));
    let edges = context_edges(&files, &modules);
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    let upward = edges.iter().filter(|edge| place(&edge.to) > place(&edge.from));
    assert_eq!(upward.collect::<Vec<_>>(), Vec::<&Edge>::new());
    for (from, to) in [("telemetry", "config"), ("stores", "telemetry"), ("skep", "stores"), ("commands", "Skep")] {
        assert!(edges.contains(&Edge { from: from.to_owned(), to: to.to_owned() }), "{from} to {to} in {edges:?}");
    }
}

/// The code that puts the adapters together stays short enough to be read at once.
#[test]
fn the_wiring_is_short() {
    let lines = |file: &str| fs::read_to_string(workspace().join("bin/skep/src").join(file)).unwrap().lines().count();
    let wiring = lines("skep.rs") + lines("stores.rs");
    assert!((1..400).contains(&wiring), "{wiring} lines");
}

#[test]
fn a_context_that_reaches_across_is_caught() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let files = [
        file("catalog.rs", "use crate::ordering::Order;"),
        file("catalog/mod.rs", "//! Products.\n//!\n//! Uses `identity`: for no reason."),
        file("identity/b.rs", "use crate::{\n    catalog::{Product, StockLevel},\n    kernel::Actor,\n};"),
        file("identity/mod.rs", "//! Uses `catalog`: a gift for every account."),
        file("ordering/c.rs", "use crate::ordering::Order; // crate::identityless"),
        file("kernel/d.rs", "use crate::identity::User;"),
    ];
    let contexts = ["catalog", "identity", "ordering"].map(str::to_owned);
    let edge = |from: &str, to: &str| Edge { from: from.to_owned(), to: to.to_owned() };
    let used = BTreeSet::from([edge("catalog", "ordering"), edge("identity", "catalog")]);
    assert_eq!(context_edges(&files, &contexts), used);
    assert_eq!(
        border_violations(&files, &contexts),
        [
            "catalog uses ordering, and its mod.rs does not say so",
            "the mod.rs of catalog says that it uses identity, which it does not",
        ]
    );
}

#[test]
fn files_have_at_most_600_lines() {
    assert_none(&long_files(&rust_files(&workspace()), 600));
}

#[test]
fn a_long_file_is_caught() {
    let file = SourceFile { path: "a.rs".to_owned(), text: "\n".repeat(601) };
    assert_eq!(long_files(&[file], 600).len(), 1);
}

#[test]
fn only_the_memory_of_sqlite_is_unsafe() {
    let word = ["un", "safe_code"].concat();
    let files = rust_files(&workspace()).into_iter().filter(|file| file.text.contains(&word));
    let paths: Vec<String> = files.map(|file| file.path).collect();
    let allowed =
        ["adapters/sqlite-memory/src/lib.rs", "adapters/sqlite-memory/tests/allocator.rs", "bin/skep/src/main.rs"];
    assert_eq!(paths, allowed);
}

#[test]
fn every_crate_uses_the_lints_of_the_workspace() {
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

/// The adapters of stores. A port that none of them implements needs no contract: its adapters test it.
const STORES: [&str; 4] = ["adapters/sql/src", "adapters/mongodb/src", "adapters/redis/src", "adapters/memory/src"];

#[test]
fn every_port_of_a_store_has_a_contract() {
    let root = workspace();
    let ports = port_traits(&rust_files(&root.join("application/src")));
    let stores: Vec<SourceFile> = STORES.iter().flat_map(|folder| rust_files(&root.join(folder))).collect();
    let ports = implemented(&ports, &stores);
    for name in ["ProductRepository", "OrderQueries", "Migrations", "RateLimits"] {
        assert!(ports.iter().any(|port| port == name), "{name} in {ports:?}");
    }
    assert!(!ports.iter().any(|port| port == "Clock"), "{ports:?}");
    assert_none(&ports_without_module(&ports, &rust_files(&root.join("tests/contract/src"))));
}

#[test]
fn a_port_without_a_contract_is_caught() {
    let file = |text: &str| SourceFile { path: "a.rs".to_owned(), text: text.to_owned() };
    let mocked = "#[cfg_attr(test, mockall::automock)]\n#[async_trait]\n";
    let application = [file(&format!(
        "{mocked}pub trait BeeQueries: Send {{}}\npub trait Plain {{}}\n{mocked}pub trait Hum: Send {{}}"
    ))];
    let ports = port_traits(&application);
    assert_eq!(ports, ["BeeQueries", "Hum"]);
    let in_tests = SourceFile { path: "tests.rs".to_owned(), text: "impl Hum for Silence {}".to_owned() };
    let ports = implemented(&ports, &[file("impl BeeQueries for Hive {}"), in_tests]);
    assert_eq!(ports, ["BeeQueries"]);
    assert_eq!(ports_without_module(&ports, &[file("MyBeeQueriesToo")]), ["no contract module names BeeQueries"]);
    assert_none(&ports_without_module(&ports, &[file("BeeQueries::find")]));
}

/// Search would not find what another place stores.
#[test]
fn entities_with_an_index_are_stored_in_one_place() {
    let files = rust_files(&workspace().join("application/src"));
    assert!(files.iter().any(|file| file.path.ends_with("stored_products.rs")), "the rule has a file");
    assert_none(&stray_writes(&files));
}

#[test]
fn an_entity_that_is_stored_elsewhere_is_caught() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let own = file("hive/stored_bees.rs", "unit.bees().insert(bee)");
    let reading = file("hive/wake_bees.rs", "unit.bees().find(bee); unit.wasps().save(wasp)");
    assert_none(&stray_writes(&[own.clone(), reading]));
    let stray = file("hive/wake_bees.rs", "unit\n    .bees()\n    .save(bee)");
    assert_eq!(stray_writes(&[own, stray]), ["hive/wake_bees.rs stores bees without stored_bees.rs"]);
}

#[test]
fn numbered_clauses_are_found() {
    let text = "/// Reads bees.\n///\n/// 1. First.\n///    Still the first.\n/// 2. Second.\n\
        #[async_trait]\npub trait Bees: Send {}\n/// 1. Of another port.\npub trait BeesAtHome: Send {}\n";
    let files = [SourceFile { path: "a.rs".to_owned(), text: text.to_owned() }];
    assert_eq!(clauses_of(&files, "Bees"), [1, 2]);
    assert_eq!(clauses_of(&files, "BeesAtHome"), [1]);
    assert!(clauses_of(&files, "Wasps").is_empty());
}
