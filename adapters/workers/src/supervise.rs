//! Runs a task again after a panic.

use crate::attempt::text_of;
use futures_util::FutureExt as _;
use std::{future::Future, panic::AssertUnwindSafe, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long a task that has panicked waits, so that one that panics each time costs little. It is shorter than the time after
/// which a worker without a beat counts as lost.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs the task until it ends. After a panic it runs again, unless `stop` was requested.
pub(crate) async fn supervise<Run>(task: &str, stop: &CancellationToken, run: impl Fn() -> Run)
where
    Run: Future<Output = ()>,
{
    let is_up = metrics::gauge!("skep_worker_task_up", "task" => task.to_owned());
    loop {
        is_up.set(1.0);
        // A panic before the first await is one of the task, too.
        let ended = AssertUnwindSafe(async { run().await }).catch_unwind().await;
        is_up.set(0.0);
        let Err(panic) = ended else { return };
        metrics::counter!("skep_worker_panics_total", "task" => task.to_owned()).increment(1);
        tracing::error!(task, cause = text_of(&*panic), "a task of the workers panicked; it is started again");
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Panics in its first runs, half of them before the first await.
    async fn run(runs: &AtomicU32, panics: u32) {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        if run.is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        if run < panics {
            // Without the report of a panic.
            std::panic::resume_unwind(Box::new("a bug"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_runs_again_after_each_panic_until_it_ends() {
        let (runs, stop) = (AtomicU32::new(0), CancellationToken::new());
        supervise("test", &stop, || run(&runs, 4)).await;
        assert_eq!(runs.into_inner(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_after_the_stop_does_not_run_again() {
        let (runs, stop) = (AtomicU32::new(0), CancellationToken::new());
        stop.cancel();
        supervise("test", &stop, || run(&runs, u32::MAX)).await;
        assert_eq!(runs.into_inner(), 1);
    }
}
