//! Delivery, through the use cases that Skep runs.

use super::{
    deliveries::subscriber,
    log::{append, at, event, made_at, place_all},
};
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::{self, clauses},
    units::{commit, look},
    world::{self, PlainFingerprints},
};
use skep_application::{
    events::{
        ClaimedSubscription, DeleteSubscription, DeleteSubscriptionCommand, DeliveryError, EventHandler, EventPolicy,
        EventsStore, EventsTx, HandlerError, Handling, HeldEventCommand, LogEnds, PlaceEvents, PlacedEvent,
        SkipHeldEvent, Subscriber, Subscribers, Subscriptions, SweepEvents,
    },
    jobs::enqueue_internal,
    kernel::{Actor, Commands, OutboxEvent, Precondition, StoreError, UseCase},
    operations::SweepExpired,
};
use skep_domain::{
    events::{
        EventPosition, HeldEvent, HeldEventId, HeldState, Replay, Subscription, SubscriptionId, SubscriptionState,
    },
    jobs::{JobArgs, JobId, JobKind, NewJob},
};
use std::{sync::Arc, time::Duration};

clauses! { clauses of "deliveries" on dyn EventsStore:
    an_effect_happens_once_for_each_event,
    a_failing_event_blocks_its_aggregate_only,
    a_skip_beside_a_delivery_leaves_no_event_that_waits_for_none ["DeliveryRepository 1"],
    a_process_that_was_taken_for_dead_is_fenced_off,
    a_new_subscriber_begins_at_the_end_of_the_log,
    a_replay_ends_with_its_last_event_and_what_it_holds_back,
    events_are_kept_until_every_subscription_has_passed_them,
    a_subscription_that_is_too_far_behind_is_broken_off,
    a_clock_in_the_past_breaks_off_no_subscription,
    a_replay_that_was_broken_off_is_deleted_with_what_it_holds_back,
    without_a_lifetime_the_inbox_and_finished_replays_end,
    without_a_relay_the_sweep_places_and_deletes_events,
}

type Given = clause::Given<dyn EventsStore>;

const DAY: Duration = Duration::from_secs(86_400);

/// Stores a job for each event, whose id is that of the event. Fails on the aggregates with version 13.
struct Counting;

impl EventHandler for Counting {
    const NAME: &'static str = "test.counting";
    const EVENTS: &'static [&'static str] = &["catalog.product_created.v1"];
    type Unit = dyn EventsTx;

    async fn handle(
        &self,
        unit: &mut Self::Unit,
        placed: &PlacedEvent,
        call: &Handling<'_>,
    ) -> Result<(), HandlerError> {
        let args = JobArgs::stored(placed.position.get().to_string());
        let new = NewJob::of(JobKind::stored("test.count".to_owned()), args);
        enqueue_internal(unit.jobs(), JobId::new(placed.event.id.uuid()), new, &call.actor, call.now).await?;
        if placed.event.aggregate_version.get() == 13 { Err(HandlerError::failed("unlucky")) } else { Ok(()) }
    }
}

struct Scene {
    store: Arc<dyn EventsStore>,
    subscriptions: Subscriptions,
    subscriber: Arc<dyn Subscriber>,
}

impl Scene {
    async fn of(given: &Given) -> Checked<Self> {
        let (store, runtime) = (given.store.clone(), world::runtime());
        let subscriptions = Subscriptions::new(store.clone(), runtime.clone(), Duration::ZERO);
        let subscribers = Subscribers::default().with(Counting, store.clone(), runtime, |unit| unit.deliveries());
        let subscriber = subscribers.all()[0].clone();
        subscriptions.open(&subscriber.name()).await?;
        Ok(Self { store, subscriptions, subscriber })
    }

    async fn claim(&self) -> Checked<ClaimedSubscription> {
        let claimed = self.subscriptions.claim(&[self.subscriber.name()]).await?;
        Ok(some(claimed.into_iter().next(), "a free subscription")?.0)
    }

    async fn append(&self, events: &[OutboxEvent]) -> Checked<Vec<PlacedEvent>> {
        append(&*self.store, events).await?;
        place_all(&self.store).await?;
        Ok(self.store.list_placed(EventPosition::START, 1_000).await?)
    }

    /// Whether the effect of each event happened.
    async fn effects(&self, events: &[PlacedEvent]) -> Checked<Vec<bool>> {
        let ids: Vec<_> = events.iter().map(|placed| JobId::new(placed.event.id.uuid())).collect();
        let found = look!(self.store, tx => tx.jobs().find_many(&ids).await?)?;
        Ok(ids.iter().map(|id| found.iter().any(|job| job.id == *id)).collect())
    }

    async fn stored(&self, id: SubscriptionId) -> Checked<Subscription> {
        some(look!(self.store, tx => tx.deliveries().find(id).await?)?, "the subscription")
    }

    async fn held(&self, claimed: ClaimedSubscription, placed: &PlacedEvent) -> Checked<HeldEvent> {
        let aggregate = placed.event.aggregate_id;
        some(look!(self.store, tx => tx.deliveries().next_held(claimed.id, aggregate).await?)?, "a held event")
    }
}

async fn an_effect_happens_once_for_each_event(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let mut events = [event(world::uuid(), 1), event(world::uuid(), 1), event(world::uuid(), 1)];
    events[1].name = "catalog.product_changed.v1".to_owned();
    let events = scene.append(&events).await?;
    let claimed = scene.claim().await?;
    scene.subscriber.deliver(claimed, &events[..2]).await?;
    equal(scene.effects(&events).await?, vec![true, false, false])?;
    // Events that were delivered before are passed over.
    scene.subscriber.deliver(claimed, &events).await?;
    scene.subscriber.deliver(claimed, &events).await?;
    equal(scene.effects(&events).await?, vec![true, false, true])?;
    let stored = scene.stored(claimed.id).await?;
    equal((stored.position, stored.lease.map(|lease| lease.beat)), (at(3), Some(3)))?;
    scene.subscriptions.release(claimed).await?;
    equal(scene.stored(claimed.id).await?.lease, None)
}

async fn a_failing_event_blocks_its_aggregate_only(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let (unlucky, lucky) = (world::uuid(), world::uuid());
    let events = [event(lucky, 1), event(unlucky, 13), event(lucky, 2), event(unlucky, 14), event(unlucky, 15)];
    let events = scene.append(&events).await?;
    let claimed = scene.claim().await?;
    match scene.subscriber.deliver(claimed, &events).await {
        Err(DeliveryError::Failed { place: 1, message }) => equal(message, "unlucky".to_owned())?,
        other => return Err(Failure::new(format!("delivered: {other:?}"))),
    }
    equal(scene.effects(&events).await?, vec![false; 5])?;
    scene.subscriber.deliver(claimed, &events[..1]).await?;
    scene.subscriber.hold(claimed, &events[1], "unlucky").await?;
    scene.subscriber.deliver(claimed, &events[2..]).await?;
    equal(scene.effects(&events).await?, vec![true, false, true, false, false])?;
    let held = scene.held(claimed, &events[1]).await?;
    equal((held.state, held.attempt, held.event_id), (HeldState::Retryable, 1, events[1].event.id))?;
    scene.subscriber.fail_held(claimed, &held, "again").await?;
    // As after an unknown outcome: the same attempt is noted once more.
    scene.subscriber.fail_held(claimed, &held, "again").await?;
    let held = scene.held(claimed, &events[1]).await?;
    equal((held.attempt, held.message.as_str()), (2, "again"))?;
    // An operator skips the event. The next one of the aggregate is tried, and then the one after it.
    commit!(given.store, tx => {
        tx.deliveries().release_held(&held).await?;
        if let Some(mut next) = tx.deliveries().next_held(claimed.id, unlucky).await? {
            next.retry(world::now());
            tx.deliveries().save_held(&next).await?;
        }
    })?;
    for place in [3, 4] {
        let due = given.store.list_due(claimed.id, world::now(), 9).await?;
        equal(due.iter().map(|held| held.event_id).collect(), vec![events[place].event.id])?;
        scene.subscriber.deliver_held(claimed, due[0].id, &events[place]).await?;
        scene.subscriber.deliver_held(claimed, due[0].id, &events[place]).await?;
    }
    equal(scene.effects(&events).await?, vec![true, false, true, true, true])?;
    equal(given.store.list_due(claimed.id, world::now(), 9).await?, vec![])
}

/// The delivery has seen that an earlier event is held back, and not stored the later one yet. If the skip does not wait
/// for it, one of the two is tried again or fails.
async fn a_skip_beside_a_delivery_leaves_no_event_that_waits_for_none(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let unlucky = world::uuid();
    let events = scene.append(&[event(unlucky, 13), event(unlucky, 14)]).await?;
    let claimed = scene.claim().await?;
    scene.subscriber.hold(claimed, &events[0], "unlucky").await?;
    let held = scene.held(claimed, &events[0]).await?;
    let commands = Commands::<dyn EventsTx>::new(given.store.clone(), Arc::new(PlainFingerprints), world::runtime());
    let skip = UseCase::new(SkipHeldEvent, &commands);

    let mut unit = crate::units::write(&*given.store).await?;
    let mut subscription = some(unit.deliveries().find(claimed.id).await?, "the subscription")?;
    equal(unit.deliveries().held_aggregates(claimed.id, &[unlucky]).await?, vec![unlucky])?;
    let command = HeldEventCommand { held_event_id: held.id, precondition: Precondition::Missing };
    let mut skipped = tokio::spawn(async move { skip.execute(&Actor::system("operator"), command).await });
    // Long enough for a skip that does not wait.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut skipped).await;
    let (id, later) = (HeldEventId::new(world::uuid()), (events[1].event.id, events[1].position));
    let waiting = HeldEvent::waiting(id, claimed.id, later, unlucky, world::now());
    let delivered = async {
        subscription.advance(claimed.token, events[1].position, world::now()).map_err(|_| StoreError::Stale)?;
        unit.deliveries().save(&subscription).await?;
        unit.deliveries().hold(std::slice::from_ref(&waiting)).await
    };
    let delivered = match delivered.await {
        Ok(()) => unit.commit().await,
        Err(error) => unit.rollback().await.and(Err(error)),
    };
    holds(matches!(delivered, Ok(()) | Err(StoreError::Stale | StoreError::Retry(_))), format!("{delivered:?}"))?;
    match early {
        Ok(early) => early??,
        Err(_) => skipped.await??,
    }
    let next = look!(given.store, tx => tx.deliveries().next_held(claimed.id, unlucky).await?)?;
    equal(next.map(|next| next.state), delivered.is_ok().then_some(HeldState::Retryable))
}

async fn a_process_that_was_taken_for_dead_is_fenced_off(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let events = scene.append(&[event(world::uuid(), 1), event(world::uuid(), 1)]).await?;
    let lost = scene.claim().await?;
    equal(scene.subscriptions.claim(&[scene.subscriber.name()]).await?, vec![])?;
    equal(scene.subscriptions.rescue().await?, vec![scene.subscriber.name()])?;
    let claimed = scene.claim().await?;
    let late = scene.subscriber.deliver(lost, &events).await;
    holds(matches!(late, Err(DeliveryError::Fenced)), format!("{late:?}"))?;
    equal(scene.subscriptions.beat(lost).await?, false)?;
    equal(scene.effects(&events).await?, vec![false, false])?;
    scene.subscriber.deliver(claimed, &events).await?;
    equal(scene.subscriptions.beat(claimed).await?, true)?;
    equal(scene.effects(&events).await?, vec![true, true])
}

async fn a_new_subscriber_begins_at_the_end_of_the_log(given: &Given) -> Checked {
    append(&*given.store, &[event(world::uuid(), 1), event(world::uuid(), 1)]).await?;
    place_all(&given.store).await?;
    let subscriptions = Subscriptions::new(given.store.clone(), world::runtime(), Duration::ZERO);
    let name = subscriber()?;
    let (one, other) = tokio::join!(subscriptions.open(&name), subscriptions.open(&name));
    one?;
    other?;
    let found: Vec<_> = given.store.list_subscriptions(9).await?;
    equal(found.iter().map(|one| (one.subscriber.clone(), one.position)).collect(), vec![(name, at(2))])
}

async fn a_replay_ends_with_its_last_event_and_what_it_holds_back(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let events = [event(world::uuid(), 1), event(world::uuid(), 13), event(world::uuid(), 1)];
    let events = scene.append(&events).await?;
    scene.subscriptions.release(scene.claim().await?).await?;
    let (id, until) = (SubscriptionId::new(world::uuid()), events[1].position);
    let replay = Some(Replay { until });
    let replay = Subscription::create(id, scene.subscriber.name(), EventPosition::START, replay, world::now());
    commit!(given.store, tx => tx.deliveries().insert(&replay).await?)?;
    let claimed = scene.subscriptions.claim(&[scene.subscriber.name()]).await?;
    let claimed = some(claimed.into_iter().find(|(claimed, _)| claimed.id == id), "the replay")?.0;
    scene.subscriber.deliver(claimed, &events[..1]).await?;
    scene.subscriber.hold(claimed, &events[1], "unlucky").await?;
    scene.subscriber.deliver(claimed, &events[2..]).await?;
    equal(scene.effects(&events).await?, vec![true, false, false])?;
    equal(scene.subscriptions.beat(claimed).await?, true)?;
    equal((scene.stored(id).await?.position, scene.stored(id).await?.state), (until, SubscriptionState::Active))?;
    let held = scene.held(claimed, &events[1]).await?;
    commit!(given.store, tx => tx.deliveries().release_held(&held).await?)?;
    equal(scene.subscriptions.beat(claimed).await?, false)?;
    let stored = scene.stored(id).await?;
    equal((stored.state, stored.lease), (SubscriptionState::Finished, None))
}

async fn sweep(given: &Given, longest_lag: Duration) -> Checked<u64> {
    let policy = EventPolicy { lifetime: Some(Duration::ZERO), longest_lag };
    let sweep = SweepEvents::new(given.store.clone(), policy);
    let swept = SweepExpired::new(vec![Arc::new(sweep)], world::runtime()).execute().await?;
    Ok(swept.iter().map(|(_, rows)| rows).sum())
}

async fn events_are_kept_until_every_subscription_has_passed_them(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let events = scene.append(&[event(world::uuid(), 1), event(world::uuid(), 1), event(world::uuid(), 1)]).await?;
    let lag = Duration::from_secs(100 * 365 * 86_400);
    equal(sweep(given, lag).await?, 0)?;
    let claimed = scene.claim().await?;
    scene.subscriber.deliver(claimed, &events[..2]).await?;
    equal(sweep(given, lag).await?, 2)?;
    scene.subscriber.deliver(claimed, &events[2..]).await?;
    equal(sweep(given, lag).await?, 1)?;
    equal(scene.stored(claimed.id).await?.state, SubscriptionState::Active)
}

async fn a_subscription_that_is_too_far_behind_is_broken_off(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    scene.append(&[made_at(1), made_at(2)]).await?;
    let claimed = scene.claim().await?;
    equal(sweep(given, Duration::ZERO).await?, 2)?;
    let stored = scene.stored(claimed.id).await?;
    equal((stored.state, stored.position), (SubscriptionState::Broken, EventPosition::START))?;
    equal(scene.subscriptions.claim(&[scene.subscriber.name()]).await?, vec![])
}

async fn a_clock_in_the_past_breaks_off_no_subscription(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    scene.append(&[event(world::uuid(), 1)]).await?;
    scene.append(&[made_at(1)]).await?;
    let claimed = scene.claim().await?;
    equal(sweep(given, DAY).await?, 0)?;
    equal(scene.stored(claimed.id).await?.state, SubscriptionState::Active)
}

async fn a_replay_that_was_broken_off_is_deleted_with_what_it_holds_back(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let events = scene.append(&[made_at(1)]).await?;
    scene.subscriber.deliver(scene.claim().await?, &events).await?;
    let (id, replay) = (SubscriptionId::new(world::uuid()), Some(Replay { until: at(1) }));
    let mut replay = Subscription::create(id, scene.subscriber.name(), EventPosition::START, replay, world::now());
    replay.break_off(world::now());
    let PlacedEvent { position, event } = &events[0];
    let held = HeldEventId::new(world::uuid());
    let held = HeldEvent::waiting(held, id, (event.id, *position), event.aggregate_id, world::now());
    commit!(given.store, tx => {
        tx.deliveries().insert(&replay).await?;
        tx.deliveries().hold(std::slice::from_ref(&held)).await?;
    })?;
    equal(sweep(given, DAY).await?, 0)?;
    let commands = Commands::<dyn EventsTx>::new(given.store.clone(), Arc::new(PlainFingerprints), world::runtime());
    let delete = UseCase::new(DeleteSubscription::new(scene.subscriptions.known.clone()), &commands);
    let command = DeleteSubscriptionCommand { subscription_id: id, precondition: Precondition::Missing };
    delete.execute(&Actor::system("operator"), command).await?;
    equal(given.store.find_subscription(id).await?, None)?;
    equal(sweep(given, DAY).await?, 1)
}

async fn without_a_lifetime_the_inbox_and_finished_replays_end(given: &Given) -> Checked {
    let scene = Scene::of(given).await?;
    let events = scene.append(&[made_at(1)]).await?;
    let claimed = scene.claim().await?;
    let (id, replay) = (SubscriptionId::new(world::uuid()), Some(Replay { until: at(1) }));
    let mut replay = Subscription::create(id, scene.subscriber.name(), at(1), replay, made_at(1).occurred_at);
    holds(replay.finish(false, made_at(1).occurred_at), "it has passed its end")?;
    let received = [events[0].event.id];
    commit!(given.store, tx => {
        tx.deliveries().insert(&replay).await?;
        tx.deliveries().receive(claimed.id, &received, made_at(1).occurred_at).await?;
    })?;
    let policy = EventPolicy { lifetime: None, longest_lag: DAY };
    let sweep = SweepEvents::new(given.store.clone(), policy);
    SweepExpired::new(vec![Arc::new(sweep)], world::runtime()).execute().await?;
    equal(given.store.find_subscription(id).await?, None)?;
    let new = look!(given.store, tx => tx.deliveries().receive(claimed.id, &received, world::now()).await?)?;
    equal(new, received.to_vec())?;
    equal(given.store.list_placed(EventPosition::START, 9).await?, events)
}

async fn without_a_relay_the_sweep_places_and_deletes_events(given: &Given) -> Checked {
    append(&*given.store, &[made_at(1), made_at(2)]).await?;
    let place = PlaceEvents::new(given.store.clone(), world::runtime());
    let policy = EventPolicy { lifetime: Some(Duration::ZERO), longest_lag: DAY };
    let sweep = SweepEvents::new(given.store.clone(), policy);
    let swept = SweepExpired::new(vec![Arc::new(place), Arc::new(sweep)], world::runtime()).execute().await?;
    equal(swept.iter().map(|(_, rows)| rows).collect(), vec![2])?;
    equal(given.store.log_ends().await?, LogEnds { swept: at(2), last: at(2) })
}
