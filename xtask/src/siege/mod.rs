//! `cargo xtask siege` attacks the server as one client can, and checks that other clients do not notice.

mod attacks;
mod finding;
mod ground;
mod http2;
mod neighbor;
mod report;
mod sockets;
mod watch;
mod wire;

use crate::bench::{Fault, conditions, print};
use attacks::{ATTACKS, Attack};
use finding::Finding;
use ground::{Ground, Scale};
use neighbor::Neighbor;
use report::{Line, Report};
use skep_journeys::Store;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use watch::{Marks, Watch};

/// The longest time that an attack may take, far more than any needs.
const LIMIT: Duration = Duration::from_secs(300);
/// One in this many requests of the neighbor may fail.
const FAILED: u64 = 50;
/// The time between the end of an attack and the last measurement.
const REST: Duration = Duration::from_secs(1);

/// The options of `cargo xtask siege`.
#[derive(Debug, clap::Args)]
pub(crate) struct Siege {
    /// The stores, one after the other: sqlite, postgres, mongodb. SKEP_TEST_POSTGRES_URL and SKEP_TEST_MONGODB_URL have
    /// the addresses of the servers.
    #[arg(long, value_delimiter = ',', default_value = "sqlite")]
    store: Vec<String>,
    /// Run only these attacks.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Run each attack for a few seconds and with fewer clients.
    #[arg(long)]
    short: bool,
    /// Print the names of the attacks.
    #[arg(long)]
    list: bool,
    /// The server to attack. Without this option, it is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also put the tables between the markers of this document.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
}

impl Siege {
    fn attacks(&self) -> Result<Vec<&'static Attack>, Fault> {
        if let Some(unknown) = self.only.iter().find(|name| ATTACKS.iter().all(|attack| attack.name != **name)) {
            return Err(format!("there is no attack called {unknown}").into());
        }
        let is_wanted = |attack: &&Attack| self.only.is_empty() || self.only.iter().any(|name| name == attack.name);
        Ok(ATTACKS.iter().filter(is_wanted).collect())
    }

    const fn scale(&self) -> Scale {
        if self.short { Scale::Short } else { Scale::Full }
    }
}

/// Attacks, and prints the report.
///
/// # Errors
/// If a store cannot be reached, if an attack cannot be run, or if the server does not withstand one.
pub(crate) fn run(siege: &Siege) -> Result<(), Fault> {
    let attacks = siege.attacks()?;
    if siege.list {
        attacks.iter().for_each(|attack| print(&format!("{}\n", attack.name)));
        return Ok(());
    }
    if let Some(document) = &siege.document {
        conditions::check(document)?;
    }
    let binary = match &siege.binary {
        Some(binary) => binary.canonicalize()?,
        None => skep_journeys::skep().to_owned(),
    };
    let mut stores = vec![];
    for name in &siege.store {
        if !["sqlite", "postgres", "mongodb"].contains(&name.as_str()) {
            return Err(format!("there is no siege on {name}").into());
        }
        let store = Store::named(name).map_err(|variable| format!("{variable} is not set"))?;
        store.sweep();
        stores.push(store);
    }
    let mut report = Report { conditions: conditions::of_machine(&stores), ..Report::default() };
    for store in &stores {
        for attack in &attacks {
            progress(&format!("{}: {}", store.name(), attack.name));
            match one(attack, &binary, store, siege.scale()) {
                Ok(line) => report.lines.push(line),
                Err(fault) => report.failed(store.name(), attack.name, &fault),
            }
        }
    }
    print(&report.tables());
    if let Some(file) = &siege.json {
        fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(document) = &siege.document {
        conditions::document(document, &report.tables())?;
    }
    report.verdict()
}

/// Runs an attack against a new server, and measures a neighbor before and during it.
fn one(attack: &Attack, binary: &Path, store: &Store, scale: Scale) -> Result<Line, Fault> {
    let ground = Ground::open(attack, binary, store, scale)?;
    let quiet = Neighbor::watch(&ground, ground.pick(Duration::from_secs(2), Duration::from_millis(500)))?;
    let before = Marks::of(&ground)?;
    let (neighbor, watch) = (Neighbor::start(&ground), Watch::start(&ground));
    let done = ground.block_on(async { tokio::time::timeout(LIMIT, (attack.run)(&ground)).await });
    let (felt, peak) = (neighbor.stop(), watch.stop());
    // The memory of a server that has ended cannot be read, so its end is a fault of the attack.
    let (felt, peak) = (felt?, peak?);
    thread::sleep(ground.pick(REST, Duration::ZERO));
    let after = Marks::of(&ground)?;
    let found = done.map_err(|_| format!("the attack has not ended within {LIMIT:?}"))??;
    let mut findings = vec![
        Finding::bytes("growth of memory", peak.saturating_sub(before.memory), attack.growth),
        Finding::at_most("requests of the neighbor that failed", felt.failed, felt.asked / FAILED)
            .explained(felt.first_failure.as_deref()),
        Finding::millis("p99 of the neighbor", felt.latency.p99, attack.p99),
    ];
    findings.extend(found);
    ground.close()?;
    Ok(Line { store: store.name(), attack: attack.name, before, peak, after, quiet, felt, findings })
}

#[expect(clippy::print_stderr, reason = "a person sees the progress")]
fn progress(text: &str) {
    eprintln!("siege: {text}");
}
