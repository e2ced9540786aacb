//! Delivers events to subscribers. Each subscription that this process has claimed has a task.

use futures_util::FutureExt as _;
use skep_application::{
    App,
    events::{ClaimedSubscription, DeliveryError, PlacedEvent, Subscriber, Subscribers},
    kernel::StoreError,
};
use skep_domain::events::{EventPosition, HeldEvent, Subscription};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The greatest number of events that are delivered in one unit of work.
const BATCH: u32 = 50;
/// How long events that were held back are tried again before it is the turn of new ones.
const FAIR: Duration = Duration::from_secs(1);
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Delivers to these subscribers until `stop`, and then gives the subscriptions back.
pub(crate) async fn run(app: Arc<App>, subscribers: Subscribers, poll: Duration, stop: CancellationToken) {
    let names: Vec<_> = subscribers.all().iter().map(|subscriber| subscriber.name()).collect();
    if names.is_empty() {
        return;
    }
    let mut tasks = JoinSet::new();
    let mut opened = false;
    while !stop.is_cancelled() {
        if !opened {
            opened = true;
            for name in &names {
                if let Err(error) = app.events.subscriptions.open(name).await {
                    tracing::warn!(%error, subscriber = %name, "could not open a subscription; it is opened later");
                    opened = false;
                }
            }
        }
        match app.events.subscriptions.rescue().await {
            Ok(rescued) => {
                for subscriber in rescued {
                    tracing::warn!(%subscriber, "the process that delivered to a subscriber was lost");
                }
            }
            Err(error) => tracing::warn!(%error, "could not look for processes that were lost"),
        }
        match app.events.subscriptions.claim(&names).await {
            Ok(claimed) => {
                for (claimed, subscription) in claimed {
                    let Some(subscriber) = subscribers.get(&subscription.subscriber).cloned() else { continue };
                    let delivery = Delivery { app: app.clone(), subscriber, claimed, poll };
                    tasks.spawn(delivery.run(subscription, stop.clone()));
                }
            }
            Err(error) => tracing::warn!(%error, "could not claim subscriptions; they are claimed later"),
        }
        stop.run_until_cancelled(tokio::time::sleep(app.policies.leases.look_every())).await;
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                metrics::counter!("skep_worker_panics_total", "task" => "delivery").increment(1);
                tracing::error!(%error, "a delivery panicked; its subscription is claimed again after its lease");
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// The delivery to one subscription.
struct Delivery {
    app: Arc<App>,
    subscriber: Arc<dyn Subscriber>,
    claimed: ClaimedSubscription,
    poll: Duration,
}

/// Why a delivery did not happen.
enum Undelivered {
    /// The event at this place failed.
    Failed(usize, String),
    /// Several events were tried together, and one of them made the handler panic or take too long.
    OneOfSeveral,
    /// Another process has the subscription, or it is finished.
    Fenced,
    /// It is to be tried again later.
    Later(String),
}

impl Delivery {
    async fn run(self, mut subscription: Subscription, stop: CancellationToken) {
        let beat_every = self.app.policies.leases.beat_every();
        let mut beaten = Instant::now();
        // Whether nothing was delivered since the last beat.
        let mut is_idle = false;
        while !stop.is_cancelled() {
            let seen = self.app.ports.store.signals().placed.seen();
            // What is not committed at the stop is undone, and delivered again later.
            let Some(turn) = stop.run_until_cancelled(self.turn(&mut subscription)).await else { break };
            let delivered = match turn {
                Ok(delivered) => delivered,
                Err(Undelivered::Fenced) => return,
                Err(Undelivered::Later(reason)) => {
                    let subscriber = self.subscriber.name();
                    tracing::warn!(%subscriber, reason, "events could not be delivered; they are delivered later");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_ERROR.min(beat_every))).await;
                    false
                }
                Err(Undelivered::Failed(..) | Undelivered::OneOfSeveral) => continue,
            };
            if delivered {
                (beaten, is_idle) = (Instant::now(), false);
                continue;
            }
            // The beat finishes a replay that has nothing left.
            if beaten.elapsed() >= beat_every || subscription.is_at_end() && !is_idle {
                match self.app.events.subscriptions.beat(self.claimed).await {
                    Ok(true) => (beaten, is_idle) = (Instant::now(), true),
                    Ok(false) => return,
                    Err(error) => tracing::warn!(%error, "could not beat for a subscription"),
                }
            }
            let placed = self.app.ports.store.signals().placed.later_than(seen);
            stop.run_until_cancelled(timeout(self.poll.min(beat_every), placed)).await;
        }
        if let Err(error) = self.app.events.subscriptions.release(self.claimed).await {
            tracing::warn!(%error, "could not give a subscription back; it is free after its lease");
        }
    }

    /// Delivers what is due and what is new. Returns whether there was anything.
    async fn turn(&self, subscription: &mut Subscription) -> Result<bool, Undelivered> {
        let store = &self.app.ports.store;
        let due = store.list_due(self.claimed.id, self.app.ports.runtime.clock.now(), BATCH).await.map_err(later)?;
        let begun = Instant::now();
        for held in &due {
            self.deliver_held(held).await?;
            // The rest is due in the next turn, so that events which fail slowly do not hold up the others.
            if begun.elapsed() >= FAIR {
                break;
            }
        }
        if subscription.is_at_end() {
            return Ok(!due.is_empty());
        }
        let events = store.list_placed(subscription.position, BATCH).await.map_err(later)?;
        if !events.is_empty() {
            self.deliver(&events, &mut subscription.position).await?;
        }
        Ok(!due.is_empty() || !events.is_empty())
    }

    async fn deliver(&self, events: &[PlacedEvent], position: &mut EventPosition) -> Result<(), Undelivered> {
        match self.attempt(self.subscriber.deliver(self.claimed, events), events.len()).await {
            Ok(()) => {
                self.passed(events, position);
                Ok(())
            }
            Err(Undelivered::Failed(place, message)) => {
                let (before, rest) = events.split_at(place.min(events.len()));
                if !before.is_empty() {
                    self.attempt(self.subscriber.deliver(self.claimed, before), 1).await?;
                    self.passed(before, position);
                }
                if let Some(failed) = rest.first() {
                    self.hold(failed, &message, position).await?;
                }
                Ok(())
            }
            Err(Undelivered::OneOfSeveral) => {
                // The next delivery may take as long again.
                if !self.app.events.subscriptions.beat(self.claimed).await.map_err(later)? {
                    return Err(Undelivered::Fenced);
                }
                for event in events {
                    let one = std::slice::from_ref(event);
                    match self.attempt(self.subscriber.deliver(self.claimed, one), 1).await {
                        Ok(()) => self.passed(one, position),
                        Err(Undelivered::Failed(_, message)) => self.hold(event, &message, position).await?,
                        Err(other) => return Err(other),
                    }
                }
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    async fn hold(&self, event: &PlacedEvent, message: &str, position: &mut EventPosition) -> Result<(), Undelivered> {
        let subscriber = self.subscriber.name();
        tracing::warn!(%subscriber, event = %event.event.id, message, "an event was not handled; it is held back");
        metrics::counter!("skep_events_failed_total", "subscriber" => subscriber.to_string()).increment(1);
        self.attempt(self.subscriber.hold(self.claimed, event, message), 1).await?;
        *position = event.position;
        Ok(())
    }

    async fn deliver_held(&self, held: &HeldEvent) -> Result<(), Undelivered> {
        let found = self.app.ports.store.find_placed(held.event_id).await.map_err(later)?;
        let Some(event) = found else {
            // A program of an earlier version deletes events by their age alone.
            return self.attempt(self.subscriber.fail_held(self.claimed, held, "the event was deleted"), 1).await;
        };
        match self.attempt(self.subscriber.deliver_held(self.claimed, held.id, &event), 1).await {
            Err(Undelivered::Failed(_, message)) => {
                self.attempt(self.subscriber.fail_held(self.claimed, held, &message), 1).await
            }
            other => other,
        }
    }

    fn passed(&self, events: &[PlacedEvent], position: &mut EventPosition) {
        if let Some(last) = events.last() {
            *position = last.position;
        }
        let name = self.subscriber.name().to_string();
        metrics::counter!("skep_events_delivered_total", "subscriber" => name).increment(events.len() as u64);
    }

    /// Runs a delivery of so many events, with its panic and its timeout. Its unit of work has locked the subscription, so no
    /// beat can be stored meanwhile.
    async fn attempt(
        &self,
        delivery: impl Future<Output = Result<(), DeliveryError>>,
        events: usize,
    ) -> Result<(), Undelivered> {
        let failed = |message: String| {
            if events > 1 { Undelivered::OneOfSeveral } else { Undelivered::Failed(0, message) }
        };
        let time = self.app.policies.leases.beat_every();
        match timeout(time, AssertUnwindSafe(delivery).catch_unwind()).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(DeliveryError::Failed { place, message }))) => Err(Undelivered::Failed(place, message)),
            Ok(Ok(Err(DeliveryError::Fenced))) => Err(Undelivered::Fenced),
            Ok(Ok(Err(error @ DeliveryError::Stalled))) => Err(Undelivered::Later(error.to_string())),
            Ok(Ok(Err(DeliveryError::Store(error)))) => Err(later(error)),
            Ok(Err(panic)) => Err(failed(format!("the handler panicked: {}", crate::attempt::text_of(&*panic)))),
            Err(_) => Err(failed(format!("took longer than {time:?}"))),
        }
    }
}

fn later(error: StoreError) -> Undelivered {
    Undelivered::Later(error.to_string())
}
