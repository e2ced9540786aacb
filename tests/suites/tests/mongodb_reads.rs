//! What the workers of each process do again and again reads no more of MongoDB because of jobs that wait for later, jobs
//! that have ended, events that were delivered, or files that stay. The server's profiler counts the documents and keys of each command.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt as _;
use mongodb::{Client, Database};
use skep_application::{
    events::{
        DeliveryQueries as _, EARLIEST, EventPolicy, EventQueries as _, EventsTx, PlaceEvents, Subscriptions,
        SweepEvents,
    },
    files::{FileQueries as _, FilesTx},
    jobs::{
        ClaimJobs, FireSchedules, JobPolicy, JobsTx, LeasePolicy, PromoteJobs, RescueJobs, SettleJobs, SettledJob,
        Settlement, SweepJobs, enqueue_internal,
    },
    kernel::{Actor, Begin, OutboxEvent, Round, Runtime, SweepAll as _, TxMode},
    testing::file,
};
use skep_domain::{
    events::SubscriberName,
    files::{File, FileId, FileState},
    jobs::{Backoff, Job, JobArgs, JobId, JobKind, NewJob, QueueName, Retry},
    shared::{EventId, Timestamp, Version},
};
use skep_local::system_runtime;
use skep_mongodb::MongoStore;
use skep_suites::Mongo;
use std::sync::Arc;

/// The rows that are not to be read.
const MANY: usize = 600;
/// The jobs that are ready.
const READY: usize = 10;
/// The most documents or keys that a command reads: the jobs that are ready, and a few more.
const FEW: i64 = 30;

struct Scene {
    store: Arc<MongoStore>,
    database: Database,
    runtime: Runtime,
}

impl Scene {
    fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    /// Stores jobs that are ready at once, or at a time.
    async fn enqueue(&self, jobs: usize, ready_at: Option<Timestamp>) {
        let mut unit = Begin::<dyn JobsTx>::begin(&*self.store, TxMode::Write, &[]).await.unwrap();
        for _ in 0..jobs {
            let kind = JobKind::stored("test.wait".to_owned());
            let new = NewJob { ready_at, ..NewJob::of(kind, JobArgs::default()) };
            let id = JobId::new(self.runtime.ids.next());
            enqueue_internal(unit.jobs(), id, new, &Actor::system("test"), self.now()).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    async fn claim(&self, jobs: usize) -> Vec<Job> {
        let claims = ClaimJobs::new(self.store.clone(), self.runtime.clone());
        let claimed = claims.prepare(&QueueName::default(), u32::try_from(jobs).unwrap()).execute().await.unwrap();
        assert_eq!(claimed.len(), jobs);
        claimed
    }

    async fn discard(&self, jobs: &[Job]) {
        let (message, retry, backoff) = ("no".to_owned(), Retry::Never, Backoff::USUAL);
        let how = Settlement::Fail { message, retry, backoff };
        let settled = jobs.iter().map(|job| SettledJob {
            id: job.id,
            token: job.lease.unwrap().token,
            ticket: None,
            progress: None,
            how: how.clone(),
        });
        let settle = SettleJobs::new(self.store.clone(), self.runtime.clone());
        assert!(settle.execute(&settled.collect::<Vec<_>>()).await.unwrap().iter().all(Result::is_ok));
    }

    async fn append(&self, events: usize) {
        let mut unit = Begin::<dyn EventsTx>::begin(&*self.store, TxMode::Write, &[]).await.unwrap();
        for _ in 0..events {
            let event = OutboxEvent {
                id: EventId::new(self.runtime.ids.next()),
                name: "test.happened.v1".to_owned(),
                aggregate_id: self.runtime.ids.next(),
                aggregate_version: Version::FIRST,
                actor_id: None,
                impersonator_id: None,
                request_id: "test".to_owned(),
                traceparent: None,
                occurred_at: self.now(),
                payload: "{}".to_owned(),
            };
            unit.outbox().append(&event).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    /// Stores files, and returns the last one.
    async fn keep(&self, files: usize, state: FileState) -> FileId {
        let mut unit = Begin::<dyn FilesTx>::begin(&*self.store, TxMode::Write, &[]).await.unwrap();
        let mut last = None;
        for _ in 0..files {
            let id = FileId::new(self.runtime.ids.next());
            unit.files().insert(&File { id, state, ..file(1) }).await.unwrap();
            last = Some(id);
        }
        unit.commit().await.unwrap();
        last.unwrap()
    }

    async fn place(&self) -> usize {
        PlaceEvents::new(self.store.clone(), self.runtime.clone()).execute().await.unwrap()
    }

    /// The rows that no one looks for.
    async fn fill(&self) {
        self.enqueue(MANY, None).await;
        self.discard(&self.claim(MANY).await).await;
        self.enqueue(MANY, Some(self.now().plus_millis(86_400_000))).await;
        self.append(MANY).await;
        self.keep(MANY, FileState::Ready).await;
        while self.place().await > 0 {}
    }

    /// What the workers of a process do each second, each few seconds or each minute.
    async fn look(&self) {
        let Self { store, runtime, .. } = self;
        let claimed = self.claim(READY).await;
        let promote = PromoteJobs::new(store.clone(), store.clone(), runtime.clone());
        assert_eq!(promote.execute().await.unwrap().0, 0);
        let rescue = RescueJobs::new(store.clone(), store.clone(), runtime.clone(), LeasePolicy::default().term);
        assert_eq!(rescue.execute().await.unwrap(), []);
        self.discard(&claimed).await;
        FireSchedules::new(store.clone(), store.clone(), runtime.clone()).execute().await.unwrap();

        assert_eq!(store.count_unplaced(1).await.unwrap(), 1);
        assert_eq!(self.place().await, 1);
        let subscriptions = Subscriptions::new(store.clone(), runtime.clone(), LeasePolicy::default().term);
        let name = SubscriberName::parse("test.reader").unwrap();
        subscriptions.open(&name).await.unwrap();
        subscriptions.rescue().await.unwrap();
        let (claimed, subscription) = subscriptions.claim(&[name]).await.unwrap().remove(0);
        assert_eq!(store.list_due(claimed.id, self.now(), 50).await.unwrap(), []);
        assert_eq!(store.list_placed(subscription.position, 50).await.unwrap(), []);

        let deleted = self.keep(1, FileState::Deleted).await;
        assert_eq!(store.list_removable_files(self.now(), self.now(), None, 50).await.unwrap(), [deleted]);

        let sweep_jobs = SweepJobs::new(store.clone(), JobPolicy::default());
        let sweep_events = SweepEvents::new(store.clone(), EventPolicy::default());
        let mut round = Round::new(runtime, 500, &|| false);
        sweep_jobs.sweep_all(&mut round).await.unwrap();
        sweep_events.sweep_all(&mut round).await.unwrap();
        assert_eq!(round.swept, 0, "all rows are young");
    }

    async fn profile(&self, level: i32) {
        self.database.run_command(doc! { "profile": level }).await.unwrap();
    }
}

fn number(command: &Document, field: &str) -> i64 {
    match command.get(field) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        _ => 0,
    }
}

/// The commands that the profiler has recorded, with the documents and keys that they have read.
async fn recorded(database: &Database) -> Vec<(Document, i64)> {
    let commands = doc! { "ns": { "$not": { "$regex": "system.profile$" } } };
    let found = database.collection::<Document>("system.profile").find(commands).await.unwrap();
    let found: Vec<Document> = found.try_collect().await.unwrap();
    let with_number = |command: Document| {
        let read = number(&command, "docsExamined").max(number(&command, "keysExamined"));
        (command, read)
    };
    found.into_iter().map(with_number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_do_not_read_what_waits_or_has_ended() {
    let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let Ok(address) = std::env::var("SKEP_TEST_MONGODB_URL") else {
        assert!(!required.split(',').any(|store| store == "mongodb"), "SKEP_TEST_MONGODB_URL is not set");
        println!("not tried: SKEP_TEST_MONGODB_URL is not set");
        return;
    };
    let mongo = Mongo::new(&address);
    let (store, name) = mongo.shared().await.unwrap();
    let database = Client::with_uri_str(&address).await.unwrap().database(&name);
    let scene = Scene { store, database, runtime: system_runtime() };
    scene.fill().await;
    scene.enqueue(READY, None).await;
    scene.append(1).await;
    scene.profile(2).await;
    scene.look().await;
    scene.profile(0).await;
    let recorded = recorded(&scene.database).await;
    scene.store.close().await;
    mongo.close().await;
    assert!(
        recorded.len() > 20 && recorded.iter().any(|(_, read)| usize::try_from(*read).is_ok_and(|read| read >= READY)),
        "{recorded:#?}"
    );
    // The sweep of events reads the earliest ones after a time, and the one that ends the range.
    let earliest = i64::from(EARLIEST);
    let most = |command: &Document| match command.get_document("command").map(|find| number(find, "limit")) {
        Ok(limit) if limit == earliest => earliest + 1,
        _ => FEW,
    };
    let wasteful: Vec<_> = recorded.iter().filter(|(command, read)| *read > most(command)).collect();
    assert!(wasteful.is_empty(), "{wasteful:#?}");
}
