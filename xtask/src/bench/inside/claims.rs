//! What a claim costs beside many rows, and what workers look for each second.

use super::{
    gauge::{Gauge, Step, store},
    open, rows,
};
use crate::bench::Fault;
use serde::{Deserialize, Serialize};
use skep_application::{
    App,
    jobs::{JobHandler as _, SettledJob, Settlement},
};
use skep_domain::jobs::QueueName;
use std::time::{Duration, Instant};

/// The jobs that are ready.
const READY: u32 = 10;

/// The medians with an empty table and beside the rows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) empty: Looks,
    pub(crate) beside: Looks,
}

/// Medians, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Looks {
    /// A claim of ten jobs, with its commit.
    pub(crate) claim: f64,
    /// A look for jobs whose time has come, without any.
    pub(crate) due: f64,
    /// A look at the jobs that run, ten of them.
    pub(crate) running: f64,
}

pub(super) async fn run(scheduled: u32, discarded: u32, rounds: usize) -> Result<Claims, Fault> {
    let skep = open().await?;
    // Warms the caches and the connections.
    looks(&skep.app, rounds / 10 + 1).await?;
    let empty = looks(&skep.app, rounds).await?;
    rows::fill(scheduled, discarded).await?;
    looks(&skep.app, rounds / 10 + 1).await?;
    let beside = looks(&skep.app, rounds).await?;
    skep.close().await;
    Ok(Claims { empty, beside })
}

async fn looks(app: &App, rounds: usize) -> Result<Looks, Fault> {
    let (queue, gauge) = (QueueName::default(), Gauge::new());
    let (mut claim, mut due, mut running) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        store(app, &gauge, READY).await?;
        let start = Instant::now();
        let claimed = app.jobs.claim_jobs.prepare(&queue, READY).execute().await?;
        claim.push(start.elapsed());
        if claimed.len() != READY as usize || claimed.iter().any(|job| job.kind.as_str() != Step::KIND) {
            return Err(format!("{} jobs were claimed", claimed.len()).into());
        }
        let start = Instant::now();
        let (promoted, _) = app.jobs.promote_jobs.execute().await?;
        due.push(start.elapsed());
        let start = Instant::now();
        let rescued = app.jobs.rescue_jobs.execute().await?;
        running.push(start.elapsed());
        if promoted > 0 || !rescued.is_empty() {
            return Err("a job was due or lost".into());
        }
        let done = claimed.iter().filter_map(|job| {
            Some(SettledJob {
                id: job.id,
                token: job.lease?.token,
                ticket: None,
                progress: None,
                how: Settlement::Complete(None),
            })
        });
        app.jobs.settle_jobs.execute(&done.collect::<Vec<_>>()).await?;
    }
    Ok(Looks { claim: median(claim), due: median(due), running: median(running) })
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1e3)
}
