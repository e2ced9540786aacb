//! The locks of a process, and what it has seen of the locks of others.

use super::lock::TERM;
use skep_application::kernel::IdGenerator;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use uuid::Uuid;

/// The most locks of other processes that are remembered.
const MOST_SEEN: usize = 10_000;

/// The locks of a process. A lock that names the process and is not among them has ended.
pub(super) struct Process {
    pub(super) id: Uuid,
    locks: Mutex<BTreeMap<Uuid, Option<watch::Receiver<()>>>>,
    /// The contents that other processes have: the entity tag of the head, and when it was seen first.
    seen: Mutex<BTreeMap<Uuid, (String, Duration)>>,
}

/// What a lock of the process does.
pub(super) enum State {
    Held,
    /// It is being ended. That is done when the channel closes.
    Ending(watch::Receiver<()>),
    Ended,
}

/// A lock that is being ended, until it is dropped.
pub(super) struct Ending {
    process: Arc<Process>,
    lock: Uuid,
    _done: watch::Sender<()>,
}

impl Process {
    pub(super) fn new(ids: &dyn IdGenerator) -> Arc<Self> {
        Arc::new(Self { id: ids.next(), locks: Mutex::default(), seen: Mutex::default() })
    }

    /// This process.
    pub(super) fn this(ids: &dyn IdGenerator) -> Arc<Self> {
        static THIS: LazyLock<Mutex<Option<Arc<Process>>>> = LazyLock::new(Mutex::default);
        let mut this = THIS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(this.get_or_insert_with(|| Self::new(ids)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<Uuid, Option<watch::Receiver<()>>>) -> T) -> T {
        work(&mut self.locks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn begin(&self, lock: Uuid) {
        self.with(|locks| locks.insert(lock, None));
    }

    pub(super) fn state(&self, lock: Uuid) -> State {
        self.with(|locks| match locks.get(&lock) {
            Some(None) => State::Held,
            Some(Some(done)) => State::Ending(done.clone()),
            None => State::Ended,
        })
    }

    pub(super) fn end(self: &Arc<Self>, lock: Uuid) -> Ending {
        let (sender, done) = watch::channel(());
        self.with(|locks| locks.insert(lock, Some(done)));
        Ending { process: Arc::clone(self), lock, _done: sender }
    }

    /// Whether the lock of another process has ended: its head has been the same for a whole term, by the monotonic clock of
    /// this process.
    pub(super) fn is_over(&self, content: Uuid, etag: &str, now: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, since)) = seen.get(&content).filter(|(known, _)| known == etag) {
            return now.saturating_sub(*since) >= TERM;
        }
        if seen.len() >= MOST_SEEN {
            seen.retain(|_, (_, since)| now.saturating_sub(*since) < 2 * TERM);
        }
        if seen.len() >= MOST_SEEN {
            seen.pop_first();
        }
        seen.insert(content, (etag.to_owned(), now));
        false
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.process.with(|locks| locks.remove(&self.lock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_local::system_runtime;

    #[test]
    fn a_lock_of_another_process_is_over_when_its_head_was_the_same_for_a_term() {
        let (process, content) = (Process::new(&*system_runtime().ids), Uuid::from_u128(1));
        assert!(!process.is_over(content, "1", 9 * TERM));
        assert!(!process.is_over(content, "1", 10 * TERM - Duration::from_millis(1)));
        assert!(!process.is_over(content, "2", 10 * TERM));
        assert!(!process.is_over(content, "2", 11 * TERM - Duration::from_millis(1)));
        assert!(process.is_over(content, "2", 11 * TERM));
    }

    #[test]
    fn only_so_many_locks_of_other_processes_are_remembered() {
        let process = Process::new(&*system_runtime().ids);
        for content in 0..=MOST_SEEN as u128 {
            assert!(!process.is_over(Uuid::from_u128(content), "1", TERM));
        }
        assert_eq!(process.seen.lock().expect("no panic").len(), MOST_SEEN);
        assert!(process.is_over(Uuid::from_u128(MOST_SEEN as u128), "1", 2 * TERM));
        // Old ones make room.
        assert!(!process.is_over(Uuid::from_u128(0), "1", 3 * TERM));
        assert_eq!(process.seen.lock().expect("no panic").len(), 1);
    }
}
