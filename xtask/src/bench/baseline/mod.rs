//! The limits of the machine: the least work for an answer or a commit, each measured in a separate process.

mod argon;
mod http;
mod mongodb;
mod pgbench;
mod sqlite;
mod sqlite_jobs;

pub(crate) use pgbench::{Pgbench, PgbenchJobs};

use super::Fault;
use clap::Subcommand;
use std::{
    io::Write as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// A limit to compare with.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Serve one answer with hyper alone.
    Hyper {
        /// The file with the answer, head and body.
        answer: PathBuf,
    },
    /// Serve one answer from an endpoint of poem-openapi.
    Poem {
        /// The file with the answer, head and body.
        answer: PathBuf,
    },
    /// Place orders with plain statements on one thread, `synchronous=FULL`.
    SqliteOrders {
        /// A database that the server has migrated and filled with products.
        database: PathBuf,
        /// The number of orders that share a COMMIT.
        #[arg(long)]
        per_commit: u32,
        /// The duration of the loop, in seconds.
        #[arg(long)]
        seconds: f64,
    },
    /// Read pages of products with a plain statement on one thread.
    SqliteList {
        /// A database that the server has migrated and filled with products.
        database: PathBuf,
        /// Also run the statement that counts all products.
        #[arg(long)]
        count: bool,
        /// The duration of the loop, in seconds.
        #[arg(long)]
        seconds: f64,
    },
    /// Store jobs and run them with plain statements on one thread, `synchronous=FULL`.
    SqliteJobs {
        /// A database that the server has migrated.
        database: PathBuf,
        /// Claim each job by itself, and complete it with an effect.
        #[arg(long)]
        one_by_one: bool,
        /// The duration of the loop, in seconds.
        #[arg(long)]
        seconds: f64,
    },
    /// Put products in stock on MongoDB.
    MongodbFill {
        /// The address, with the database.
        address: String,
        /// The number of products.
        #[arg(long)]
        products: u64,
    },
    /// Place orders with the driver alone.
    MongodbOrders {
        /// The address, with the database.
        address: String,
        /// The number of products in stock.
        #[arg(long)]
        products: u64,
        /// The number of connections. Each places one order at a time.
        #[arg(long)]
        connections: u32,
        /// The duration of the loop, in seconds.
        #[arg(long)]
        seconds: f64,
    },
    /// Verify passwords.
    Argon2 {
        /// The number of threads.
        #[arg(long)]
        threads: usize,
        /// The duration of the loop, in seconds.
        #[arg(long)]
        seconds: f64,
    },
}

/// The result of a loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looped {
    pub(crate) per_second: f64,
    /// CPU time in seconds per 1,000 rounds.
    pub(crate) cpu_per_1000: f64,
}

/// Runs a baseline in this process.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn run(baseline: &Baseline) -> Result<(), Fault> {
    match baseline {
        Baseline::Hyper { answer } => http::serve_hyper(answer),
        Baseline::Poem { answer } => http::serve_poem(answer),
        Baseline::SqliteOrders { database, per_commit, seconds } => {
            print(sqlite::orders(database, *per_commit, Duration::from_secs_f64(*seconds))?)
        }
        Baseline::SqliteList { database, count, seconds } => {
            print(sqlite::list(database, *count, Duration::from_secs_f64(*seconds))?)
        }
        Baseline::SqliteJobs { database, one_by_one, seconds } => {
            print(sqlite_jobs::jobs(database, *one_by_one, Duration::from_secs_f64(*seconds))?)
        }
        Baseline::MongodbFill { address, products } => mongodb::fill(address, *products),
        Baseline::MongodbOrders { address, products, connections, seconds } => {
            print(mongodb::orders(address, *products, *connections, Duration::from_secs_f64(*seconds))?)
        }
        Baseline::Argon2 { threads, seconds } => print(argon::verify(*threads, Duration::from_secs_f64(*seconds))?),
    }
}

/// Runs a baseline in a new process and returns its output.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn apart(arguments: &[&str]) -> Result<String, Fault> {
    let output = Command::new(std::env::current_exe()?).arg("baseline").args(arguments).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// Runs a baseline that is a loop in a new process.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn looped(arguments: &[&str]) -> Result<Looped, Fault> {
    let text = apart(arguments)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (per_second, cpu_per_1000) = (numbers.next().ok_or("no rate")??, numbers.next().ok_or("no time")??);
    Ok(Looped { per_second, cpu_per_1000 })
}

fn print(looped: Looped) -> Result<(), Fault> {
    writeln!(std::io::stdout(), "{} {}", looped.per_second, looped.cpu_per_1000)?;
    Ok(())
}

/// Counts the rounds of a loop and their CPU time. `round` returns the number of rounds that it has done.
fn count(time: Duration, mut round: impl FnMut() -> Result<u64, Fault>) -> Result<Looped, Fault> {
    let before = super::process::cpu(std::process::id())?;
    let (start, mut rounds) = (Instant::now(), 0);
    while start.elapsed() < time {
        rounds += round()?;
    }
    summary(rounds, start.elapsed(), before)
}

fn summary(rounds: u64, took: Duration, cpu_before: Duration) -> Result<Looped, Fault> {
    let cpu = super::process::cpu(std::process::id())?.saturating_sub(cpu_before);
    Ok(Looped {
        per_second: rounds as f64 / took.as_secs_f64(),
        cpu_per_1000: cpu.as_secs_f64() * 1_000.0 / (rounds.max(1) as f64),
    })
}
