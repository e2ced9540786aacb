//! Limits how many pictures are made at the same time, and how many requests wait.

use skep_application::kernel::BoxError;
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The current load of the scaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalerStats {
    /// Pictures that are being made.
    pub running: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// The most pictures that are made at the same time.
    pub at_once: usize,
    /// The most requests that may wait.
    pub places: usize,
    /// Requests that were refused as busy.
    pub rejected: u64,
}

#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    rejected: AtomicU64,
    at_once: usize,
    places: usize,
}

impl Pool {
    pub(crate) fn new(at_once: NonZeroUsize, places: usize) -> Self {
        let turns = Arc::new(Semaphore::new(at_once.get()));
        let (waiting, rejected) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { turns, waiting, rejected, at_once: at_once.get(), places }))
    }

    pub(crate) fn stats(&self) -> ScalerStats {
        ScalerStats {
            running: self.0.at_once.saturating_sub(self.0.turns.available_permits()),
            waiting: self.0.waiting.load(Ordering::Relaxed),
            at_once: self.0.at_once,
            places: self.0.places,
            rejected: self.0.rejected.load(Ordering::Relaxed),
        }
    }

    /// Waits for a turn, in the order of the calls. `None` if too many wait already.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        if let Ok(permit) = Arc::clone(&self.0.turns).try_acquire_owned() {
            return Some(Turn(permit));
        }
        let Some(_place) = Place::take(&self.0) else {
            self.0.rejected.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        Arc::clone(&self.0.turns).acquire_owned().await.ok().map(Turn)
    }
}

/// A place in the queue. It is free again when its request goes on, or goes away.
struct Place<'a>(&'a Shared);

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Option<Self> {
        let more = |waiting: usize| (waiting < shared.places).then_some(waiting + 1);
        shared.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(shared))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to make a picture.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Turn {
    /// Runs the work on a blocking thread. Work that has started runs to its end and keeps its turn until then, also if the
    /// caller goes away.
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, BoxError> {
        let permit = self.0;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(Into::into)
    }
}
