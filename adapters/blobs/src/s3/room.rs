//! The memory that all uploads of a process share.
//!
//! A place is room for a whole part. Clients fill some of the places, and take one only if it is free. So a slow client
//! never keeps a fast one waiting: without a place, an upload stores its bytes in short pieces. The other places are for
//! bytes that come back from the server. Each of these is held only for a few requests to the server, so uploads wait
//! in a line for them.

use super::{bucket::PART, parked::Parked};
use skep_application::kernel::{Clock, StoreError};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes an upload may hold without a place.
pub(super) const OWN: usize = 128 << 10;
/// After this time, a client that has not filled its part loses its place if another one needs it.
const FILLED_WITHIN: Duration = Duration::from_secs(5);
/// One of so many places is for bytes that come back, and at least one.
const RETURNING: usize = 4;

/// The memory of uploads to a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Memory {
    /// The bytes that uploads hold now, with those that are being sent.
    pub held: usize,
    /// The most bytes that they have held at any time.
    pub highest: usize,
    /// The most bytes that whole parts can have. Beside them, each upload has up to 128 KiB.
    pub limit: usize,
}

/// The places for parts, and the bytes that are held.
pub(super) struct Room {
    clock: Arc<dyn Clock>,
    arriving: Arc<Semaphore>,
    returning: Arc<Semaphore>,
    places: usize,
    /// What waits for its client, by the time of its place. The one that has its place for the longest time is the first.
    parked: Mutex<BTreeMap<Key, Parked>>,
    keys: AtomicU64,
    held: AtomicUsize,
    highest: AtomicUsize,
}

/// Room for a part, until it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    is_returning: bool,
    since: Duration,
}

/// What a parked buffer is found by: since when it has its place, and a number of its own.
pub(super) type Key = (Duration, u64);

impl Room {
    /// Room for so many bytes, and for at least one part.
    pub(super) fn new(bytes: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        let places = (bytes / PART).clamp(1, Semaphore::MAX_PERMITS);
        let returning = (places / RETURNING).max(1);
        let of = |places| Arc::new(Semaphore::new(places));
        let (arriving, returning, none) = (of(places - returning), of(returning), || AtomicUsize::new(0));
        let (parked, keys) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { clock, arriving, returning, places, parked, keys, held: none(), highest: none() })
    }

    fn place(&self, permit: OwnedSemaphorePermit, is_returning: bool) -> Place {
        Place { _permit: permit, is_returning, since: self.clock.monotonic() }
    }

    /// A place for bytes that a client sends, if one is free. Otherwise, the slowest client loses its place soon, and this
    /// upload does not wait for it.
    pub(super) fn arriving(&self) -> Option<Place> {
        let Ok(permit) = Arc::clone(&self.arriving).try_acquire_owned() else {
            if let (Some(slow), Ok(runtime)) = (self.overdue(), tokio::runtime::Handle::try_current()) {
                runtime.spawn(slow.store());
            }
            return None;
        };
        Some(self.place(permit, false))
    }

    /// Waits for a place for bytes that come from the server. Those that came first get one first.
    pub(super) async fn returning(&self) -> Result<Place, StoreError> {
        let permit = Arc::clone(&self.returning).acquire_owned().await;
        Ok(self.place(permit.map_err(|error| StoreError::Unavailable(error.into()))?, true))
    }

    fn with_parked<T>(&self, work: impl FnOnce(&mut BTreeMap<Key, Parked>) -> T) -> T {
        work(&mut self.parked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what waits for its client.
    pub(super) fn park(&self, since: Duration, parked: Parked) -> Key {
        let key = (since, self.keys.fetch_add(1, Relaxed));
        self.with_parked(|all| all.insert(key, parked));
        key
    }

    /// Takes it back. `None` if it has lost its place.
    pub(super) fn unpark(&self, key: Key) -> Option<Parked> {
        self.with_parked(|all| all.remove(&key))
    }

    /// Takes what has its place for the longest time, if that is too long.
    fn overdue(&self) -> Option<Parked> {
        let now = self.clock.monotonic();
        self.with_parked(|all| {
            let first = all.first_entry()?;
            (now.saturating_sub(first.key().0) >= FILLED_WITHIN).then(|| first.remove())
        })
    }

    /// Counts the bytes of a buffer that had `before` bytes.
    pub(super) fn count(&self, before: usize, now: usize) {
        self.held.fetch_sub(before, Relaxed);
        let held = self.held.fetch_add(now, Relaxed) + now;
        self.highest.fetch_max(held, Relaxed);
    }

    pub(super) fn memory(&self) -> S3Memory {
        let [held, highest] = [&self.held, &self.highest].map(|count| count.load(Relaxed));
        S3Memory { held, highest, limit: self.places * PART }
    }
}

impl Place {
    pub(super) const fn is_returning(&self) -> bool {
        self.is_returning
    }

    pub(super) const fn since(&self) -> Duration {
        self.since
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use skep_domain::shared::Timestamp;
    use std::{pin::pin, task::Poll};

    /// A clock that a test moves on, in seconds.
    #[derive(Default)]
    pub(in crate::s3) struct Moved(AtomicU64);

    impl Moved {
        pub(in crate::s3) fn by(&self, seconds: u64) {
            self.0.fetch_add(seconds, Relaxed);
        }
    }

    impl Clock for Moved {
        fn now(&self) -> Timestamp {
            Timestamp::MIN
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Relaxed))
        }
    }

    fn room(places: usize) -> (Arc<Room>, Arc<Moved>) {
        let clock = Arc::new(Moved::default());
        (Room::new(places * PART, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn clients_get_the_places_that_are_free_and_never_those_of_the_server() {
        for (places, expected) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (8, 6), (12, 9)] {
            let (room, _) = room(places);
            let taken: Vec<_> = std::iter::from_fn(|| room.arriving()).collect();
            assert_eq!(taken.len(), expected, "of {places}");
            drop(taken);
            assert_eq!(room.arriving().is_some(), expected > 0, "they are free again");
        }
    }

    #[tokio::test]
    async fn bytes_of_the_server_get_their_places_in_the_order_of_their_requests() {
        let (room, _) = room(3);
        let first = room.returning().await.expect("a place");
        let (mut second, mut third) = (pin!(room.returning()), pin!(room.returning()));
        assert!(matches!(futures_util::poll!(second.as_mut()), Poll::Pending));
        assert!(matches!(futures_util::poll!(third.as_mut()), Poll::Pending));
        drop(first);
        assert!(matches!(futures_util::poll!(third.as_mut()), Poll::Pending));
        let Poll::Ready(Ok(place)) = futures_util::poll!(second.as_mut()) else { panic!("it was first") };
        drop(place);
        assert!(matches!(futures_util::poll!(third.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn the_most_bytes_are_remembered() {
        let (room, _) = room(3);
        room.count(0, 70);
        room.count(0, 30);
        room.count(70, 0);
        assert_eq!(room.memory(), S3Memory { held: 30, highest: 100, limit: 3 * PART });
    }
}
