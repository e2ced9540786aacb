//! What a process does beside its requests. Each thing has a task, so that none waits for another.

use crate::{
    Skep,
    causes::with_causes,
    telemetry::{Metrics, number},
};
use futures_util::FutureExt as _;
use skep_application::{
    App,
    events::{ListSubscriptions, SubscriptionView},
    jobs::{ListQueues, QueueQueries, ScheduleFilter, ScheduleQueries, ScheduleSort, ScheduleSortKey},
    kernel::{Actor, ListError, PageRequest, StoreError},
    operations::KeyRotation,
};
use skep_domain::{
    events::SubscriptionState,
    shared::{Direction, PageLimit, Timestamp},
};
use skep_workers::WorkerOptions;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often the jobs of the queues and the schedules are counted for the metrics.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// How long after a read of the keys of sealed fields a value can ask for the next one.
const WANTED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often the recorder of metrics drops what it no longer needs.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The running tasks.
pub(crate) struct Background {
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Background {
    /// Starts the tasks of this instance, and its workers if there are `options` for them. They end after `shutdown`.
    pub(crate) fn start(
        skep: &Arc<Skep>,
        metrics: Metrics,
        options: Option<WorkerOptions>,
        shutdown: CancellationToken,
    ) -> Self {
        let mut background = Self::new(shutdown);
        background.every(UPKEEP_EVERY, move || {
            metrics.run_upkeep();
            std::future::ready(())
        });
        let this = skep.clone();
        background.every(KeyRotation::READ_EVERY, move || read_keys(this.clone()));
        background.tasks.spawn(read_wanted_keys(skep.clone(), background.shutdown.clone()));
        let app = skep.app.clone();
        background.every(COUNT_EVERY, move || read_queues(app.clone()));
        let app = skep.app.clone();
        background.every(COUNT_EVERY, move || read_subscriptions(app.clone()));
        let (skep, shutdown) = (skep.clone(), background.shutdown.clone());
        match options {
            Some(options) => background.tasks.spawn(async move { skep.work(options, shutdown).await }),
            // The workers are in other processes.
            None => background.tasks.spawn(async move { skep.wake_others(shutdown).await }),
        };
        background
    }

    fn new(shutdown: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), shutdown }
    }

    /// Calls `task` now, and then once in each period, also after a panic. A call that takes longer than the period delays
    /// the next one.
    fn every<Run>(&mut self, period: Duration, mut task: impl FnMut() -> Run + Send + 'static)
    where
        Run: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let mut times = interval(period);
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    _ = times.tick() => {
                        let run = AssertUnwindSafe(async { task().await }).catch_unwind();
                        if let Err(panic) = run.await {
                            let cause = panic.downcast_ref::<&str>().copied().unwrap_or("a panic");
                            tracing::error!(cause, "the background work failed; it is tried again");
                        }
                    }
                }
            }
        });
    }

    /// Waits until every task has ended.
    pub(crate) async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the background work failed");
            }
        }
    }
}

async fn read_keys(skep: Arc<Skep>) {
    if let Err(error) = skep.keys.refresh().await {
        let cause = with_causes(&error, ": ");
        tracing::warn!(%cause, "could not read the keys again; those that were read before stay in use");
    }
}

/// Reads the keys of sealed fields as soon as a value needs one that was not read, and at most once in a second.
async fn read_wanted_keys(skep: Arc<Skep>, shutdown: CancellationToken) {
    let read = async {
        loop {
            skep.keys.fields.wants_keys().await;
            if let Err(error) = skep.keys.fields.refresh().await {
                let cause = with_causes(&error, ": ");
                tracing::warn!(%cause, "could not read the keys of sealed fields; values of new keys cannot be opened");
            }
            tokio::time::sleep(WANTED_AGAIN_AFTER).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = read => {}
    }
}

/// Reads how many jobs wait in each queue, and how many schedules there are.
async fn read_queues(app: Arc<App>) {
    if let Err(error) = record_queues(&app).await {
        tracing::warn!(%error, "could not count the jobs of the queues and the schedules");
    }
}

async fn record_queues(app: &App) -> Result<(), StoreError> {
    let queries: &dyn QueueQueries = &*app.ports.store;
    for queue in queries.list_queues(ListQueues::MOST).await? {
        let counts = queries.count_jobs(&queue.name, ListQueues::COUNT_MAX).await?;
        let waits = |since: Timestamp| app.ports.runtime.clock.now().as_millis().saturating_sub(since.as_millis());
        let waits = u64::try_from(counts.oldest_ready_at.map_or(0, waits)).unwrap_or(0);
        let queue = queue.name.into_string();
        let available = usize::try_from(counts.available).unwrap_or(usize::MAX);
        metrics::gauge!("skep_jobs_available", "queue" => queue.clone()).set(number(available));
        metrics::gauge!("skep_jobs_oldest_seconds", "queue" => queue).set(Duration::from_millis(waits).as_secs_f64());
    }
    record_schedules(&*app.ports.store).await
}

async fn record_schedules(queries: &dyn ScheduleQueries) -> Result<(), StoreError> {
    let sort = ScheduleSort { key: ScheduleSortKey::CreatedAt, direction: Direction::Ascending };
    let page = PageRequest {
        limit: PageLimit::new(1).unwrap_or_default(),
        count_up_to: Some(100_000),
        ..PageRequest::default()
    };
    let page = queries.list_schedules(&ScheduleFilter::default(), sort, &page).await?;
    let count = page.total.map_or(0, |total| total.count);
    metrics::gauge!("skep_schedules").set(number(usize::try_from(count).unwrap_or(usize::MAX)));
    Ok(())
}

/// Reads how far behind the subscribers are.
async fn read_subscriptions(app: Arc<App>) {
    if let Err(error) = record_subscriptions(&app).await {
        tracing::warn!(%error, "could not count the events that subscribers have not got yet");
    }
}

async fn record_subscriptions(app: &App) -> Result<(), ListError> {
    let unplaced = app.ports.store.count_unplaced(ListSubscriptions::COUNT_MAX).await?;
    let gauge = |count: u64| number(usize::try_from(count).unwrap_or(usize::MAX));
    metrics::gauge!("skep_events_unplaced").set(gauge(unplaced));
    for SubscriptionView { subscription, lag, held } in
        app.events.list_subscriptions.execute(&Actor::system("metrics")).await?
    {
        // A replay would be another value of the same label.
        if subscription.replay.is_some() {
            continue;
        }
        let subscriber = subscription.subscriber.to_string();
        metrics::gauge!("skep_subscription_lag_events", "subscriber" => subscriber.clone()).set(gauge(lag));
        let broken = usize::from(subscription.state == SubscriptionState::Broken);
        metrics::gauge!("skep_subscription_broken", "subscriber" => subscriber.clone()).set(number(broken));
        for (state, count) in held {
            let labels = [("subscriber", subscriber.clone()), ("state", state.name().to_owned())];
            metrics::gauge!("skep_subscription_held_events", &labels).set(gauge(count));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{Notify, mpsc};

    /// So short that each tick is due at once.
    const AT_ONCE: Duration = Duration::from_nanos(1);

    #[tokio::test]
    async fn a_task_that_takes_long_does_not_hold_up_the_others() {
        let shutdown = CancellationToken::new();
        let mut background = Background::new(shutdown.clone());
        let (begun, mut long_task) = mpsc::unbounded_channel();
        let finish = Arc::new(Notify::new());
        let held = finish.clone();
        background.every(AT_ONCE, move || {
            let (begun, held) = (begun.clone(), held.clone());
            async move {
                let _ = begun.send(());
                held.notified().await;
            }
        });
        long_task.recv().await.unwrap();
        let (done, mut short_task) = mpsc::unbounded_channel();
        background.every(AT_ONCE, move || {
            let _ = done.send(());
            std::future::ready(())
        });
        for _ in 0..3 {
            short_task.recv().await.unwrap();
        }
        // The long task ends before the process does, and does not begin again.
        shutdown.cancel();
        finish.notify_one();
        background.end().await;
        assert!(long_task.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_task_that_panics_runs_again() {
        let shutdown = CancellationToken::new();
        let mut background = Background::new(shutdown.clone());
        let (done, mut task) = mpsc::unbounded_channel();
        background.every(AT_ONCE, move || {
            let _ = done.send(());
            async { panic!("a bug") }
        });
        for _ in 0..3 {
            task.recv().await.unwrap();
        }
        shutdown.cancel();
        background.end().await;
    }
}
