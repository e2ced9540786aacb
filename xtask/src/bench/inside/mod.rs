//! Background work of Skep in a process of its own, which shows what HTTP does not: how fast jobs are stored, claimed, run
//! and settled. The settings come from the environment, as those of a server do.

mod claims;
mod cycle;
mod gauge;
mod rows;
mod server;
mod wake;

pub(crate) use claims::Claims;
pub(crate) use gauge::Timed;

use super::{Fault, client::Window};
use clap::Subcommand;
use serde::Serialize;
use skep::{Skep, config::Config};
use std::{io::Write as _, time::Duration};

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Inside {
    /// Store jobs and run them, as fast as possible.
    Cycle {
        /// Store each job by itself, and complete it in the unit of an effect.
        #[arg(long)]
        one_by_one: bool,
        #[command(flatten)]
        time: Time,
    },
    /// Store a job from time to time, while the workers are idle.
    Wake {
        /// Store the jobs with another instance on the same store.
        #[arg(long)]
        by_another: bool,
        #[command(flatten)]
        time: Time,
    },
    /// Claim jobs from an empty table, and then beside many rows.
    Claims {
        /// The jobs that wait for a later time.
        #[arg(long)]
        scheduled: u32,
        /// The jobs that have failed.
        #[arg(long)]
        discarded: u32,
        /// The number of claims.
        #[arg(long)]
        rounds: usize,
    },
    /// Serve the API on `PORT` until a signal, with two subscribers to orders, or without any background work.
    Serve {
        /// Place events, and deliver them.
        #[arg(long)]
        relay: bool,
    },
}

/// The time of a measurement.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Time {
    /// The seconds before the measurement.
    #[arg(long)]
    warm_up: f64,
    /// The seconds that are measured.
    #[arg(long)]
    seconds: f64,
}

impl Time {
    fn window(self) -> Window {
        let (warm_up, length) = (Duration::from_secs_f64(self.warm_up), Duration::from_secs_f64(self.seconds));
        Window { warm_up, length }
    }
}

/// Runs it in this process, and writes the results to standard output as JSON.
///
/// # Errors
/// If the instance cannot be started, or if a job is lost.
pub(crate) fn run(inside: &Inside) -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(async {
        match *inside {
            Inside::Cycle { one_by_one, time } => print(&Box::pin(cycle::run(one_by_one, time.window())).await?),
            Inside::Wake { by_another, time } => print(&Box::pin(wake::run(by_another, time.window())).await?),
            Inside::Claims { scheduled, discarded, rounds } => {
                print(&Box::pin(claims::run(scheduled, discarded, rounds)).await?)
            }
            Inside::Serve { relay } => Box::pin(server::run(relay)).await,
        }
    })
}

async fn open() -> Result<Skep, Fault> {
    Ok(Box::pin(Skep::builder().config(Config::load()?).start()).await?)
}

fn print(result: &impl Serialize) -> Result<(), Fault> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string(result)?)?;
    Ok(())
}
