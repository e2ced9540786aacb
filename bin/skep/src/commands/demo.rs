//! `skep demo`.

use super::{json, read_password};
use crate::{
    Skep,
    config::Config,
    demo::{self, Made, Size},
};
use clap::Args;
use skep_application::kernel::BoxError;

/// Fill an empty store with a believable shop.
///
/// Products, customers and half a year of orders are made by the same use cases that serve requests. The store must be
/// one without products and users: the command refuses any other and changes nothing in it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  skep demo                                               a small shop in the configured store
  SKEP_DATA_DIR=./demo-data skep demo --orders 100000     a big one in a store of its own
  SKEP_DATA_DIR=./demo-data skep serve                    look around in it")]
pub(super) struct Demo {
    /// How many products.
    #[arg(long, value_name = "N", default_value_t = 200)]
    products: u32,
    /// How many users, besides the admin.
    #[arg(long, value_name = "N", default_value_t = 100)]
    users: u32,
    /// How many orders.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    orders: u32,
    /// What the shop grows from: the same seed makes the same shop; a random one if not given.
    ///
    /// On the same day it is the same down to the ids: the half year of its history ends with the day before.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Read the password of all accounts from the first line of the standard input, instead of making one up.
    #[arg(long)]
    password_stdin: bool,
    /// Tell what was made as JSON.
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
    let made = demo::fill(&skep.app.ports, config.policies.clone(), size, seed, password).await;
    let store = skep.store_name();
    skep.close().await;
    let made = made?;
    if as_json {
        return json(&made);
    }
    let Made { products, users, orders, cancelled, seed, password, log_ins } = made;
    tell!("a shop of {products} products, {users} users and {orders} orders ({cancelled} called off) in {store}");
    tell!("grown from --seed {seed}; every account has the password {password}");
    for log_in in log_ins {
        tell!("  {:<40} {}", log_in.email, log_in.role);
    }
    Ok(())
}
