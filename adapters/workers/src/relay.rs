//! Gives committed events their positions.

use skep_application::{App, kernel::Announcement};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The shortest time between two units of work that place events, so that busy writers share one.
const GATHER: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Places events as they come, until `stop`.
pub(crate) async fn run(app: Arc<App>, poll: Duration, stop: CancellationToken) {
    let signals = app.ports.store.signals();
    let mut pause = poll;
    loop {
        let seen = signals.events.seen();
        let wait = match place(&app).await {
            Ok(0) => {
                pause = poll;
                poll
            }
            Ok(placed) => {
                metrics::counter!("skep_events_placed_total").increment(placed as u64);
                signals.announce(Announcement { placed: true, ..Announcement::default() });
                tokio::time::sleep(GATHER).await;
                if stop.is_cancelled() {
                    break;
                }
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "could not place events; they are placed later");
                pause = (pause * 2).min(LONGEST_PAUSE);
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    break;
                }
                continue;
            }
        };
        if stop.run_until_cancelled(timeout(wait, signals.events.later_than(seen))).await.is_none() {
            break;
        }
    }
}

/// Places some events. Without any, nothing is locked.
async fn place(app: &App) -> Result<usize, skep_application::kernel::StoreError> {
    if app.ports.store.count_unplaced(1).await? == 0 { Ok(0) } else { app.events.place_events.execute().await }
}
