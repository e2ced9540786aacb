//! What one instance stores is done by the workers of another one, which look by themselves only every hour. So each test
//! ends only if they are woken.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]
#![expect(clippy::print_stdout, reason = "the run shows which stores were not tried")]

use bson::doc;
use skep_application::{
    App, Policies, Store,
    events::{EventHandler, EventsTx, HandlerError, Handling, PlacedEvent, Subscribers},
    jobs::{Handlers, JobError, JobHandler, JobRun, JobsTx, Outcome, job_for},
    kernel::{Actor, Begin, OutboxEvent, TxMode},
    testing::mock_ports,
};
use skep_domain::{
    events::SubscriberName,
    jobs::{
        JobState, MisfirePolicy, NewJob, NewSchedule, OverlapPolicy, Schedule, ScheduleId, ScheduleName, ScheduledJob,
        Timing,
    },
    shared::{EventId, Timestamp, Version},
};
use skep_local::system_runtime;
use skep_suites::{Mongo, Postgres, open_mongodb, open_postgres};
use skep_workers::{WorkerOptions, Workers, send_wake_ups};
use sqlx::{Connection as _, PgConnection};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// So often that no single lucky look of the workers can stand for all wake-ups.
const TIMES: u64 = 10;
const NAME: &str = "shop.thing_happened.v1";

#[derive(Clone)]
struct Reporting(mpsc::UnboundedSender<u64>);

impl JobHandler for Reporting {
    const KIND: &'static str = "test.report";
    type Args = u64;

    async fn run(&self, _: &JobRun, number: u64) -> Result<Outcome, JobError> {
        self.0.send(number).map_err(JobError::later)?;
        Ok(Outcome::Complete(None))
    }
}

impl EventHandler for Reporting {
    const NAME: &'static str = "test.reporting";
    const EVENTS: &'static [&'static str] = &[NAME];
    type Unit = dyn EventsTx;

    async fn handle(&self, _: &mut Self::Unit, placed: &PlacedEvent, _: &Handling<'_>) -> Result<(), HandlerError> {
        self.0.send(placed.event.payload.parse().unwrap()).map_err(HandlerError::failed)
    }
}

fn app(store: Arc<dyn Store>) -> Arc<App> {
    Arc::new(App::new(mock_ports(store, system_runtime()), Policies::default()))
}

/// An instance that stores, and another one with workers.
struct Scene {
    storing: Arc<App>,
    working: Arc<App>,
    reports: mpsc::UnboundedReceiver<u64>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    number: u64,
}

impl Scene {
    async fn start(storing: Arc<dyn Store>, working: Arc<dyn Store>) -> Self {
        let (storing, working, stop) = (app(storing), app(working), CancellationToken::new());
        let (report, reports) = mpsc::unbounded_channel();
        let (store, runtime) = (working.ports.store.clone(), working.ports.runtime.clone());
        let handlers = Handlers::default().with(Reporting(report.clone()));
        let subscribers = Subscribers::default().with(Reporting(report), store, runtime, |unit| unit.deliveries());
        working
            .events
            .subscriptions
            .open(&SubscriberName::parse(<Reporting as EventHandler>::NAME).unwrap())
            .await
            .unwrap();
        let options = WorkerOptions { poll: Duration::from_secs(3_600), ..WorkerOptions::default() };
        let workers = Workers::new(working.clone(), handlers, options).with_subscribers(subscribers);
        let tasks =
            vec![tokio::spawn(workers.run(stop.clone())), tokio::spawn(send_wake_ups(storing.clone(), stop.clone()))];
        Self { storing, working, reports, stop, tasks, number: 0 }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    async fn a_job_runs(&mut self) {
        let number = self.next();
        let job = job_for::<Reporting>(&number).unwrap();
        let job = self.storing.jobs.enqueue_job.execute(&Actor::system("test"), job).await.unwrap();
        assert_eq!(self.reports.recv().await, Some(number));
        while self.storing.ports.store.find_job(job.id).await.unwrap().unwrap().state != JobState::Completed {
            tokio::task::yield_now().await;
        }
    }

    async fn an_event_is_delivered(&mut self) {
        let (number, runtime) = (self.next(), &self.storing.ports.runtime);
        let event = OutboxEvent {
            id: EventId::new(runtime.ids.next()),
            name: NAME.to_owned(),
            aggregate_id: runtime.ids.next(),
            aggregate_version: Version::FIRST,
            actor_id: None,
            impersonator_id: None,
            request_id: "request-1".to_owned(),
            traceparent: None,
            occurred_at: runtime.clock.now(),
            payload: number.to_string(),
        };
        let mut unit = Begin::<dyn EventsTx>::begin(&*self.storing.ports.store, TxMode::Write, &[]).await.unwrap();
        unit.outbox().append(&event).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(self.reports.recv().await, Some(number));
    }

    async fn a_schedule_fires(&mut self) {
        let (number, runtime) = (self.next(), &self.storing.ports.runtime);
        let NewJob { kind, queue, args, priority, max_attempts, .. } = job_for::<Reporting>(&number).unwrap();
        let now: Timestamp = runtime.clock.now();
        let new = NewSchedule {
            name: ScheduleName::parse(&format!("once-{number}")).unwrap(),
            timing: Timing::Once(now),
            job: ScheduledJob { kind, queue, args, priority, max_attempts },
            misfire: MisfirePolicy::default(),
            overlap: OverlapPolicy::default(),
        };
        let schedule = Schedule::create(ScheduleId::new(runtime.ids.next()), new, now.plus_millis(-1));
        let mut unit = Begin::<dyn JobsTx>::begin(&*self.storing.ports.store, TxMode::Write, &[]).await.unwrap();
        unit.schedules().insert(&schedule).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(self.reports.recv().await, Some(number));
    }

    async fn everything_is_done(&mut self) {
        for _ in 0..TIMES {
            self.a_job_runs().await;
            self.an_event_is_delivered().await;
            self.a_schedule_fires().await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        drop((self.storing, self.working));
    }
}

/// The address of a server. Without it, the test is skipped, or fails if the store is required.
fn server(store: &str, variable: &str) -> Option<String> {
    let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let address = std::env::var(variable).ok();
    assert!(address.is_some() || !required.split(',').any(|name| name == store), "{variable} is not set");
    if address.is_none() {
        println!("not tried: {variable} is not set");
    }
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_wake_each_other_on_postgresql_also_after_the_listener_was_killed() {
    let Some(address) = server("postgres", "SKEP_TEST_POSTGRES_URL") else { return };
    let postgres = Postgres::new(&address).unwrap();
    let (working, own) = postgres.shared().await.unwrap();
    let mut scene = Scene::start(open_postgres(&own).unwrap(), working).await;
    scene.everything_is_done().await;
    let mut admin = PgConnection::connect(&own).await.unwrap();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let killed: i64 = sqlx::query_scalar(kill).fetch_one(&mut admin).await.unwrap();
    assert_eq!(killed, 1, "one connection listens");
    admin.close().await.unwrap();
    scene.everything_is_done().await;
    scene.end().await;
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_wake_each_other_on_mongodb_also_after_the_listener_was_killed() {
    let Some(address) = server("mongodb", "SKEP_TEST_MONGODB_URL") else { return };
    let mongodb = Mongo::new(&address);
    let (working, database) = mongodb.shared().await.unwrap();
    let storing = open_mongodb(&address, &database).await.unwrap();
    let mut scene = Scene::start(storing.clone(), working.clone()).await;
    scene.everything_is_done().await;
    let admin = mongodb::Client::with_uri_str(&address).await.unwrap().database("admin");
    let listening = doc! { "$match": { "op": "getmore", "ns": format!("{database}.wake_ups") } };
    let mut killed = 0;
    // Between two waits, the listener is not at work for a moment.
    while killed == 0 {
        let mut found = admin.aggregate([doc! { "$currentOp": {} }, listening.clone()]).await.unwrap();
        while found.advance().await.unwrap() {
            let operation = found.deserialize_current().unwrap().get("opid").cloned().unwrap();
            admin.run_command(doc! { "killOp": 1, "op": operation }).await.unwrap();
            killed += 1;
        }
    }
    assert_eq!(killed, 1, "one operation listens");
    scene.everything_is_done().await;
    scene.end().await;
    storing.close().await;
    working.close().await;
    mongodb.close().await;
}
