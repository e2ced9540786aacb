//! `cargo xtask crash` kills the server any number of times and checks its data.

use crate::bench::Fault;
use clap::{Args, ValueEnum};
use skep_crashes::{Contents, Plan, Tally, campaign};
use skep_journeys::Store;
use std::time::Instant;

/// How many kills one shop gets before the next one is opened on an empty store. Each kill checks all that was stored, so
/// the time of a kill grows with those before it.
const KILLS_PER_SHOP: u32 = 100;

/// The options of `cargo xtask crash`.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// The store. `SKEP_TEST_POSTGRES_URL` and `SKEP_TEST_MONGODB_URL` have the addresses of the servers.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: StoreName,
    /// Where the contents of files are. `SKEP_TEST_S3_URL` has the address of the bucket.
    #[arg(long, value_enum, default_value = "folder")]
    contents: Place,
    /// The number of kills.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// The seed of an earlier run, to repeat its choices. Each further 100 kills have a store and a seed of their own: this
    /// one plus 1, 2 and so on.
    #[arg(long)]
    seed: Option<u64>,
    /// The number of instances on a PostgreSQL or MongoDB server. One of them is killed.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    instances: u8,
    /// The number of clients that send commands at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    clients: u8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StoreName {
    Sqlite,
    Postgres,
    Mongodb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Place {
    Folder,
    S3,
}

/// Runs the campaign and prints a table of the work and the checks.
///
/// # Errors
/// Every fault that was found after a kill.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a person sees the table and the progress")]
pub(crate) fn run(crash: &Crash) -> Result<(), Fault> {
    let name = match crash.store {
        StoreName::Sqlite => "sqlite",
        StoreName::Postgres => "postgres",
        StoreName::Mongodb => "mongodb",
    };
    let store = Store::named(name).map_err(|variable| format!("{variable} is not set"))?;
    let contents = match crash.contents {
        Place::Folder => Contents::Folder,
        Place::S3 => Contents::in_bucket().map_err(|variable| format!("{variable} is not set"))?,
    };
    let name = if contents == Contents::Folder { name.to_owned() } else { format!("{name} with a bucket") };
    store.sweep();
    store.end_abandoned_soon();
    let seed = crash.seed.unwrap_or_else(rand::random);
    println!("store {name}, {} kills, seed {seed}", crash.kills);
    // Instances cannot share a SQLite file.
    let instances = if store == Store::Sqlite { 1 } else { crash.instances.into() };
    let mut plan = Plan::new(store, crash.kills, seed);
    plan.contents = contents;
    plan.clients = crash.clients.into();
    plan.instances = instances;
    let (start, mut sum) = (Instant::now(), Tally::default());
    while sum.kills < u64::from(crash.kills) {
        plan.kills = KILLS_PER_SHOP.min(crash.kills - u32::try_from(sum.kills)?);
        let (kills, checks) = (sum.kills, sum.checks);
        let done = campaign(&plan, &mut |tally| {
            if tally.kills % 10 == 0 {
                eprintln!("  {} of {} kills, {} checks", kills + tally.kills, crash.kills, checks + tally.checks);
            }
        });
        sum += done.map_err(|faults| format!("seed {}: {}", plan.seed, faults.join("\n  ")))?;
        plan.seed = plan.seed.wrapping_add(1);
    }
    plan.seed = seed;
    print_table(&name, &sum, &plan, start.elapsed().as_secs());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a person sees the table")]
fn print_table(store: &str, tally: &Tally, plan: &Plan, seconds: u64) {
    println!("\n| {store}, seed {} | |\n| --- | ---: |", plan.seed);
    println!("| instances, clients | {}, {} |", plan.instances, plan.clients);
    for (name, count) in tally.rows() {
        println!("| {name} | {} |", grouped(count));
    }
    println!("| faults | 0 |\n| seconds | {seconds} |");
}

/// A number with commas between thousands.
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
