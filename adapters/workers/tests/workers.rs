//! Workers with the store in memory. The time of tokio is paused: it moves when every task waits.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod paused;

use skep_application::{
    App, Policies,
    jobs::{
        Handlers, JobCommand, JobError, JobHandler, JobRun, JobsTx, LeasePolicy, Outcome, enqueue_internal, job_for,
    },
    kernel::{Actor, Begin, Clock, Precondition, Runtime, TxMode},
    testing::mock_ports,
};
use skep_domain::{
    jobs::{
        Job, JobArgs, JobId, JobState, MisfirePolicy, NewJob, NewSchedule, OverlapPolicy, Progress, Schedule,
        ScheduleId, ScheduleName, ScheduledJob, Timing,
    },
    shared::Timestamp,
};
use skep_memory::MemoryStore;
use skep_workers::{WorkerOptions, Workers};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// What the handler of the tests is to do.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
enum Order {
    Complete(String),
    Fail,
    Panic,
    Hang,
    HangUntilAsked,
    /// Reports, and fails after this many seconds.
    Report(u64),
    /// Blocks its thread until the test lets it go.
    Block,
    CompleteWithAnother,
}

struct Obedient {
    app: Arc<App>,
    running: AtomicUsize,
    most: Arc<AtomicUsize>,
    begun: Arc<Semaphore>,
    end: Arc<Barrier>,
}

impl JobHandler for Obedient {
    const KIND: &'static str = "test.obey";
    const TIMEOUT: Duration = Duration::from_secs(120);
    type Args = Order;

    async fn run(&self, job: &JobRun, order: Order) -> Result<Outcome, JobError> {
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.begun.add_permits(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        match order {
            Order::Complete(output) => Ok(Outcome::Complete(Some(output))),
            Order::Fail => Err(JobError::later("no reason")),
            Order::Panic => panic!("a bug"),
            Order::Hang => std::future::pending().await,
            Order::HangUntilAsked => {
                while !job.should_stop() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(Outcome::Stopped)
            }
            Order::Block => {
                self.end.wait();
                Ok(Outcome::Complete(None))
            }
            Order::Report(_) if job.job().progress.is_some() => {
                Ok(Outcome::Complete(job.job().progress.clone().unwrap().checkpoint))
            }
            Order::Report(seconds) => {
                let checkpoint = Some("[7]".to_owned());
                job.report(Progress { percent: 200, message: "half".to_owned(), checkpoint });
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Err(JobError::at(self.app.ports.runtime.clock.now(), "again"))
            }
            Order::CompleteWithAnother => {
                let now = self.app.ports.runtime.clock.now();
                let mut unit = Begin::<dyn JobsTx>::begin(&*self.app.ports.store, TxMode::Write, &[]).await.unwrap();
                let effect = job_for::<Self>(&Order::Fail).unwrap();
                let effect = NewJob { ready_at: Some(now.plus_millis(3_600_000)), ..effect };
                let actor = Actor::system("test");
                enqueue_internal(unit.jobs(), JobId::new(uuid::Uuid::from_u128(99)), effect, &actor, now)
                    .await
                    .unwrap();
                job.complete_in(unit.jobs(), Some("1".to_owned()), now).await.unwrap();
                unit.commit().await.unwrap();
                Ok(Outcome::Settled)
            }
        }
    }
}

struct Scene {
    app: Arc<App>,
    begun: Arc<Semaphore>,
    most: Arc<AtomicUsize>,
    end: Arc<Barrier>,
    stop: CancellationToken,
    workers: Option<JoinHandle<()>>,
}

impl Scene {
    fn start() -> Self {
        Self::with(paused::runtime(), WorkerOptions::default(), LeasePolicy::default())
    }

    fn with(runtime: Runtime, options: WorkerOptions, leases: LeasePolicy) -> Self {
        let ports = mock_ports(Arc::new(MemoryStore::new(runtime.clock.clone())), runtime);
        let app = Arc::new(App::new(ports, Policies { leases, ..Policies::default() }));
        let (begun, most) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let end = Arc::new(Barrier::new(2));
        let running = AtomicUsize::new(0);
        let handler =
            Obedient { app: app.clone(), running, most: most.clone(), begun: begun.clone(), end: end.clone() };
        let stop = CancellationToken::new();
        let workers = Workers::new(app.clone(), Handlers::default().with(handler), options);
        let workers = Some(tokio::spawn(workers.run(stop.clone())));
        Self { app, begun, most, end, stop, workers }
    }

    async fn store(&self, new: NewJob) -> JobId {
        let mut unit = Begin::<dyn JobsTx>::begin(&*self.app.ports.store, TxMode::Write, &[]).await.unwrap();
        let runtime = &self.app.ports.runtime;
        let id = JobId::new(runtime.ids.next());
        enqueue_internal(unit.jobs(), id, new, &Actor::system("test"), runtime.clock.now()).await.unwrap();
        unit.commit().await.unwrap();
        id
    }

    async fn order(&self, order: &Order) -> JobId {
        self.store(job_for::<Obedient>(order).unwrap()).await
    }

    async fn find(&self, id: JobId) -> Job {
        self.app.ports.store.find_job(id).await.unwrap().unwrap()
    }

    /// Waits until the job is in this state.
    async fn reaches(&self, id: JobId, state: JobState) -> Job {
        loop {
            let job = self.find(id).await;
            if job.state == state {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stores a schedule that fires once, at once.
    async fn schedule(&self, name: &str) -> Schedule {
        let now = self.app.ports.runtime.clock.now();
        let NewJob { kind, queue, args, priority, max_attempts, .. } =
            job_for::<Obedient>(&Order::Complete("1".to_owned())).unwrap();
        let new = NewSchedule {
            name: ScheduleName::parse(name).unwrap(),
            timing: Timing::Once(now),
            job: ScheduledJob { kind, queue, args, priority, max_attempts },
            misfire: MisfirePolicy::default(),
            overlap: OverlapPolicy::default(),
        };
        let schedule = Schedule::create(ScheduleId::new(self.app.ports.runtime.ids.next()), new, now.plus_millis(-1));
        let mut unit = Begin::<dyn JobsTx>::begin(&*self.app.ports.store, TxMode::Write, &[]).await.unwrap();
        unit.schedules().insert(&schedule).await.unwrap();
        unit.commit().await.unwrap();
        schedule
    }

    /// Waits until the schedule has fired, and returns it with the job that it has made.
    async fn fires(&self, id: ScheduleId) -> (Schedule, JobId) {
        loop {
            let stored = self.app.ports.store.find_schedule(id).await.unwrap().unwrap();
            if let Some(job) = stored.last_job_id {
                return (stored, job);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(&mut self) {
        self.stop.cancel();
        self.workers.take().unwrap().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_as_soon_as_it_is_stored() {
    let mut scene = Scene::start();
    let mut ids = vec![];
    for number in 0..100 {
        ids.push(scene.order(&Order::Complete(number.to_string())).await);
    }
    for (number, id) in ids.into_iter().enumerate() {
        let job = scene.reaches(id, JobState::Completed).await;
        assert_eq!((job.output, job.attempt), (Some(number.to_string()), 1));
    }
    assert_eq!(scene.most.load(Ordering::SeqCst), 10, "as many as there are places");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_is_stored_fires_at_its_time() {
    let mut scene = Scene::start();
    let schedule = scene.schedule("once").await;
    let (fired, job) = scene.fires(schedule.id).await;
    assert_eq!(fired.next_fire_at, None);
    let job = scene.reaches(job, JobState::Completed).await;
    assert_eq!(job.unique, schedule.job_at(schedule.next_fire_at.unwrap()).unique);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn failures_and_panics_are_noted_and_hold_up_no_other_job() {
    let mut scene = Scene::start();
    let (fails, panics) = (scene.order(&Order::Fail).await, scene.order(&Order::Panic).await);
    let unreadable = scene
        .store(NewJob { args: JobArgs::stored("7".to_owned()), ..job_for::<Obedient>(&Order::Fail).unwrap() })
        .await;
    let last = NewJob { max_attempts: 1, ..job_for::<Obedient>(&Order::Panic).unwrap() };
    let last = scene.store(last).await;
    for (id, message) in [
        (fails, "no reason"),
        (panics, "the handler panicked: a bug"),
        (unreadable, "the arguments cannot be read: expected value at line 1"),
    ] {
        let job = scene.reaches(id, JobState::Retryable).await;
        assert!(job.failures[0].message.starts_with(message), "{:?}", job.failures);
    }
    scene.reaches(last, JobState::Discarded).await;
    let done = scene.order(&Order::Complete("1".to_owned())).await;
    scene.reaches(done, JobState::Completed).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_returns_fails_after_its_timeout() {
    let mut scene = Scene::start();
    let id = scene.order(&Order::Hang).await;
    let job = scene.reaches(id, JobState::Retryable).await;
    assert_eq!(job.failures[0].message, "took longer than 120s");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_keeps_a_job_for_much_longer_than_a_short_lease() {
    let mut scene =
        Scene::with(paused::runtime(), WorkerOptions::default(), LeasePolicy { term: Duration::from_secs(1) });
    let id = scene.order(&Order::Hang).await;
    let job = scene.reaches(id, JobState::Retryable).await;
    assert_eq!((job.failures.len(), job.lost), (1, 0));
    assert_eq!(job.failures[0].message, "took longer than 120s");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_of_an_unknown_kind_waits_for_a_program_that_knows_it() {
    let mut scene = Scene::start();
    let new = job_for::<Obedient>(&Order::Fail).unwrap();
    let id = scene.store(NewJob { kind: skep_domain::jobs::JobKind::parse("test.new").unwrap(), ..new }).await;
    let job = scene.reaches(id, JobState::Scheduled).await;
    assert_eq!((job.attempt, job.failures.len()), (0, 0));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_is_stopped_whether_its_handler_asks_or_not() {
    let mut scene = Scene::start();
    for order in [Order::HangUntilAsked, Order::Hang] {
        let id = scene.order(&order).await;
        scene.begun.acquire().await.unwrap().forget();
        let command = JobCommand { job_id: id, precondition: Precondition::Missing };
        scene.app.jobs.cancel_job.execute(&Actor::system("test"), command).await.unwrap();
        let job = scene.reaches(id, JobState::Cancelled).await;
        assert_eq!(job.lease, None);
    }
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_stored_with_a_beat_or_the_failure_and_the_next_attempt_goes_on_from_it() {
    let mut scene = Scene::start();
    for seconds in [60, 0] {
        let id = scene.order(&Order::Report(seconds)).await;
        let job = scene.reaches(id, JobState::Completed).await;
        assert_eq!((job.output.as_deref(), job.attempt), (Some("[7]"), 2));
        assert_eq!(job.progress.unwrap().percent, 100);
    }
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_jobs_end_and_hands_back_those_that_do_not() {
    let mut scene = Scene::start();
    let (long, endless) = (scene.order(&Order::HangUntilAsked).await, scene.order(&Order::Hang).await);
    scene.begun.acquire_many(2).await.unwrap().forget();
    scene.end().await;
    for id in [long, endless] {
        let job = scene.find(id).await;
        assert_eq!((job.state, job.attempt, job.failures.len()), (JobState::Available, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_complete_its_job_in_the_unit_of_its_effect() {
    let mut scene = Scene::start();
    let id = scene.order(&Order::CompleteWithAnother).await;
    let job = scene.reaches(id, JobState::Completed).await;
    assert_eq!(job.output.as_deref(), Some("1"));
    assert_eq!(scene.find(JobId::new(uuid::Uuid::from_u128(99))).await.state, JobState::Scheduled);
    scene.end().await;
}

/// A clock that panics when it is read, as often as the test wants.
struct Unlucky {
    clock: Arc<dyn Clock>,
    panics: Arc<AtomicUsize>,
}

impl Clock for Unlucky {
    fn now(&self) -> Timestamp {
        if self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            // Without the report of a panic, whose backtrace takes seconds each time.
            std::panic::resume_unwind(Box::new("a bug"));
        }
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

#[tokio::test(start_paused = true)]
async fn every_part_goes_on_after_panics() {
    let panics = Arc::new(AtomicUsize::new(0));
    let runtime = paused::runtime();
    let clock = Arc::new(Unlucky { clock: runtime.clock.clone(), panics: panics.clone() });
    let mut scene =
        Scene::with(Runtime { clock: clock.clone(), ..runtime }, WorkerOptions::default(), LeasePolicy::default());
    let begun = scene.order(&Order::Complete("1".to_owned())).await;
    scene.reaches(begun, JobState::Completed).await;
    panics.store(50, Ordering::SeqCst);
    while panics.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let now = scene.order(&Order::Complete("1".to_owned())).await;
    let later = job_for::<Obedient>(&Order::Complete("1".to_owned())).unwrap();
    let later = scene.store(NewJob { ready_at: Some(clock.now().plus_millis(60_000)), ..later }).await;
    let schedule = scene.schedule("after-panics").await;
    let (_, scheduled) = scene.fires(schedule.id).await;
    for id in [now, later, scheduled] {
        scene.reaches(id, JobState::Completed).await;
    }
    scene.end().await;
}

/// With real time: that of tokio cannot be paused while a thread is blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_does_not_hold_up_the_stop() {
    let options = WorkerOptions { drain: Duration::from_millis(1), ..WorkerOptions::default() };
    let mut scene = Scene::with(paused::runtime(), options, LeasePolicy::default());
    let blocked = scene.order(&Order::Block).await;
    scene.begun.acquire().await.unwrap().forget();
    let done = scene.order(&Order::Complete("1".to_owned())).await;
    scene.reaches(done, JobState::Completed).await;
    scene.end().await;
    assert_eq!(scene.find(blocked).await.state, JobState::Running, "it may still have its effect");
    scene.end.wait();
}
