//! `cargo xtask crash`: kills the server as often as one likes.

use crate::bench::Fault;
use clap::{Args, ValueEnum};
use skep_crashes::{Plan, Tally, campaign};
use skep_journeys::Store;
use std::time::Instant;

/// What to kill, and how often.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// The store. `SKEP_TEST_POSTGRES_URL` and `SKEP_TEST_MONGODB_URL` say where the servers are.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: StoreName,
    /// How often to kill.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// How many instances run on a PostgreSQL or MongoDB server; one of them is killed.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    instances: u8,
    /// How many clients send commands at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    clients: u8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StoreName {
    Sqlite,
    Postgres,
    Mongodb,
}

/// Carries it out and prints what was done and checked.
///
/// # Errors
/// Everything that is wrong after a kill.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a table for a person, and how far it is")]
pub(crate) fn run(crash: &Crash) -> Result<(), Fault> {
    let name = match crash.store {
        StoreName::Sqlite => "sqlite",
        StoreName::Postgres => "postgres",
        StoreName::Mongodb => "mongodb",
    };
    let store = Store::named(name).map_err(|variable| format!("{variable} is not set"))?;
    store.sweep();
    store.end_abandoned_soon();
    let seed = crash.seed.unwrap_or_else(rand::random);
    println!("store {name}, {} kills, seed {seed}", crash.kills);
    let mut plan = Plan::new(store, crash.kills, seed);
    plan.clients = crash.clients.into();
    // Nobody shares the file of SQLite.
    plan.instances = if name == "sqlite" { 1 } else { crash.instances.into() };
    let start = Instant::now();
    let done = campaign(&plan, &mut |tally| {
        if tally.kills % 10 == 0 {
            eprintln!("  {} of {} kills, {} checks", tally.kills, crash.kills, tally.checks);
        }
    });
    let tally = done.map_err(|faults| format!("seed {seed}: {}", faults.join("\n  ")))?;
    print_table(name, &tally, &plan, start.elapsed().as_secs());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a table for a person")]
fn print_table(store: &str, tally: &Tally, plan: &Plan, seconds: u64) {
    println!("\n| {store}, seed {} | |\n| --- | ---: |", plan.seed);
    println!("| instances, clients | {}, {} |", plan.instances, plan.clients);
    for (name, count) in tally.rows() {
        println!("| {name} | {} |", grouped(count));
    }
    println!("| faults | 0 |\n| seconds | {seconds} |");
}

/// With a comma between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
