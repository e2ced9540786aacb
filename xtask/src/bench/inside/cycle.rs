//! Jobs from their enqueue to their end, as fast as possible.

use super::{
    gauge::{Gauge, Step, Timed, store},
    open,
};
use crate::bench::{Fault, client::Window};
use skep_application::jobs::Handlers;
use skep_domain::jobs::QueueName;
use skep_workers::{WorkerOptions, Workers};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The jobs that run at a time.
const WORKERS: usize = 64;
/// The jobs that one unit of work stores.
const BATCH: u32 = 64;
/// The batches and the single jobs that are stored and have not run.
const BATCHES_AHEAD: usize = 16;
const JOBS_AHEAD: usize = 256;

pub(super) async fn run(one_by_one: bool, window: Window) -> Result<Timed, Fault> {
    let skep = open().await?;
    let app = skep.app.clone();
    let (batch, producers, ahead) =
        if one_by_one { (1, WORKERS, JOBS_AHEAD) } else { (BATCH, 2, BATCHES_AHEAD * BATCH as usize) };
    let (gauge, room, stop) = (Gauge::new(), Arc::new(Semaphore::new(ahead)), CancellationToken::new());
    let step = Step { app: app.clone(), gauge: gauge.clone(), room: room.clone(), has_effect: one_by_one };
    let options = WorkerOptions { queues: vec![(QueueName::default(), WORKERS)], ..WorkerOptions::default() };
    let workers = Workers::new(app.clone(), Handlers::default().with(step), options);
    let workers = tokio::spawn(workers.run(stop.clone()));
    let (full, mut supply) = (CancellationToken::new(), JoinSet::new());
    for _ in 0..producers {
        let (app, gauge, room, full) = (app.clone(), gauge.clone(), room.clone(), full.clone());
        supply.spawn(async move {
            let mut stored = 0;
            while let Some(permits) = full.run_until_cancelled(room.acquire_many(batch)).await {
                permits?.forget();
                store(&app, &gauge, batch).await?;
                stored += u64::from(batch);
            }
            Ok::<_, Fault>(stored)
        });
    }
    let mut timed = gauge.measure(window).await?;
    full.cancel();
    let mut stored = 0;
    while let Some(supplied) = supply.join_next().await {
        stored += supplied??;
    }
    gauge.wait_for(stored).await?;
    // Also those that ended after the window.
    timed.figures.total = stored;
    stop.cancel();
    workers.await?;
    skep.close().await;
    Ok(timed)
}
