//! Queues of writers within this process, one for each id.
//!
//! MongoDB aborts the second writer of a document at once. So writers that are known to want the same document queue
//! here before their transactions start. They lock ids in ascending order, so that queues cannot deadlock.

use skep_application::kernel::Key;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The queues that are not empty.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks {
    queues: Mutex<HashMap<Key, Queue>>,
}

/// A writer's turn at one id. It ends on drop.
#[derive(Debug)]
pub(crate) struct Turn {
    // Dropped first, so that the next writer goes on before the queue is checked.
    _guard: OwnedMutexGuard<()>,
    _entry: Entry,
}

/// An entry of a queue, waiting or at its head. The last entry to leave removes the queue.
#[derive(Debug)]
struct Entry {
    locks: Arc<KeyLocks>,
    key: Key,
    queue: Option<Queue>,
}

/// What a unit of work holds until its end.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Its place among the units that write, if it writes. Given back first: the writers of the same ids need it next.
    pub(crate) _writer: Option<OwnedSemaphorePermit>,
    pub(crate) _ids: Vec<Turn>,
}

impl KeyLocks {
    /// Waits for a turn at each of these ids, in the order of arrival. A caller that is canceled leaves all queues.
    pub(crate) async fn lock(self: &Arc<Self>, mut keys: Vec<Key>) -> Vec<Turn> {
        keys.sort_unstable();
        keys.dedup();
        let mut turns = Vec::with_capacity(keys.len());
        for key in keys {
            let (entry, queue) = self.enter(key);
            let guard = queue.lock_owned().await;
            turns.push(Turn { _guard: guard, _entry: entry });
        }
        turns
    }

    fn enter(self: &Arc<Self>, key: Key) -> (Entry, Queue) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = Arc::clone(queues.entry(key).or_default());
        (Entry { locks: Arc::clone(self), key, queue: Some(Arc::clone(&queue)) }, queue)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut queues = self.locks.queues.lock().unwrap_or_else(PoisonError::into_inner);
        self.queue = None;
        // Entries are added under the same lock, so one owner left means that only the map owns the queue.
        if queues.get(&self.key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    fn key(n: u128) -> Key {
        Key(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn the_second_writer_waits_for_the_first() {
        let locks = Arc::new(KeyLocks::default());
        let first = locks.lock(vec![key(1), key(2), key(1)]).await;
        let mut second = Box::pin(locks.lock(vec![key(2), key(3)]));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(second.await.len(), 2);
    }

    #[tokio::test]
    async fn turns_follow_the_order_of_arrival() {
        let locks = Arc::new(KeyLocks::default());
        let first = locks.lock(vec![key(1)]).await;
        let mut second = Box::pin(locks.lock(vec![key(1)]));
        assert!(second.as_mut().now_or_never().is_none());
        let mut third = Box::pin(locks.lock(vec![key(1)]));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        assert!(third.as_mut().now_or_never().is_none());
        drop(second.await);
        assert_eq!(third.await.len(), 1);
    }

    #[tokio::test]
    async fn a_canceled_caller_leaves_every_queue() {
        let locks = Arc::new(KeyLocks::default());
        let first = locks.lock(vec![key(2)]).await;
        let mut waiting = Box::pin(locks.lock(vec![key(1), key(2)]));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        assert!(locks.lock(vec![key(1)]).now_or_never().is_some());
        drop(first);
        assert_eq!(locks.len(), 0);
    }

    #[tokio::test]
    async fn opposite_orders_do_not_deadlock() {
        let locks = Arc::new(KeyLocks::default());
        let tasks = (0..200_u32).map(|n| {
            let locks = Arc::clone(&locks);
            let keys = if n % 2 == 0 { vec![key(1), key(2)] } else { vec![key(2), key(1)] };
            tokio::spawn(async move {
                let _turns = locks.lock(keys).await;
                tokio::task::yield_now().await;
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(locks.len(), 0);
    }
}
