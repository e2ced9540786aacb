//! Claiming subscriptions, and looking after those of processes that are gone.

use super::{ClaimedSubscription, DeliveryRepository, EventsStore, EventsTx, KnownSubscribers};
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::{
    events::{SubscriberName, Subscription, SubscriptionId, SubscriptionState},
    shared::{HeldRows, Lease, LeaseToken, Timestamp},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The greatest number of subscriptions, replays included, that are read at a time.
pub const SUBSCRIPTIONS_MAX: u32 = 1_000;

/// Opens, claims, releases and rescues subscriptions.
pub struct Subscriptions {
    store: Arc<dyn EventsStore>,
    runtime: Runtime,
    seen: Mutex<HeldRows<SubscriptionId>>,
    /// The subscribers that this program has opened.
    pub known: KnownSubscribers,
}

impl Subscriptions {
    /// Works on this store. A process that has not delivered for `term` counts as gone.
    #[must_use]
    pub fn new(store: Arc<dyn EventsStore>, runtime: Runtime, term: Duration) -> Self {
        Self { store, runtime, seen: Mutex::new(HeldRows::new(term)), known: KnownSubscribers::default() }
    }

    async fn begin(&self) -> Result<Box<dyn EventsTx>, StoreError> {
        Begin::<dyn EventsTx>::begin(&*self.store, TxMode::Write, &[]).await
    }

    /// Makes sure that the subscriber has a subscription that follows the log. A new one begins at the end of the log.
    ///
    /// # Errors
    /// The store's error.
    pub async fn open(&self, subscriber: &SubscriberName) -> Result<(), StoreError> {
        self.known.know(subscriber);
        let (id, now) = (SubscriptionId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let last = self.store.log_ends().await?.last;
        let subscription = &Subscription::create(id, subscriber.clone(), last, None, now);
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.begin().await?;
            let opened = async {
                match unit.deliveries().find_live(subscriber).await? {
                    Some(_) => Ok(()),
                    // Another instance may store the subscription at the same time. The next attempt then finds it.
                    None => unit.deliveries().insert(subscription).await.map_err(|error| match error {
                        StoreError::Duplicate { .. } => StoreError::Retry(error.into()),
                        error => error,
                    }),
                }
            };
            let opened = opened.await;
            attempt.end(unit, opened).await
        })
        .await
    }

    /// Claims the free subscriptions of these subscribers, replays included.
    ///
    /// # Errors
    /// The store's error, if none could be claimed.
    pub async fn claim(
        &self,
        subscribers: &[SubscriberName],
    ) -> Result<Vec<(ClaimedSubscription, Subscription)>, StoreError> {
        let mut claimed = vec![];
        for found in self.store.list_subscriptions(SUBSCRIPTIONS_MAX).await? {
            let is_free = found.lease.is_none() && found.state == SubscriptionState::Active;
            if is_free && subscribers.contains(&found.subscriber) {
                match self.claim_one(found.id).await {
                    Ok(one) => claimed.extend(one),
                    // The next call claims the rest.
                    Err(_) if !claimed.is_empty() => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(claimed)
    }

    async fn claim_one(&self, id: SubscriptionId) -> Result<Option<(ClaimedSubscription, Subscription)>, StoreError> {
        let token = LeaseToken::new(self.runtime.ids.next());
        let claimed = self.change(id, |subscription| subscription.claim(token)).await?;
        Ok(claimed.map(|subscription| (ClaimedSubscription { id, token }, subscription)))
    }

    /// Gives back a subscription, because the process stops. Does nothing if another process has it.
    ///
    /// # Errors
    /// The store's error.
    pub async fn release(&self, claimed: ClaimedSubscription) -> Result<(), StoreError> {
        self.change(claimed.id, |subscription| subscription.release(claimed.token).is_ok()).await.map(drop)
    }

    /// Proves that this process lives while there is nothing to deliver, and finishes a replay that has nothing left.
    /// Returns whether the process still has the subscription.
    ///
    /// # Errors
    /// The store's error.
    pub async fn beat(&self, claimed: ClaimedSubscription) -> Result<bool, StoreError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.begin().await?;
            let beaten = beat_in(unit.deliveries(), claimed, now).await;
            attempt.end(unit, beaten).await
        })
        .await
    }

    /// Compares the claimed subscriptions with those of earlier calls, and frees those of processes that are gone. Call
    /// it several times in each term.
    ///
    /// # Errors
    /// The store's error.
    pub async fn rescue(&self) -> Result<Vec<SubscriberName>, StoreError> {
        let found = self.store.list_subscriptions(SUBSCRIPTIONS_MAX).await?;
        let held = found.iter().filter_map(|subscription| subscription.lease.map(|lease| (subscription.id, lease)));
        let now = self.runtime.clock.monotonic();
        let expired: Vec<(_, Lease)> = self.seen.lock().unwrap_or_else(PoisonError::into_inner).observe(now, held);
        let mut rescued = vec![];
        for (id, seen) in expired {
            let freed = self.change(id, |subscription| subscription.rescue(seen).is_ok()).await?;
            rescued.extend(freed.map(|subscription| subscription.subscriber));
        }
        Ok(rescued)
    }

    /// Changes a subscription in a unit of work. Returns it if `change` says that it was changed.
    async fn change(
        &self,
        id: SubscriptionId,
        change: impl Fn(&mut Subscription) -> bool + Send + Sync,
    ) -> Result<Option<Subscription>, StoreError> {
        let change = &change;
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.begin().await?;
            let changed = async {
                let found = unit.deliveries().find(id).await?;
                let Some(mut subscription) = found else { return Ok(None) };
                if !change(&mut subscription) {
                    return Ok(None);
                }
                subscription.version = unit.deliveries().save(&subscription).await?;
                Ok(Some(subscription))
            };
            let changed = changed.await;
            attempt.end(unit, changed).await
        })
        .await
    }
}

async fn beat_in(
    deliveries: &mut dyn DeliveryRepository,
    claimed: ClaimedSubscription,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(mut subscription) = deliveries.find(claimed.id).await? else { return Ok(false) };
    let position = subscription.position;
    if subscription.advance(claimed.token, position, now).is_err() {
        return Ok(false);
    }
    let is_finished =
        subscription.is_at_end() && subscription.finish(deliveries.count_held(claimed.id, 1).await? > 0, now);
    deliveries.save(&subscription).await?;
    Ok(!is_finished)
}
