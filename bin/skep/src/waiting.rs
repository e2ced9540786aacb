//! The start waits for a store on a server that does not answer yet, and for transactions of a process that was killed.
//! It reports what it waits for.

use crate::{
    causes::{driver_error, with_causes},
    config::{Config, StoreServer},
    data_dir::DataDir,
    shared,
    skep::Skep,
    start_error::StartError,
    stores::OpenStore,
};
use skep_application::{
    identity::IssueSetupTokenError,
    kernel::{Actor, AppError, BoxError, Clock, StoreError},
    operations::Defect,
};
use std::{error::Error, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// When the start reports for the first time that it waits. A store that restarts is often back before.
const FIRST_REPORT: Duration = Duration::from_millis(500);
/// How often the start reports again.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How long after an error the store is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Opens the store that is configured and waits until it answers: at most `SKEP_START_TIMEOUT`, with a warning in the
/// log every few seconds. A server that answers with a refusal ends the start at once.
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

/// When it is reported that something takes long.
struct Reports {
    next: Instant,
    is_any: bool,
}

impl Reports {
    fn new() -> Self {
        Self { next: Instant::now() + FIRST_REPORT, is_any: false }
    }

    /// Does the work, and reports while it takes long.
    async fn during<T>(&mut self, work: impl Future<Output = T>, report: impl Fn()) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = sleep_until(self.next) => {
                    report();
                    *self = Self { next: Instant::now() + REPORT_EVERY, is_any: true };
                }
            }
        }
    }
}

/// What is known about a server while the start waits for it.
struct Wait {
    server: StoreServer,
    patience: Duration,
    deadline: Instant,
    reports: Reports,
    last_error: Option<StoreError>,
}

impl Wait {
    fn new(server: StoreServer, patience: Duration) -> Self {
        let deadline = Instant::now() + patience;
        Self { server, patience, deadline, reports: Reports::new(), last_error: None }
    }

    /// Does the work, and reports while it takes long.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Self { server, deadline, reports, last_error, .. } = self;
        reports.during(work, || report_absence(*server, *deadline, last_error.as_ref())).await
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
        if self.reports.is_any {
            tracing::info!("{} answers, the start goes on", self.server.name);
        }
        Ok(())
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

fn report_absence(server: StoreServer, deadline: Instant, last_error: Option<&StoreError>) {
    let StoreServer { name, setting } = server;
    let cause = last_error.map_or_else(|| "no answer yet".to_owned(), cause);
    tracing::warn!(
        cause,
        "{name} does not answer: is it running, and is {setting} right? The start waits for another {} s and then ends \
         with exit code 1",
        seconds_until(deadline)
    );
}

fn seconds_until(deadline: Instant) -> f64 {
    deadline.saturating_duration_since(Instant::now()).as_secs_f64().round()
}

/// Issues the token for the setup. Waits while another transaction holds the old token.
pub(crate) async fn setup_token(skep: &Skep) -> Result<Option<String>, IssueSetupTokenError> {
    let actor = Actor::system("start");
    past_held_rows(&skep.store, "the token for the setup", || {
        Box::pin(skep.app.identity.issue_setup_token.execute(&actor))
    })
    .await
}

/// Does the work again while another transaction holds the rows that it changes. Reports that it waits. On MongoDB, a
/// process that was killed holds them until the server ends its transaction.
pub(crate) async fn past_held_rows<T, E: AppError, F: Future<Output = Result<T, E>> + Unpin>(
    store: &OpenStore,
    what: &str,
    mut work: impl FnMut() -> F,
) -> Result<T, E> {
    let (holder, patience) = store.holds_up();
    let deadline = Instant::now() + patience;
    let mut reports = Reports::new();
    let mut last_error = None;
    loop {
        match reports.during(work(), || report_held_rows(what, holder, deadline, last_error.as_ref())).await {
            Err(error) if is_passing(&error) && Instant::now() < deadline => last_error = Some(error),
            done => return done,
        }
        reports.during(sleep(PAUSE), || report_held_rows(what, holder, deadline, last_error.as_ref())).await;
    }
}

/// Whether a later attempt may succeed.
fn is_passing(error: &impl AppError) -> bool {
    let error = error.store_error();
    error.is_some_and(|error| {
        matches!(error, StoreError::Retry(_) | StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
    })
}

fn report_held_rows(what: &str, holder: &str, deadline: Instant, last_error: Option<&impl AppError>) {
    let cause = last_error.map_or_else(|| "no answer yet".to_owned(), |error| with_causes(error, ": "));
    tracing::warn!(
        cause,
        "{what} cannot be stored yet, because a transaction holds it up: {holder}. The start waits for another {} s and \
         then ends with exit code 1",
        seconds_until(deadline)
    );
}

/// The text of the driver's error, with its causes.
fn cause(error: &StoreError) -> String {
    with_causes(error.source().unwrap_or(error), ": ")
}

/// Warns if Redis does not answer now, or does not count as it should. The server works without it.
pub(crate) async fn report_redis(config: Config) {
    let Some(Ok(redis)) = shared::redis(&config) else { return };
    match redis.inspect().await {
        Ok(defects) => report_defects(&defects),
        Err(error) => tracing::warn!(
            cause = cause(&error),
            "Redis at {} does not answer: is it running, and is REDIS_URL right? Until it answers, this instance counts \
             rate limits by itself",
            redis.address()
        ),
    }
    if let Ok(Some(tickets)) = shared::redis_tickets(&config, "")
        && let Ok(defects) = tickets.inspect().await
    {
        report_defects(&defects);
    }
}

/// Refuses a store that answers and cannot be used. An error of the store is not one of these: it is logged, and the next
/// step reports it, or succeeds.
pub(crate) async fn refuse_defects(store: &OpenStore) -> Result<(), StartError> {
    let defects = store.inspect().await.unwrap_or_else(|error| {
        tracing::warn!(cause = with_causes(&error, ": "), "the store could not be inspected");
        vec![]
    });
    let (fatal, minor): (Vec<_>, Vec<_>) = defects.into_iter().partition(|defect| defect.is_fatal);
    report_defects(&minor);
    if fatal.is_empty() { Ok(()) } else { Err(StartError::Unfit { name: store.name, defects: fatal }) }
}

/// Logs defects with which the server works.
pub(crate) fn report_defects(defects: &[Defect]) {
    for Defect { text, remedy, .. } in defects {
        tracing::warn!(remedy, "{text}");
    }
}
