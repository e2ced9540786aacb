//! `cargo xtask bench` measures the speed of the server and compares it with the limits of the machine.

pub(crate) mod baseline;
pub(crate) mod client;
pub(crate) mod conditions;
pub(crate) mod inside;
pub(crate) mod measure;
pub(crate) mod pairs;
pub(crate) mod process;
pub(crate) mod report;
mod scenarios;
pub(crate) mod stand;

use client::Window;
use report::Report;
use scenarios::{Course, Scenario};
use skep_journeys::Store;
use stand::Stand;
use std::{
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// An error that is printed for a person.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The default number of products in the shop.
const PRODUCTS: usize = 100_000;
const QUICK_PRODUCTS: usize = 2_000;
/// The default number of rows to which a list grows.
const ROWS: usize = 1_000_000;

/// The options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// The stores to measure, one after the other: sqlite, postgres, mongodb. SKEP_TEST_POSTGRES_URL and
    /// SKEP_TEST_MONGODB_URL have the addresses of the servers.
    #[arg(long, value_delimiter = ',', default_value = "sqlite")]
    store: Vec<String>,
    /// Measure only these scenarios.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// The length of each measurement, in seconds.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    seconds: f64,
    /// Measure at most one second each, in a small shop. This checks that everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// The number of products in the shop [default: 100,000; 2,000 with --quick].
    #[arg(long, value_name = "N")]
    products: Option<usize>,
    /// Also measure how pages slow down as the list grows to this many rows. On SQLite, 1,000,000 rows take minutes. On
    /// the other stores they take far longer, so there it also needs --only growth.
    #[arg(long, value_name = "ROWS")]
    growth: Option<usize>,
    /// The number of products that are searched [default: as many as in the shop]. 1,000,000 take minutes to fill.
    #[arg(long, value_name = "N")]
    searched: Option<usize>,
    /// The server to measure. Without this option, it is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also put the tables between the markers of this document.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
}

impl Bench {
    fn window(&self) -> Window {
        let seconds = if self.quick { self.seconds.min(1.0) } else { self.seconds };
        let length = Duration::from_secs_f64(seconds.clamp(0.05, 600.0));
        Window { warm_up: (length / 5).min(Duration::from_secs(2)), length }
    }

    fn products(&self) -> usize {
        self.products.unwrap_or(if self.quick { QUICK_PRODUCTS } else { PRODUCTS }).max(10)
    }

    fn searched(&self) -> usize {
        self.searched.unwrap_or_else(|| self.products()).max(1_000)
    }

    fn scenarios(&self, store: &Store) -> Vec<Scenario> {
        use clap::ValueEnum as _;
        let all = Scenario::value_variants().iter();
        let is_wanted = |scenario: &Scenario| match scenario {
            // A million rows take minutes on SQLite. Other stores take longer, so the scenario must be named.
            Scenario::Growth => {
                self.only.contains(scenario) || (self.growth.is_some() && matches!(store, Store::Sqlite))
            }
            _ => self.only.is_empty() || self.only.contains(scenario),
        };
        all.copied().filter(is_wanted).collect()
    }
}

/// Measures and prints the report.
///
/// # Errors
/// If a store cannot be reached or a file cannot be written. A fault in a scenario goes into the report, and makes the
/// run fail at its end.
pub(crate) fn run(bench: &Bench) -> Result<(), Fault> {
    let binary = match &bench.binary {
        Some(binary) => binary.canonicalize()?,
        None => skep_journeys::skep().to_owned(),
    };
    if let Some(document) = &bench.document {
        conditions::check(document)?;
    }
    let mut stores = vec![];
    for name in &bench.store {
        if !["sqlite", "postgres", "mongodb"].contains(&name.as_str()) {
            return Err(format!("there is no store called {name}").into());
        }
        let store = Store::named(name).map_err(|variable| format!("{variable} is not set"))?;
        store.sweep();
        stores.push(store);
    }
    let mut conditions = conditions::of_machine(&stores);
    conditions.extend(conditions::of_benchmark(bench.window(), bench.products()));
    let mut report = Report { conditions, ..Report::default() };
    for store in &stores {
        one_store(bench, &binary, store, &mut report)?;
    }
    print(&report.tables());
    if let Some(file) = &bench.json {
        fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(document) = &bench.document {
        conditions::document(document, &report.tables())?;
    }
    if report.faults.is_empty() { Ok(()) } else { Err("some scenarios failed: see the last table".into()) }
}

fn one_store(bench: &Bench, binary: &Path, store: &Store, report: &mut Report) -> Result<(), Fault> {
    let stand = Stand::new(binary, store)?;
    progress(&format!("{}: filling {} products", store.name(), bench.products()));
    let start = Instant::now();
    let mut course = Course::open(&stand, bench.products(), bench.window(), report)?;
    progress(&format!("{}: filled in {:.1} s", store.name(), start.elapsed().as_secs_f64()));
    for scenario in bench.scenarios(store) {
        progress(&format!("{}: {scenario:?}", store.name()));
        if let Err(fault) = course.run(scenario, bench.growth.unwrap_or(ROWS), bench.searched()) {
            course.failed(scenario, &fault);
        }
    }
    course.close()
}

/// Writes text to standard output.
pub(crate) fn print(text: &str) {
    // A reader may close the pipe early.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[expect(clippy::print_stderr, reason = "a person sees the progress")]
fn progress(text: &str) {
    eprintln!("bench: {text}");
}
