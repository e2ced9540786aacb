//! The start waits for a store on a server that does not answer yet, and reports that it waits.

use crate::{
    causes::{driver_error, with_causes},
    config::{Config, StoreServer},
    data_dir::DataDir,
    skep::StartError,
    stores::{self, OpenStore},
};
use skep_application::kernel::{BoxError, Clock, StoreError};
use std::{error::Error, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// When the start reports for the first time that it waits. A store that restarts is often back before.
const FIRST_REPORT: Duration = Duration::from_millis(500);
/// How often the start reports again.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How long after an error the store is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Opens the store that is configured and waits until it answers: at most `SKEP_START_TIMEOUT`, with a warning in the log
/// every few seconds. A server that answers with a refusal ends the start at once.
pub(crate) async fn open_store(
    config: &Config,
    data: &DataDir,
    clock: Arc<dyn Clock>,
) -> Result<OpenStore, StartError> {
    // Boxed, because the future is large and is moved.
    let open = Box::pin(OpenStore::open(config, data, clock));
    let Some(server) = config.store.server() else {
        return open.await.map_err(|source| StartError::Store { name: config.store.name(), source });
    };
    let mut wait = Wait::new(server, config.start_timeout);
    let store = wait.during(open).await.map_err(|source| wait.refused(source))?;
    match wait.for_an_answer(&store).await {
        Ok(()) => Ok(store),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

/// What is known about a server while the start waits for it.
struct Wait {
    server: StoreServer,
    patience: Duration,
    deadline: Instant,
    next_report: Instant,
    was_reported: bool,
    last_error: Option<StoreError>,
}

impl Wait {
    fn new(server: StoreServer, patience: Duration) -> Self {
        let now = Instant::now();
        let (deadline, next_report) = (now + patience, now + FIRST_REPORT);
        Self { server, patience, deadline, next_report, was_reported: false, last_error: None }
    }

    /// Does the work, and reports while it takes long.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = sleep_until(self.next_report) => self.report(),
            }
        }
    }

    async fn for_an_answer(&mut self, store: &OpenStore) -> Result<(), StartError> {
        loop {
            let deadline = self.deadline;
            match self.during(timeout_at(deadline, store.store.check())).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) if store.is_refusal(&error) => return Err(self.refused(driver_error(error))),
                Ok(Err(error)) => self.last_error = Some(error),
                Err(_) => {}
            }
            if Instant::now() + PAUSE >= deadline {
                return Err(self.given_up());
            }
            self.during(sleep(PAUSE)).await;
        }
        if self.was_reported {
            tracing::info!("{} answers, the start goes on", self.server.name);
        }
        Ok(())
    }

    fn report(&mut self) {
        let StoreServer { name, setting } = self.server;
        let left = self.deadline.saturating_duration_since(Instant::now()).as_secs_f64().round();
        let cause = self.last_error.as_ref().map_or_else(|| "no answer yet".to_owned(), cause);
        tracing::warn!(
            cause,
            "{name} does not answer: is it running, and is {setting} right? The start waits for another {left} s and then \
             ends with exit code 1"
        );
        self.was_reported = true;
        self.next_report = Instant::now() + REPORT_EVERY;
    }

    fn refused(&self, source: BoxError) -> StartError {
        let StoreServer { name: server, setting } = self.server;
        StartError::Refused { server, setting, source }
    }

    fn given_up(&mut self) -> StartError {
        let StoreServer { name: server, setting } = self.server;
        let source = self.last_error.take().map_or_else(|| "no answer at all".into(), driver_error);
        StartError::Away { server, setting, waited: self.patience, source }
    }
}

/// The text of the driver's error, with its causes.
fn cause(error: &StoreError) -> String {
    with_causes(error.source().unwrap_or(error), ": ")
}

/// Warns if Redis does not answer now. The server works without it.
pub(crate) async fn report_redis(config: Config) {
    let Some(Ok(redis)) = stores::redis(&config) else { return };
    if let Err(error) = redis.check().await {
        tracing::warn!(
            cause = cause(&error),
            "Redis at {} does not answer: is it running, and is REDIS_URL right? Until it answers, this instance counts \
             rate limits by itself",
            redis.address()
        );
    }
}
