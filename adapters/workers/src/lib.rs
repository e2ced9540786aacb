//! Runs what happens later: places events, delivers them to subscribers, fires schedules, and runs jobs.
//!
//! ```no_run
//! use skep_application::{App, jobs::{Handlers, JobError, JobHandler, JobRun, Outcome}};
//! use skep_workers::{WorkerOptions, Workers};
//! use std::sync::Arc;
//! use tokio_util::sync::CancellationToken;
//!
//! struct Greet;
//!
//! impl JobHandler for Greet {
//!     const KIND: &'static str = "shop.greet";
//!     type Args = String;
//!
//!     async fn run(&self, _: &JobRun, name: String) -> Result<Outcome, JobError> {
//!         println!("Hello {name}");
//!         Ok(Outcome::Complete(None))
//!     }
//! }
//!
//! # async fn example(app: Arc<App>) {
//! let stop = CancellationToken::new();
//! Workers::new(app, Handlers::default().with(Greet), WorkerOptions::default()).run(stop).await;
//! # }
//! ```

mod attempt;
mod delivery;
mod keep;
mod lanes;
mod relay;
mod running;
mod runtime_pulse;
mod schedules;
mod settler;
mod supervise;
mod wake_ups;

pub use attempt::GRACE;
pub use wake_ups::send_wake_ups;

use lanes::Lane;
use running::Running;
use runtime_pulse::RuntimePulse;
use skep_application::{App, events::Subscribers, jobs::Handlers};
use skep_domain::jobs::QueueName;
use std::{
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use supervise::supervise;
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Which queues are served, and how many jobs run at a time.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The queues, each with the number of its jobs that this process runs at a time.
    pub queues: Vec<(QueueName, usize)>,
    /// How often a queue is asked for jobs that were not announced.
    pub poll: Duration,
    /// How long jobs may go on after the stop before they are handed back.
    pub drain: Duration,
}

impl Default for WorkerOptions {
    /// The default queue with 10 jobs at a time, a poll each second, and 10 seconds to drain.
    fn default() -> Self {
        let queues = vec![(QueueName::default(), 10)];
        Self { queues, poll: Duration::from_secs(1), drain: Duration::from_secs(10) }
    }
}

/// The workers of one process.
pub struct Workers {
    app: Arc<App>,
    handlers: Handlers,
    subscribers: Subscribers,
    options: WorkerOptions,
}

impl Workers {
    /// Workers that run the jobs of these handlers.
    #[must_use]
    pub fn new(app: Arc<App>, handlers: Handlers, options: WorkerOptions) -> Self {
        Self { app, handlers, subscribers: Subscribers::default(), options }
    }

    /// Delivers events to these subscribers, too.
    #[must_use]
    pub fn with_subscribers(mut self, subscribers: Subscribers) -> Self {
        self.subscribers = subscribers;
        self
    }

    /// Runs jobs until `stop`. Then no further job is claimed, those that run may go on for the time of
    /// [`WorkerOptions::drain`], and the rest is handed back to other workers. Returns when every job is settled. Some are
    /// left, and their leases run out: those that the store cannot settle within another such time, and those of handlers
    /// that still block their thread [`GRACE`] after that. A part that panics is started again.
    pub async fn run(self, stop: CancellationToken) {
        let Self { app, handlers, subscribers, options } = self;
        let _pulse = RuntimePulse::start();
        let (poll, drain) = (options.poll, options.drain);
        let (settle, settled) = mpsc::channel(running::WAITING);
        let (drained, ended) = (CancellationToken::new(), CancellationToken::new());
        let mut lanes = JoinSet::new();
        let running = Running::new();
        for (queue, slots) in &options.queues {
            let slots = u32::try_from((*slots).clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
            let lane = Lane {
                app: app.clone(),
                handlers: handlers.clone(),
                queue: queue.clone(),
                places: Arc::new(Semaphore::new(slots as usize)),
                slots,
                poll,
                drain,
                running: running.clone(),
                settle: settle.clone(),
                is_away: AtomicBool::new(false),
            };
            let stop = stop.clone();
            lanes.spawn(async move {
                supervise(&format!("claims_of_{}", lane.queue), &stop, || lane.run(&stop)).await;
                lane.drain().await;
            });
        }
        let work = Work { app, subscribers, options, running, stop, drained, ended };
        let results = Arc::new(Mutex::new(settled));
        let mut settlers = JoinSet::new();
        work.spawn(&mut settlers, "results", &work.ended, move |work| {
            settler::run(work.app, results.clone(), (work.stop, work.drained), drain * 2)
        });
        let mut keepers = JoinSet::new();
        work.spawn(&mut keepers, "queues", &work.ended, |work| keep::open_queues(work.app, work.options, work.ended));
        work.spawn(&mut keepers, "beats", &work.ended, |work| keep::beat(work.app, work.running, work.ended));
        work.spawn(&mut keepers, "promotions", &work.stop, move |work| keep::promote(work.app, poll, work.stop));
        work.spawn(&mut keepers, "rescues", &work.stop, |work| keep::rescue(work.app, work.stop));
        work.spawn(&mut keepers, "relay", &work.stop, move |work| relay::run(work.app, poll, work.stop));
        work.spawn(&mut keepers, "deliveries", &work.stop, move |work| {
            delivery::run(work.app, work.subscribers, poll, work.stop)
        });
        work.spawn(&mut keepers, "schedules", &work.stop, move |work| schedules::fire(work.app, poll, work.stop));
        work.spawn(&mut keepers, "received_wake_ups", &work.stop, |work| wake_ups::listen(work.app, work.stop));
        work.spawn(&mut keepers, "sent_wake_ups", &work.ended, |work| send_wake_ups(work.app, work.ended));
        while lanes.join_next().await.is_some() {}
        work.drained.cancel();
        while settlers.join_next().await.is_some() {}
        work.ended.cancel();
        let kept = async { while keepers.join_next().await.is_some() {} };
        if timeout(drain + GRACE, kept).await.is_err() {
            tracing::error!("a handler of events does not stop; its subscription is free when its lease has run out");
        }
    }
}

/// What the tasks of the workers share.
#[derive(Clone)]
struct Work {
    app: Arc<App>,
    subscribers: Subscribers,
    options: WorkerOptions,
    running: Running,
    /// Nothing new is begun.
    stop: CancellationToken,
    /// The handlers of jobs have ended, or are left behind.
    drained: CancellationToken,
    /// The results of all jobs are stored.
    ended: CancellationToken,
}

impl Work {
    /// Starts a task, which runs again after a panic as long as `until` is not cancelled.
    fn spawn<Run>(
        &self,
        tasks: &mut JoinSet<()>,
        name: &'static str,
        until: &CancellationToken,
        task: impl Fn(Self) -> Run + Send + Sync + 'static,
    ) where
        Run: Future<Output = ()> + Send + 'static,
    {
        let (work, until) = (self.clone(), until.clone());
        tasks.spawn(async move { supervise(name, &until, || task(work.clone())).await });
    }
}
