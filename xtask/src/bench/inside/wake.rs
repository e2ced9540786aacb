//! How soon an idle worker runs a job that was stored.

use super::{
    gauge::{Gauge, Step, Timed, store},
    open,
};
use crate::bench::{Fault, client::Window};
use skep_application::jobs::Handlers;
use skep_workers::{WorkerOptions, Workers, send_wake_ups};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

/// The pause between two jobs. It is no part of a second, so that jobs meet the poll at all its moments.
const PAUSE: Duration = Duration::from_millis(23);

pub(super) async fn run(by_another: bool, window: Window) -> Result<Timed, Fault> {
    let skep = open().await?;
    let another = if by_another { Some(open().await?) } else { None };
    let (app, stop) = (skep.app.clone(), CancellationToken::new());
    let (gauge, room) = (Gauge::new(), Arc::new(Semaphore::new(0)));
    let step = Step { app: app.clone(), gauge: gauge.clone(), room, has_effect: false };
    let workers = Workers::new(app.clone(), Handlers::default().with(step), WorkerOptions::default());
    let workers = tokio::spawn(workers.run(stop.clone()));
    let source = another.as_ref().map_or_else(|| app.clone(), |another| another.app.clone());
    // An instance without workers wakes the others, too.
    let waking = tokio::spawn(send_wake_ups(source.clone(), stop.clone()));
    let (full, measuring) = (CancellationToken::new(), gauge.clone());
    let (stopped, stored_by) = (full.clone(), gauge.clone());
    let supply = tokio::spawn(async move {
        let mut stored = 0;
        while stopped.run_until_cancelled(sleep(PAUSE)).await.is_some() {
            store(&source, &stored_by, 1).await?;
            stored += 1;
        }
        Ok::<_, Fault>(stored)
    });
    let mut timed = measuring.measure(window).await?;
    full.cancel();
    let stored = supply.await??;
    gauge.wait_for(stored).await?;
    // Also those that started after the window.
    timed.figures.total = stored;
    stop.cancel();
    workers.await?;
    waking.await?;
    for instance in another.iter().chain([&skep]) {
        instance.close().await;
    }
    Ok(timed)
}
