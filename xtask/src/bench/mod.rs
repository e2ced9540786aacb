//! `cargo xtask bench`: how fast the server is, and how far that is from what the machine can do.

pub(crate) mod baseline;
mod client;
mod conditions;
mod measure;
mod process;
mod report;
mod scenarios;
mod stand;

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

/// Whatever went wrong, for a person.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// Products in the shop, unless told otherwise.
const PRODUCTS: usize = 100_000;
const QUICK_PRODUCTS: usize = 2_000;
/// What a list grows to.
const ROWS: usize = 1_000_000;

/// What is to be measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// On these stores, one after the other: sqlite, postgres, mongodb. The servers are those that
    /// SKEP_TEST_POSTGRES_URL and SKEP_TEST_MONGODB_URL name.
    #[arg(long, value_delimiter = ',', default_value = "sqlite")]
    store: Vec<String>,
    /// These alone.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    seconds: f64,
    /// A second for each, in a small shop: whether all of it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// How many products the shop has [default: 100,000; 2,000 with --quick].
    #[arg(long, value_name = "N")]
    products: Option<usize>,
    /// Measure on SQLite, too, how pages slow down as the list grows to this many rows: minutes for 1,000,000. On the
    /// other stores it takes far longer: only with --only growth.
    #[arg(long, value_name = "ROWS")]
    growth: Option<usize>,
    /// The server to measure; built unless named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Write all of it as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the tables between the markers of this document, too.
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

    fn scenarios(&self, store: &Store) -> Vec<Scenario> {
        use clap::ValueEnum as _;
        let all = Scenario::value_variants().iter();
        let is_wanted = |scenario: &Scenario| match scenario {
            // A million rows are made within minutes on SQLite; elsewhere it takes a wish of one's own.
            Scenario::Growth => {
                self.only.contains(scenario) || (self.growth.is_some() && matches!(store, Store::Sqlite))
            }
            _ => self.only.is_empty() || self.only.contains(scenario),
        };
        all.copied().filter(is_wanted).collect()
    }
}

/// Measures.
///
/// # Errors
/// A store cannot be reached, or a file cannot be written. What goes wrong in a scenario is told in the report, and is
/// an error in the end.
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
    let conditions = conditions::of_machine(bench.window(), bench.products(), &stores);
    let mut report = Report { conditions, ..Report::default() };
    for store in &stores {
        one_store(bench, &binary, store, &mut report)?;
    }
    say(&report.tables());
    if let Some(file) = &bench.json {
        fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(document) = &bench.document {
        conditions::document(document, &report.tables())?;
    }
    if report.faults.is_empty() { Ok(()) } else { Err("not everything went as it should: see the last table".into()) }
}

fn one_store(bench: &Bench, binary: &Path, store: &Store, report: &mut Report) -> Result<(), Fault> {
    let stand = Stand::new(binary, store)?;
    progress(&format!("{}: filling {} products", store.name(), bench.products()));
    let start = Instant::now();
    let mut course = Course::open(&stand, bench.products(), bench.window(), report)?;
    progress(&format!("{}: filled in {:.1} s", store.name(), start.elapsed().as_secs_f64()));
    for scenario in bench.scenarios(store) {
        progress(&format!("{}: {scenario:?}", store.name()));
        if let Err(fault) = course.run(scenario, bench.growth.unwrap_or(ROWS)) {
            course.failed(scenario, &fault);
        }
    }
    course.close()
}

fn say(text: &str) {
    // Whoever closes it has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[expect(clippy::print_stderr, reason = "what is going on is told to a person")]
fn progress(text: &str) {
    eprintln!("bench: {text}");
}
