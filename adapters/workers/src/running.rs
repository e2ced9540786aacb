//! The jobs that this process runs.

use skep_application::jobs::{Beat, WorkerLink};
use skep_domain::{
    jobs::{Job, JobId, Progress, Ticket},
    shared::LeaseToken,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// How many results may wait to be stored. A job keeps its place until its result is stored, so the number is bounded by
/// the places anyway.
pub(crate) const WAITING: usize = 64;

/// Why a handler has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A caller has cancelled the job.
    Cancelled,
    /// Another worker holds the job, or may hold it soon.
    Lost,
    /// The worker stops.
    HandBack,
}

/// The link of a running job.
pub(crate) struct Link {
    progress: Mutex<Option<Progress>>,
    why: Mutex<Option<Stop>>,
    /// Cancelled when the handler has to stop.
    pub(crate) stop: CancellationToken,
}

impl Link {
    /// Asks the handler to stop. Only the first reason counts.
    pub(crate) fn ask(&self, why: Stop) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.stop.cancel();
    }

    /// What the handler has reported last.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn why(&self) -> Option<Stop> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerLink for Link {
    fn report(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    fn should_stop(&self) -> bool {
        self.stop.is_cancelled()
    }
}

type Jobs = HashMap<JobId, Entry>;

/// How a job is held.
struct Entry {
    token: LeaseToken,
    ticket: Option<Ticket>,
    link: Arc<Link>,
}

/// A job that this process runs, or whose result it stores. When it is dropped, for whatever reason, no further beat keeps
/// the job from other workers.
pub(crate) struct Held {
    running: Running,
    id: JobId,
    token: LeaseToken,
    pub(crate) link: Arc<Link>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut jobs = self.running.jobs();
        if jobs.get(&self.id).is_some_and(|entry| entry.token == self.token) {
            jobs.remove(&self.id);
        }
    }
}

/// All jobs that run. A clone shares them.
#[derive(Clone)]
pub(crate) struct Running(Arc<Mutex<Jobs>>);

impl Running {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a job runs here.
    pub(crate) fn has(&self, id: JobId) -> bool {
        self.jobs().contains_key(&id)
    }

    /// Adds a claimed job.
    pub(crate) fn add(&self, job: &Job, token: LeaseToken, ticket: Option<Ticket>) -> Held {
        let link = Link { progress: Mutex::default(), why: Mutex::default(), stop: CancellationToken::new() };
        let link = Arc::new(link);
        self.jobs().insert(job.id, Entry { token, ticket, link: link.clone() });
        Held { running: self.clone(), id: job.id, token, link }
    }

    /// A beat for each job, with what it has reported last.
    pub(crate) fn beats(&self) -> Vec<Beat> {
        let beat = |(id, entry): (&JobId, &Entry)| Beat {
            id: *id,
            token: entry.token,
            ticket: entry.ticket,
            progress: entry.link.progress(),
        };
        self.jobs().iter().map(beat).collect()
    }

    /// Asks one job to stop.
    pub(crate) fn ask(&self, id: JobId, token: LeaseToken, why: Stop) {
        if let Some(entry) = self.jobs().get(&id).filter(|entry| entry.token == token) {
            entry.link.ask(why);
        }
    }

    /// Asks all jobs to stop.
    pub(crate) fn ask_all(&self, why: Stop) {
        self.jobs().values().for_each(|entry| entry.link.ask(why));
    }
}
