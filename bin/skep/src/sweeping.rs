//! The job that ends or deletes what has expired. Any number of instances ask for it each minute, and one runs it.

use crate::causes::with_causes;
use skep_application::{
    App,
    jobs::{JobError, JobHandler, JobRun, Outcome, job_for},
    kernel::{Actor, BoxError},
    operations::UnfinishedSweep,
};
use skep_domain::jobs::{Backoff, JobStates, NewJob, Priority, UniqueKey, Uniqueness};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what has expired is swept. Readers of stock look at the rows that have expired since then.
const EVERY: Duration = Duration::from_secs(60);

/// Runs the sweeps of all contexts.
pub(crate) struct Sweeper(pub(crate) Arc<App>);

impl JobHandler for Sweeper {
    const KIND: &'static str = "operations.sweep";
    /// A job that is stopped has swept a part, and the next one goes on.
    const TIMEOUT: Duration = Duration::from_secs(10 * 60);
    const BACKOFF: Backoff = Backoff { cap: EVERY, ..Backoff::USUAL };
    type Args = ();

    /// After a request to stop, the row or the batch that has begun is the last one.
    async fn run(&self, job: &JobRun, (): ()) -> Result<Outcome, JobError> {
        let (swept, failed) = match self.0.sweep_expired.execute_until(&|| job.should_stop()).await {
            Ok(swept) => (swept, None),
            Err(UnfinishedSweep { swept, source }) => (swept, Some(source)),
        };
        for (rows, count) in swept.iter() {
            metrics::counter!("skep_swept_rows_total", "rows" => rows).increment(count);
        }
        if !swept.is_empty() {
            tracing::info!(%swept, "ended what had expired");
        }
        if let Some(error) = failed {
            let cause = with_causes(&error, ": ");
            tracing::warn!(%cause, "could not end all that had expired");
            return Err(JobError::later(error));
        }
        if job.should_stop() {
            return Ok(Outcome::Stopped);
        }
        let rows: BTreeMap<_, _> = swept.iter().collect();
        Ok(Outcome::Complete(serde_json::to_string(&rows).ok()))
    }
}

/// A sweep, unless one waits or runs already.
fn sweep() -> Result<NewJob, BoxError> {
    let unique = Uniqueness { key: UniqueKey::parse(Sweeper::KIND)?, states: JobStates::UNFINISHED };
    // Before the jobs that wait already: orders that were not paid do not end without it.
    Ok(NewJob { unique: Some(unique), priority: Priority::FIRST, ..job_for::<Sweeper>(&())? })
}

/// Asks for a sweep now and each minute until `stop`.
pub(crate) async fn ask_for_sweeps(app: &App, stop: &CancellationToken) {
    let mut times = interval(EVERY);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(times.tick()).await.is_some() {
        if let Err(error) = ask(app).await {
            let cause = with_causes(&*error, ": ");
            tracing::warn!(%cause, "could not store the job that ends what has expired; that is tried again");
        }
    }
}

async fn ask(app: &App) -> Result<(), BoxError> {
    app.jobs.enqueue_job.execute(&Actor::system(Sweeper::KIND), sweep()?).await?;
    Ok(())
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::TestKit;
    use skep_application::jobs::WorkerLink;
    use skep_domain::{
        jobs::{Job, JobState, Progress, QueueName},
        shared::Timestamp,
    };

    /// A worker that asks its handlers to stop, or does not.
    struct Worker {
        stops: bool,
    }

    impl WorkerLink for Worker {
        fn report(&self, _: Progress) {}

        fn should_stop(&self) -> bool {
            self.stops
        }
    }

    async fn run(app: &Arc<App>, job: Job, stops: bool) -> Outcome {
        let run = JobRun::of(job, Arc::new(Worker { stops })).expect("a claimed job");
        JobHandler::run(&Sweeper(app.clone()), &run, ()).await.expect("the store works")
    }

    #[tokio::test]
    async fn a_sweep_begins_nothing_after_the_request_to_stop() {
        let kit = TestKit::start().await;
        kit.user("ada").await;
        kit.clock().advance(Duration::from_secs(365 * 24 * 60 * 60));
        let app = kit.skep().app.clone();
        ask(&app).await.unwrap();
        let claimed = app.jobs.claim_jobs.prepare(&QueueName::default(), 1).execute().await.unwrap();
        let job = claimed.into_iter().next().unwrap();
        assert_eq!(run(&app, job.clone(), true).await, Outcome::Stopped);
        let Outcome::Complete(Some(output)) = run(&app, job, false).await else { panic!("not completed") };
        let output: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!(output["lists of known networks"], 1, "the row was left");
        kit.stop().await;
    }

    #[tokio::test]
    async fn only_one_sweep_waits_or_runs_at_a_time() {
        let kit = TestKit::start().await;
        let app = kit.skep().app.clone();
        let ask_for_one = async || {
            let stored = app.jobs.enqueue_job.execute(&Actor::system("test"), sweep().unwrap()).await.unwrap();
            !stored.is_duplicate
        };
        assert!(ask_for_one().await && !ask_for_one().await, "one waits");
        let claimed = app.jobs.claim_jobs.prepare(&QueueName::default(), 10).execute().await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert!(!ask_for_one().await, "one runs");
        let mut done = claimed[0].clone();
        done.complete(claimed[0].lease.unwrap().token, None, Timestamp::MIN).unwrap();
        assert!(!sweep().unwrap().unique.unwrap().states.contains(done.state), "a completed one holds no key");
        assert_eq!(done.state, JobState::Completed);
        kit.stop().await;
    }
}
