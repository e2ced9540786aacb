//! Wakes the tasks of other instances when this one has stored something, and its own when another one has.

use skep_application::{
    App,
    kernel::{Announcement, StoreError, WakeUpListener, WakeUps},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// The shortest time between two messages of an instance, and between two wake-ups that messages cause: what comes
/// meanwhile is one. So busy instances wake each other at most 100 times a second.
const GATHER: Duration = Duration::from_millis(10);
/// The pause after a listener could not be opened or has failed. It doubles with each further failure.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Sends what the units of this instance announce to the other instances, until `stop`. Returns at once if the store has
/// no way to them. Each process that stores something runs it; [`Workers::run`](crate::Workers::run) includes it.
pub async fn send_wake_ups(app: Arc<App>, stop: CancellationToken) {
    let (Some(others), signals) = (app.ports.store.wake_ups(), app.ports.store.signals()) else { return };
    let mut works = true;
    loop {
        let seen = signals.unsent.seen();
        let announcement = signals.take_unsent();
        if announcement.is_empty() {
            if stop.run_until_cancelled(signals.unsent.later_than(seen)).await.is_none() {
                break;
            }
            continue;
        }
        // After `stop`, too: what the last units have announced is sent.
        let sent = others.send(announcement).await;
        if let Err(error) = &sent
            && works
        {
            tracing::warn!(%error, "other instances cannot be woken; they look by themselves every second");
        }
        works = sent.is_ok();
        let outcome = if works { "sent" } else { "lost" };
        metrics::counter!("skep_wake_ups_total", "outcome" => outcome).increment(1);
        stop.run_until_cancelled(sleep(GATHER)).await;
    }
}

/// Wakes the tasks of this instance for what others have stored, until `stop`. If it cannot listen, the tasks look by
/// themselves, and it tries again.
pub(crate) async fn listen(app: Arc<App>, stop: CancellationToken) {
    let Some(others) = app.ports.store.wake_ups() else { return };
    let (mut is_reported, mut pause) = (false, PAUSE);
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let Some(ended) = stop.run_until_cancelled(receive(&app, others, &mut is_reported)).await else { break };
        let Err(error) = ended;
        metrics::gauge!("skep_wake_ups_listening").set(0.0);
        if !is_reported {
            tracing::warn!(%error, "messages of other instances cannot be received; tasks look by themselves every second");
            is_reported = true;
        }
        if begun.elapsed() > LONGEST_PAUSE {
            pause = PAUSE;
        }
        stop.run_until_cancelled(sleep(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    metrics::gauge!("skep_wake_ups_listening").set(0.0);
}

/// Opens a listener and uses it until it fails.
async fn receive(app: &App, others: &dyn WakeUps, is_reported: &mut bool) -> Result<Infallible, StoreError> {
    let (signals, mut listener) = (app.ports.store.signals(), others.listen().await?);
    metrics::gauge!("skep_wake_ups_listening").set(1.0);
    if std::mem::take(is_reported) {
        tracing::info!("messages of other instances are received again");
    }
    // What was stored while nothing listened.
    signals.wake(Announcement { jobs: true, events: true, placed: true, schedules: true });
    loop {
        let mut received = listener.next().await?;
        while !received.is_empty() {
            signals.wake(received);
            received = gather(&mut *listener).await?;
        }
    }
}

/// Waits, and returns what has come meanwhile.
async fn gather(listener: &mut dyn WakeUpListener) -> Result<Announcement, StoreError> {
    let (until, mut gathered) = (Instant::now() + GATHER, Announcement::default());
    while Instant::now() < until {
        match timeout_at(until, listener.next()).await {
            Ok(next) => gathered = gathered.and(next?),
            Err(_) => break,
        }
    }
    Ok(gathered)
}
