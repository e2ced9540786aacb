//! `skep demo`.

use super::{json, read_password};
use crate::{
    Skep,
    config::Config,
    demo::{self, Made, Size},
};
use clap::Args;
use skep_application::kernel::BoxError;

/// Fill an empty store with products, users and half a year of orders.
///
/// The same use cases that serve requests make them. A store that has products or users is refused and not changed.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  skep demo
  SKEP_DATA_DIR=./demo-data skep demo --orders 100000
  SKEP_DATA_DIR=./demo-data skep serve")]
pub(super) struct Demo {
    /// The number of products.
    #[arg(long, value_name = "N", default_value_t = 200)]
    products: u32,
    /// The number of users, without the admin.
    #[arg(long, value_name = "N", default_value_t = 100)]
    users: u32,
    /// The number of orders.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    orders: u32,
    /// The seed of the random numbers, itself random by default. The same seed makes the same shop.
    ///
    /// On the same day even the ids are the same. The history of the shop ends with the day before.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Read the password of all accounts from the first line of the standard input. By default it is random.
    #[arg(long)]
    password_stdin: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, command: Demo) -> Result<(), BoxError> {
    let Demo { products, users, orders, seed, password_stdin, json: as_json } = command;
    let given = if password_stdin { Some(read_password()?) } else { None };
    let skep = Skep::builder().config(config.clone()).start().await?;
    let random = &skep.app.ports.runtime.random;
    let seed = seed.unwrap_or_else(|| random.bits() >> 32);
    let password = given.unwrap_or_else(|| format!("demo-{:016x}", random.bits()));
    let size = Size { products, users, orders };
    let made = Box::pin(demo::fill(&skep.app.ports, config.policies.clone(), size, seed, password)).await;
    let store = skep.store_name();
    skep.close().await;
    let made = made?;
    let printed = if as_json { json(&made) } else { print(&made, store) };
    // The shop is made, and cannot be made again in this store.
    printed.map_err(|error| match password_stdin {
        true => error,
        false => Unseen { password: made.password, source: error }.into(),
    })
}

/// The accounts of the shop exist, and their password is not known to anyone.
#[derive(Debug, thiserror::Error)]
#[error("the shop is made, and each of its accounts has the password {password}, but the result cannot be printed")]
struct Unseen {
    password: String,
    source: BoxError,
}

fn print(made: &Made, store: &str) -> Result<(), BoxError> {
    let Made { products, users, orders, cancelled, seed, password, log_ins } = made;
    tell!(
        "made a shop in {store}: products {products}, users {users}, orders {orders}, of these cancelled {cancelled}"
    )?;
    tell!("--seed {seed} makes the same shop again")?;
    tell!("accounts to log in with; each has the password {password}")?;
    for log_in in log_ins {
        tell!("  {:<40} {}", log_in.email, log_in.role)?;
    }
    Ok(())
}
