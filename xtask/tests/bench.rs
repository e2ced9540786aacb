//! The benchmark works: every scenario runs in a small shop for an instant. The measured speed means nothing here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use skep_journeys::Store;
use std::{env, fs, process::Command};

/// Runs the benchmark on a store and returns its report.
fn bench(store: &str, scenarios: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (json, document) = (folder.path().join("report.json"), folder.path().join("benchmarks.md"));
    fs::write(&document, "# Speed\n\n<!-- results: begin -->\n<!-- results: end -->\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "--quick", "--seconds", "0.2", "--products", "300", "--growth", "600"])
        .args(["--store", store, "--only", scenarios])
        .arg("--binary")
        .arg(skep_journeys::skep())
        .arg("--json")
        .arg(&json)
        .arg("--document")
        .arg(&document)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&document).unwrap();
    assert!(text.starts_with("# Speed\n") && text.contains(printed.trim()), "the document has the tables:\n{text}");
    serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap()
}

/// Checks that every stream of requests was answered, and that no answer was wrong.
fn check(report: &Value, rows: &[&str], ratios: usize) {
    assert_eq!(report["faults"], Value::Array(vec![]));
    let whats: Vec<&str> = report["rows"].as_array().unwrap().iter().filter_map(|row| row["what"].as_str()).collect();
    for row in rows {
        assert!(whats.iter().any(|what| what.contains(row)), "{row} is missing: {whats:?}");
    }
    for row in report["rows"].as_array().unwrap() {
        // All answers are counted, because the short window may have none.
        assert!(row["total"].as_u64() > Some(0), "nothing was answered: {row}");
        assert!(row["latency_ms"]["p99"].as_f64() >= row["latency_ms"]["p50"].as_f64(), "{row}");
        assert!(row["server_memory"].as_u64() > Some(1 << 20), "{row}");
    }
    let found = report["ratios"].as_array().unwrap();
    assert_eq!(found.len(), ratios, "{found:?}");
    assert!(found.iter().all(|ratio| ratio["limit_per_second"].as_f64() > Some(0.0)), "{found:?}");
    assert!(report["conditions"].as_array().unwrap().iter().any(|condition| condition["name"] == "commit"));
}

fn every_scenario_works_on_sqlite() {
    let report = bench("sqlite", "product,list,create,order,mixed,queue,login,start,growth,jobs,wake,claim,relay");
    let rows = [
        "get product",
        "get product, token",
        "bare hyper handler",
        "empty poem-openapi endpoint",
        "list 20 products, first page",
        "list 20 products, deep page",
        "list 20 products, exact count",
        "create a product",
        "place an order of 3 lines",
        "beside orders",
        "while 64 log in",
        "log in, 16 in flight",
        "list 20 of 600 products, deep page",
        "jobs in batches of 64",
        "jobs one by one, with an effect",
        "from enqueue to start, idle workers",
        "orders, without a relay",
        "orders, with a relay and two subscribers",
    ];
    check(&report, &rows, 12);
    let targets = report["targets"].as_array().unwrap();
    for what in [
        "a read after a change shows it",
        "start on an existing store",
        "idle memory",
        "idle CPU",
        "claim of 10 jobs",
        "look for jobs that are due",
        "orders/s, paced, with a relay",
    ] {
        assert!(targets.iter().any(|target| target["what"].as_str().unwrap().contains(what)), "{targets:?}");
    }
}

/// Checks the orders of a store with this number of limits.
fn orders_work(store: &str, limits: usize) {
    check(&bench(store, "product,order"), &["get product, token", "place an order of 3 lines"], 4 + limits);
}

/// Checks the jobs of a store with this number of limits.
fn jobs_work(store: &str, limits: usize) {
    let rows = ["jobs in batches of 64", "jobs one by one, with an effect", "enqueued by another instance"];
    check(&bench(store, "jobs,wake,claim"), &rows, limits);
}

/// A trial on a store. Without its server, it is ignored, or fails if `SKEP_REQUIRE_STORES` names the store.
fn on_a_server(name: &str, work: fn(&str, usize), (store, limits): (&'static str, usize), required: &str) -> Trial {
    let name = format!("{store}::{name}");
    match Store::named(store) {
        Ok(_) => Trial::test(name, move || {
            work(store, limits);
            Ok(())
        }),
        Err(variable) => {
            let reason = format!("{variable} is not set");
            let is_required = required.split(',').any(|required| required.trim() == store);
            let trial = Trial::test(name, move || Err(format!("{variable} is not set").into()));
            if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
        }
    }
}

fn main() {
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let sqlite = Trial::test("sqlite::every_scenario_works", || {
        every_scenario_works_on_sqlite();
        Ok(())
    });
    // The limits of PostgreSQL are pgbench with nine and with ten statements, and with two sizes of batches. MongoDB's is
    // a loop of its driver.
    let trials = vec![
        sqlite,
        on_a_server("orders_work", orders_work, ("postgres", 2), &required),
        on_a_server("orders_work", orders_work, ("mongodb", 1), &required),
        on_a_server("jobs_work", jobs_work, ("postgres", 2), &required),
        on_a_server("jobs_work", jobs_work, ("mongodb", 0), &required),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
