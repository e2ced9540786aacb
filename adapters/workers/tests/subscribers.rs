//! Delivery with the store in memory. The time of tokio is paused: it moves when every task waits.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod paused;

use skep_application::{
    App, Policies,
    events::{EventHandler, EventsTx, HandlerError, Handling, PlacedEvent, Subscribers},
    jobs::{Handlers, LeasePolicy, enqueue_internal},
    kernel::{Actor, Begin, OutboxEvent, TxMode},
    testing::mock_ports,
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, SubscriberName, Subscription},
    jobs::{JobArgs, JobId, JobKind, NewJob},
    shared::{EventId, Version},
};
use skep_memory::MemoryStore;
use skep_workers::{WorkerOptions, Workers};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const NAME: &str = "shop.thing_happened.v1";

/// Stores a job for each event. Version 13 fails, 14 panics, and 15 never returns.
struct Counting;

impl EventHandler for Counting {
    const NAME: &'static str = "test.counting";
    const EVENTS: &'static [&'static str] = &[NAME];
    type Unit = dyn EventsTx;

    async fn handle(
        &self,
        unit: &mut Self::Unit,
        placed: &PlacedEvent,
        call: &Handling<'_>,
    ) -> Result<(), HandlerError> {
        let kind = JobKind::parse("test.unknown").unwrap();
        let new = NewJob { ready_at: Some(call.now.plus_millis(3_600_000)), ..NewJob::of(kind, JobArgs::default()) };
        enqueue_internal(unit.jobs(), JobId::new(placed.event.id.uuid()), new, &call.actor, call.now).await?;
        match placed.event.aggregate_version.get() {
            13 => Err(HandlerError::failed("unlucky")),
            // Without the report of a panic, whose backtrace takes seconds each time.
            14 => std::panic::resume_unwind(Box::new("a bug")),
            15 => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

struct Scene {
    app: Arc<App>,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl Scene {
    fn start(instances: usize) -> Self {
        let runtime = paused::runtime();
        let store = Arc::new(MemoryStore::new(runtime.clock.clone()));
        let ports = mock_ports(store.clone(), runtime.clone());
        let app = Arc::new(App::new(ports, Policies::default()));
        let stop = CancellationToken::new();
        let start = |_| {
            let subscribers =
                Subscribers::default().with(Counting, store.clone(), runtime.clone(), |unit| unit.deliveries());
            let workers = Workers::new(app.clone(), Handlers::default(), WorkerOptions::default());
            tokio::spawn(workers.with_subscribers(subscribers).run(stop.clone()))
        };
        let workers = (0..instances).map(start).collect();
        Self { app, stop, workers }
    }

    /// Waits until the subscriber is known, so that it gets the events that follow.
    async fn opened(&self) {
        while self.app.ports.store.list_subscriptions(1).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn append(&self, aggregate: u128, version: i64) -> EventId {
        let runtime = &self.app.ports.runtime;
        let event = OutboxEvent {
            id: EventId::new(runtime.ids.next()),
            name: NAME.to_owned(),
            aggregate_id: Uuid::from_u128(aggregate),
            aggregate_version: Version::new(version).unwrap(),
            actor_id: None,
            impersonator_id: None,
            request_id: "request-1".to_owned(),
            traceparent: None,
            occurred_at: runtime.clock.now(),
            payload: "{}".to_owned(),
        };
        let mut unit = Begin::<dyn EventsTx>::begin(&*self.app.ports.store, TxMode::Write, &[]).await.unwrap();
        unit.outbox().append(&event).await.unwrap();
        unit.commit().await.unwrap();
        event.id
    }

    async fn has_happened(&self, event: EventId) -> bool {
        self.app.ports.store.find_job(JobId::new(event.uuid())).await.unwrap().is_some()
    }

    async fn happens(&self, event: EventId) {
        while !self.has_happened(event).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the subscription has passed this position, and returns it.
    async fn passes(&self, position: i64) -> EventPosition {
        loop {
            let found = self.app.ports.store.list_subscriptions(1).await.unwrap();
            if found[0].position.get() >= position {
                return found[0].position;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        for workers in self.workers {
            workers.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_delivered_once_with_any_number_of_instances() {
    let scene = Scene::start(3);
    scene.opened().await;
    let mut events = vec![];
    for number in 0..60 {
        events.push(scene.append(number % 7, 1).await);
    }
    for event in &events {
        scene.happens(*event).await;
    }
    assert_eq!(scene.passes(60).await.get(), 60);
    let app = scene.app.clone();
    scene.end().await;
    let subscription = app.ports.store.list_subscriptions(9).await.unwrap();
    assert_eq!(subscription.len(), 1);
    assert_eq!(subscription[0].lease, None, "it was given back");
}

/// The event that is held back does not exist, so the subscription does not go on.
#[tokio::test(start_paused = true)]
async fn a_process_that_cannot_deliver_is_not_taken_for_lost() {
    let scene = Scene::start(1);
    let store = scene.app.ports.store.clone();
    let claimed = loop {
        let found = store.list_subscriptions(1).await.unwrap().pop();
        if let Some(claimed) = found.filter(|subscription| subscription.lease.is_some()) {
            break claimed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let runtime = &scene.app.ports.runtime;
    let (id, event) = (HeldEventId::new(runtime.ids.next()), EventId::new(runtime.ids.next()));
    let event = (event, EventPosition::START.next());
    let mut held = HeldEvent::waiting(id, claimed.id, event, Uuid::from_u128(1), runtime.clock.now());
    held.retry(runtime.clock.now());
    let mut unit = Begin::<dyn EventsTx>::begin(&*store, TxMode::Write, &[]).await.unwrap();
    unit.deliveries().hold(&[held]).await.unwrap();
    unit.commit().await.unwrap();
    tokio::time::sleep(LeasePolicy::default().term * 4).await;
    let token = |subscription: &Subscription| subscription.lease.map(|lease| lease.token);
    let later = store.list_subscriptions(1).await.unwrap().remove(0);
    assert_eq!(token(&later), token(&claimed));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_is_held_back_with_those_after_it_until_an_operator_acts() {
    let scene = Scene::start(1);
    scene.opened().await;
    for unlucky in [13, 14, 15] {
        scene.append(unlucky, i64::try_from(unlucky).unwrap()).await;
    }
    let (blocked, free) = (scene.append(13, 20).await, scene.append(99, 1).await);
    scene.happens(free).await;
    scene.passes(5).await;
    assert!(!scene.has_happened(blocked).await);
    let store = scene.app.ports.store.clone();
    let id = store.list_subscriptions(1).await.unwrap()[0].id;
    let counts = || async { store.count_held_events(id, 9).await.unwrap() };
    while counts().await != [(HeldState::Retryable, 0), (HeldState::Waiting, 1), (HeldState::Parked, 3)] {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let name = SubscriberName::parse("test.counting").unwrap();
    let found = scene.app.events.list_subscriptions.execute(&Actor::system("test")).await.unwrap();
    assert_eq!((found[0].subscription.subscriber.clone(), found[0].lag), (name, 0));
    let page = skep_application::kernel::PageRequest::default();
    let sort = skep_application::events::HeldSort {
        key: skep_application::events::HeldSortKey::HeldAt,
        direction: skep_domain::shared::Direction::Ascending,
    };
    let parked = store.list_held_events(HeldState::Parked, sort, &page).await.unwrap().items;
    let messages: Vec<_> = parked.iter().map(|held| held.message.as_str()).collect();
    assert_eq!(messages, ["unlucky", "the handler panicked: a bug", "took longer than 10s"]);
    let command = skep_application::events::HeldEventCommand {
        held_event_id: parked[0].id,
        precondition: skep_application::kernel::Precondition::Missing,
    };
    scene.app.events.skip_held_event.execute(&Actor::system("test"), command).await.unwrap();
    scene.happens(blocked).await;
    scene.end().await;
}
