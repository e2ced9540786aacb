//! Workers that take jobs from a queue outside of the store: over a store in memory, with a clock that stands still until
//! every task waits.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod paused;

use async_trait::async_trait;
use skep_application::{
    App, Policies, Ports,
    jobs::{
        Handlers, JobError, JobHandler, JobRun, JobsTx, LostTicket, Outcome, ReadyJob, SettledJob, Settlement, Taken,
        TicketCounts, TicketPolicy, TicketQueue, enqueue_internal, job_for,
    },
    kernel::{Actor, Begin, StoreError, TxMode},
    testing::mock_ports,
};
use skep_domain::{
    jobs::{Job, JobId, JobState, NewJob, OrderingKey, QueueName},
    shared::{Fenced, LeaseToken, Version},
};
use skep_memory::{MemoryStore, MemoryTickets};
use skep_workers::{WorkerOptions, Workers};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Counts its attempts, and takes as many seconds as its arguments say.
struct Count {
    app: Arc<App>,
    done: Arc<Mutex<Vec<JobId>>>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Work {
    seconds: u64,
    in_unit: bool,
    fails: bool,
}

impl JobHandler for Count {
    const KIND: &'static str = "test.count";
    type Args = Work;

    async fn run(&self, job: &JobRun, work: Work) -> Result<Outcome, JobError> {
        self.done.lock().unwrap().push(job.id());
        tokio::time::sleep(Duration::from_secs(work.seconds)).await;
        if work.fails && job.job().attempt == 1 {
            return Err(JobError::later("no"));
        }
        if !work.in_unit {
            return Ok(Outcome::Complete(None));
        }
        let now = self.app.ports.runtime.clock.now();
        let mut unit = unit(&self.app).await;
        job.complete_in(unit.jobs(), None, now).await.map_err(JobError::later)?;
        unit.commit().await.map_err(JobError::later)?;
        Ok(Outcome::Settled)
    }
}

async fn unit(app: &App) -> Box<dyn JobsTx> {
    Begin::<dyn JobsTx>::begin(&*app.ports.store, TxMode::Write, &[]).await.unwrap()
}

/// The twin of a server that may be away.
struct Server {
    tickets: MemoryTickets,
    is_away: AtomicBool,
}

impl Server {
    fn here(&self) -> Result<&MemoryTickets, StoreError> {
        let away = || StoreError::Unavailable("away".into());
        (!self.is_away.load(Ordering::Relaxed)).then_some(&self.tickets).ok_or_else(away)
    }
}

#[async_trait]
impl TicketQueue for Server {
    async fn offer(&self, queue: &QueueName, jobs: &[ReadyJob], most: u32) -> Result<TicketCounts, StoreError> {
        self.here()?.offer(queue, jobs, most).await
    }
    async fn take(
        &self,
        queue: &QueueName,
        limit: u32,
        token: LeaseToken,
        term: Duration,
    ) -> Result<Vec<(JobId, Version)>, StoreError> {
        self.here()?.take(queue, limit, token, term).await
    }
    async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) -> Result<(), StoreError> {
        self.here()?.give_back(queue, token, jobs).await
    }
    async fn list_lost(&self, queue: &QueueName, limit: u32) -> Result<Vec<LostTicket>, StoreError> {
        self.here()?.list_lost(queue, limit).await
    }
    async fn count(&self, queue: &QueueName) -> Result<TicketCounts, StoreError> {
        self.here()?.count(queue).await
    }
}

struct Scene {
    app: Arc<App>,
    server: Arc<Server>,
    done: Arc<Mutex<Vec<JobId>>>,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl Scene {
    /// A store and a server, without workers.
    fn new() -> Self {
        let runtime = paused::runtime();
        let tickets = MemoryTickets::new(runtime.clock.clone());
        let server = Arc::new(Server { tickets, is_away: AtomicBool::new(false) });
        let store = Arc::new(MemoryStore::new(runtime.clock.clone()));
        let ports = Ports { tickets: Some(server.clone()), ..mock_ports(store, runtime) };
        let tickets = TicketPolicy { queues: vec![QueueName::default()].into(), most: 100 };
        let app = Arc::new(App::new(ports, Policies { tickets, ..Policies::default() }));
        Self { app, server, done: Arc::default(), stop: CancellationToken::new(), workers: vec![] }
    }

    /// Starts workers, as another process does.
    fn start(&mut self) {
        let handlers = Handlers::default().with(Count { app: self.app.clone(), done: self.done.clone() });
        let workers = Workers::new(self.app.clone(), handlers, WorkerOptions::default());
        self.workers.push(tokio::spawn(workers.run(self.stop.clone())));
    }

    async fn store(&self, work: &Work) -> JobId {
        self.store_as(work, None).await
    }

    async fn store_as(&self, work: &Work, ordering_key: Option<OrderingKey>) -> JobId {
        let new = NewJob { ordering_key, ..job_for::<Count>(work).unwrap() };
        let (mut unit, runtime) = (unit(&self.app).await, &self.app.ports.runtime);
        let id = JobId::new(runtime.ids.next());
        enqueue_internal(unit.jobs(), id, new, &Actor::system("test"), runtime.clock.now()).await.unwrap();
        unit.commit().await.unwrap();
        id
    }

    async fn quick(&self, number: usize) -> Vec<JobId> {
        let mut ids = vec![];
        for at in 0..number {
            ids.push(self.store(&Work { seconds: 0, in_unit: at % 2 == 0, fails: false }).await);
        }
        ids
    }

    async fn find(&self, id: JobId) -> Job {
        self.app.ports.store.find_job(id).await.unwrap().unwrap()
    }

    async fn reaches(&self, id: JobId, state: JobState) -> Job {
        loop {
            let job = self.find(id).await;
            if job.state == state {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn all_complete(&self, ids: &[JobId]) {
        for id in ids {
            self.reaches(*id, JobState::Completed).await;
        }
    }

    /// How often the job was begun.
    fn begun(&self, id: JobId) -> usize {
        self.done.lock().unwrap().iter().filter(|other| **other == id).count()
    }

    async fn counts(&self) -> TicketCounts {
        self.server.tickets.count(&QueueName::default()).await.unwrap()
    }

    /// Takes the only job, as a worker does that then stops to live.
    async fn take_one(&self) -> SettledJob {
        let take = self.app.jobs.take_jobs.as_ref().unwrap();
        let Taken::Jobs(taken) = take.execute(&QueueName::default(), 1).await.unwrap() else { panic!("no ticket") };
        let [taken] = taken.as_slice() else { panic!("{taken:?}") };
        let (id, token) = (taken.job.id, taken.job.lease.unwrap().token);
        SettledJob { id, token, ticket: taken.ticket, progress: None, how: Settlement::Complete(None) }
    }

    async fn end(self) {
        self.stop.cancel();
        for workers in self.workers {
            workers.await.unwrap();
        }
    }
}

const QUICK: Work = Work { seconds: 0, in_unit: false, fails: false };
const LONG: Work = Work { seconds: 45, in_unit: false, fails: false };

#[tokio::test(start_paused = true)]
async fn jobs_run_once_and_leave_no_ticket() {
    let mut scene = Scene::new();
    let before = scene.quick(150).await;
    scene.start();
    scene.start();
    let ids = [before, scene.quick(150).await].concat();
    scene.all_complete(&ids).await;
    for id in ids {
        assert_eq!((scene.begun(id), scene.find(id).await.attempt), (1, 1));
        assert_eq!(scene.find(id).await.version.get(), 2, "one write for the whole job");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(scene.counts().await, TicketCounts::default());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_comes_back_with_a_new_ticket() {
    let mut scene = Scene::new();
    scene.start();
    let id = scene.store(&Work { fails: true, ..QUICK }).await;
    let done = scene.reaches(id, JobState::Completed).await;
    assert_eq!((scene.begun(id), done.attempt, done.failures.len()), (2, 2, 1));
    scene.end().await;
}

/// A job that takes longer than the time between two beats is held by its row, so it is stopped when it is cancelled.
#[tokio::test(start_paused = true)]
async fn a_long_job_is_claimed_by_the_first_beat() {
    let mut scene = Scene::new();
    scene.start();
    let id = scene.store(&LONG).await;
    assert_eq!(scene.reaches(id, JobState::Running).await.attempt, 1);
    let done = scene.reaches(id, JobState::Completed).await;
    assert_eq!((scene.begun(id), done.attempt, done.lost), (1, 1, 0));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.counts().await, TicketCounts::default());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_cancelled_at_work_has_no_effect() {
    let mut scene = Scene::new();
    scene.start();
    let id = scene.store(&Work { seconds: 5, in_unit: true, fails: false }).await;
    while scene.begun(id) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut unit = unit(&scene.app).await;
    let mut job = unit.jobs().find(id).await.unwrap().unwrap();
    assert_eq!(job.cancel(scene.app.ports.runtime.clock.now()), Ok(true));
    unit.jobs().save_many(&[job]).await.unwrap();
    unit.commit().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((scene.begun(id), scene.find(id).await.state), (1, JobState::Cancelled));
    scene.end().await;
}

/// What FLUSHALL does, or a failover to a server that has nothing.
#[tokio::test(start_paused = true)]
async fn a_server_that_loses_all_tickets_loses_no_job() {
    let mut scene = Scene::new();
    let mut ids = scene.quick(50).await;
    scene.start();
    scene.start();
    ids.push(scene.store(&LONG).await);
    for _ in 0..20 {
        ids.extend(scene.quick(10).await);
        scene.server.tickets.lose_all();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.all_complete(&ids).await;
    for id in &ids {
        let job = scene.find(*id).await;
        assert_eq!((job.attempt, job.lost), (1, 0), "no attempt is lost with a ticket");
    }
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_wait_for_a_server_that_is_away_and_are_then_claimed_from_the_store() {
    let mut scene = Scene::new();
    let long = scene.store(&LONG).await;
    scene.start();
    while scene.begun(long) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.server.is_away.store(true, Ordering::Relaxed);
    let (away, ids) = (Instant::now(), scene.quick(30).await);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(ids.iter().map(|id| scene.begun(*id)).sum::<usize>(), 0);
    scene.all_complete(&ids).await;
    assert!(away.elapsed() >= Duration::from_secs(15) && away.elapsed() < Duration::from_secs(20));
    scene.server.is_away.store(false, Ordering::Relaxed);
    let later = scene.quick(30).await;
    scene.all_complete(&later).await;
    scene.all_complete(&[long]).await;
    for id in ids.into_iter().chain(later).chain([long]) {
        assert_eq!((scene.begun(id), scene.find(id).await.attempt), (1, 1));
    }
    scene.end().await;
}

/// A worker that was killed, or stopped for longer than its term.
#[tokio::test(start_paused = true)]
async fn a_worker_that_is_lost_with_a_ticket_is_fenced_off() {
    let mut scene = Scene::new();
    let id = scene.store(&LONG).await;
    let late = scene.take_one().await;
    scene.start();
    while scene.begun(id) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The second worker has not written anything yet.
    assert_eq!(scene.app.jobs.settle_jobs.execute(&[late]).await.unwrap(), [Err(Fenced)]);
    let done = scene.reaches(id, JobState::Completed).await;
    assert_eq!((scene.begun(id), done.attempt, done.failures[0].message.as_str()), (1, 2, "the worker was lost"));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_loses_three_workers_is_discarded() {
    let mut scene = Scene::new();
    let id = scene.store(&QUICK).await;
    let (first, rescue) = (scene.take_one().await, scene.app.jobs.rescue_taken.as_ref().unwrap());
    for lost in 1..=3 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(rescue.execute().await.unwrap(), [id]);
        assert_eq!(rescue.execute().await.unwrap(), []);
        assert_eq!(scene.find(id).await.lost, lost);
        if lost < 3 {
            scene.take_one().await;
        }
    }
    assert_eq!(scene.find(id).await.state, JobState::Discarded);
    assert_eq!(scene.app.jobs.settle_jobs.execute(&[first]).await.unwrap(), [Err(Fenced)]);
    assert_eq!(scene.counts().await, TicketCounts::default());
    scene.start();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.begun(id), 0);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_with_one_ordering_key_run_one_after_the_other() {
    let mut scene = Scene::new();
    scene.start();
    scene.start();
    let work = Work { seconds: 2, in_unit: false, fails: false };
    let begun = Instant::now();
    let mut ids = vec![];
    for _ in 0..5 {
        ids.push(scene.store_as(&work, OrderingKey::parse("one").ok()).await);
    }
    scene.all_complete(&ids).await;
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(*scene.done.lock().unwrap(), ids);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_jobs_back_without_an_attempt() {
    let mut scene = Scene::new();
    let id = scene.store(&LONG).await;
    scene.start();
    while scene.begun(id) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.stop.cancel();
    for workers in std::mem::take(&mut scene.workers) {
        workers.await.unwrap();
    }
    let job = scene.find(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Available, 0));
    assert_eq!(scene.counts().await.held, 0);
}
