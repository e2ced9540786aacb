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
mod schedules;
mod settler;
mod wake_ups;

pub use attempt::GRACE;
pub use wake_ups::send_wake_ups;

use lanes::Lane;
use running::Running;
use skep_application::{App, events::Subscribers, jobs::Handlers};
use skep_domain::jobs::QueueName;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
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
    /// [`WorkerOptions::drain`], and the rest is handed back to other workers. Returns when every job is settled, or
    /// when the store cannot settle them within another such time; their leases then run out.
    pub async fn run(self, stop: CancellationToken) {
        let Self { app, handlers, subscribers, options } = self;
        let running = Running::new();
        let (settle, settled) = mpsc::channel(running::WAITING);
        let mut keepers = JoinSet::new();
        let ended = CancellationToken::new();
        keepers.spawn(keep::open_queues(app.clone(), options.clone(), ended.clone()));
        keepers.spawn(keep::beat(app.clone(), running.clone(), ended.clone()));
        keepers.spawn(keep::promote(app.clone(), options.poll, stop.clone()));
        keepers.spawn(keep::rescue(app.clone(), stop.clone()));
        keepers.spawn(relay::run(app.clone(), options.poll, stop.clone()));
        keepers.spawn(delivery::run(app.clone(), subscribers, options.poll, stop.clone()));
        keepers.spawn(wake_ups::listen(app.clone(), stop.clone()));
        // Until the last results are stored.
        keepers.spawn(send_wake_ups(app.clone(), ended.clone()));
        keepers.spawn(schedules::fire(app.clone(), options.poll, stop.clone()));
        let settler = tokio::spawn(settler::run(app.clone(), settled, stop.clone(), options.drain * 2));
        let mut lanes = JoinSet::new();
        for (queue, slots) in options.queues {
            let lane = Lane {
                app: app.clone(),
                handlers: handlers.clone(),
                queue,
                slots,
                poll: options.poll,
                drain: options.drain,
                running: running.clone(),
                settle: settle.clone(),
            };
            lanes.spawn(lane.run(stop.clone()));
        }
        drop(settle);
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the claims of a queue ended early");
            }
        }
        if let Err(error) = settler.await {
            tracing::error!(%error, "the results of jobs could not be stored");
        }
        ended.cancel();
        while let Some(ended) = keepers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task that looks after jobs ended early");
            }
        }
    }
}
