//! The jobs that this process runs.

use skep_application::jobs::{Beat, WorkerLink};
use skep_domain::{
    jobs::{Job, JobId, Progress},
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

type Held = HashMap<JobId, (LeaseToken, Arc<Link>)>;

/// All jobs that run. A clone shares them.
#[derive(Clone)]
pub(crate) struct Running(Arc<Mutex<Held>>);

impl Running {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a claimed job.
    pub(crate) fn add(&self, job: &Job, token: LeaseToken) -> Arc<Link> {
        let link = Link { progress: Mutex::default(), why: Mutex::default(), stop: CancellationToken::new() };
        let link = Arc::new(link);
        self.held().insert(job.id, (token, link.clone()));
        link
    }

    /// Forgets a job whose result is known.
    pub(crate) fn remove(&self, id: JobId, token: LeaseToken) {
        let mut held = self.held();
        if held.get(&id).is_some_and(|(other, _)| *other == token) {
            held.remove(&id);
        }
    }

    /// A beat for each job, with the progress that it has reported since the last one.
    pub(crate) fn beats(&self) -> Vec<Beat> {
        let beat = |(id, (token, link)): (&JobId, &(LeaseToken, Arc<Link>))| {
            let progress = link.progress.lock().unwrap_or_else(PoisonError::into_inner).take();
            Beat { id: *id, token: *token, progress }
        };
        self.held().iter().map(beat).collect()
    }

    /// Keeps the progress of beats that could not be stored, unless a job has reported again.
    pub(crate) fn keep_progress(&self, beats: Vec<Beat>) {
        let held = self.held();
        for Beat { id, token, progress } in beats {
            if let Some((_, link)) = held.get(&id).filter(|(other, _)| *other == token) {
                let mut newest = link.progress.lock().unwrap_or_else(PoisonError::into_inner);
                *newest = newest.take().or(progress);
            }
        }
    }

    /// Asks one job to stop.
    pub(crate) fn ask(&self, id: JobId, token: LeaseToken, why: Stop) {
        if let Some((_, link)) = self.held().get(&id).filter(|(other, _)| *other == token) {
            link.ask(why);
        }
    }

    /// Asks all jobs to stop.
    pub(crate) fn ask_all(&self, why: Stop) {
        self.held().values().for_each(|(_, link)| link.ask(why));
    }
}
