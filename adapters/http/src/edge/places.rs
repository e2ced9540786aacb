//! The places of connections. There is a fixed number. While all are taken, the connection that has been idle longest
//! makes room for a new one.

use super::connection::Activity;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The number of new connections that wait for a place at the same time. Others are refused at once.
const MAX_WAITING: usize = 256;

/// How often a waiting connection looks whether one that was asked to leave stays.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The number of idle connections that one search finds.
const FOUND: usize = 256;

/// The least time between two searches. A search looks at every connection.
const SEARCH_EVERY: Duration = Duration::from_millis(50);

/// The places of a server's connections.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: Semaphore,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    last: u64,
    connections: HashMap<u64, Arc<Activity>>,
    /// Connections that were idle at the last search and for how long, the oldest first.
    idle: VecDeque<(Instant, Arc<Activity>)>,
    /// Connections that were asked to leave.
    asked: Vec<Arc<Activity>>,
    searched: Option<Instant>,
}

/// The place of a connection. It is free again when this is dropped.
pub(crate) struct Place {
    id: u64,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let activity = self.places.taken().connections.remove(&self.id);
        activity.into_iter().for_each(|activity| activity.closed());
    }
}

impl Places {
    pub(crate) fn new(number: usize) -> Self {
        let free = Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)));
        Self { free, waiting: Semaphore::new(MAX_WAITING), taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a place if one is free.
    pub(crate) fn try_reserve(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Waits until a place is free and reserves it, at most for this time. An idle connection is asked to leave.
    pub(crate) async fn reserve(&self, limit: Duration) -> Option<OwnedSemaphorePermit> {
        let _waiting = self.waiting.try_acquire().ok()?;
        let ask = async {
            loop {
                self.ask();
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            biased;
            permit = Arc::clone(&self.free).acquire_owned() => permit.ok(),
            () = ask => None,
            () = tokio::time::sleep(limit) => None,
        }
    }

    /// Gives the reserved place to this connection.
    pub(crate) fn occupy(self: &Arc<Self>, permit: OwnedSemaphorePermit, activity: &Arc<Activity>) -> Place {
        let mut taken = self.taken();
        taken.last += 1;
        let id = taken.last;
        taken.connections.insert(id, Arc::clone(activity));
        Place { id, places: Arc::clone(self), _permit: permit }
    }

    /// Asks the connection that has been idle longest to leave, unless as many were asked as new ones wait. A free
    /// place goes to the connection that waits longest, so it does not matter which of them asks.
    fn ask(&self) {
        let waiting = MAX_WAITING - self.waiting.available_permits();
        let mut taken = self.taken();
        taken.asked.retain(|activity| activity.may_leave());
        if taken.asked.len() < waiting
            && let Some(activity) = taken.ask_oldest()
        {
            taken.asked.push(activity);
        }
    }
}

impl Taken {
    /// Asks the connection that has been idle longest to leave, and returns it. `None` if no connection is idle.
    fn ask_oldest(&mut self) -> Option<Arc<Activity>> {
        loop {
            while let Some((since, activity)) = self.idle.pop_front() {
                if activity.idle_since() == Some(since) && activity.ask_to_leave() {
                    return Some(activity);
                }
            }
            let now = Instant::now();
            if self.searched.is_some_and(|searched| now < searched + SEARCH_EVERY) {
                return None;
            }
            self.searched = Some(now);
            self.search();
        }
    }

    fn search(&mut self) {
        let staying = self.connections.values().filter(|activity| !activity.may_leave());
        let mut found: Vec<_> = staying.filter_map(|activity| Some((activity.idle_since()?, activity))).collect();
        if found.len() > FOUND {
            found.select_nth_unstable_by_key(FOUND, |(since, _)| *since);
            found.truncate(FOUND);
        }
        found.sort_unstable_by_key(|(since, _)| *since);
        self.idle = found.into_iter().map(|(since, activity)| (since, Arc::clone(activity))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{room::Level, server_state::ServerState},
        *,
    };
    use std::pin::pin;

    const LIMIT: Duration = Duration::from_secs(1);

    /// Places that are all taken, by connections that opened one after the other.
    async fn full(number: usize) -> (Arc<Places>, Vec<(Arc<Activity>, Place)>) {
        let places = Arc::new(Places::new(number));
        let server = Arc::new(ServerState::new(Level::new(0), 0));
        let mut connections = vec![];
        for _ in 0..number {
            let activity = Arc::new(Activity::new(Arc::clone(&server)));
            let place = places.occupy(places.try_reserve().unwrap(), &activity);
            connections.push((activity, place));
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(places.try_reserve().is_none());
        (places, connections)
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_has_been_idle_longest_is_asked_to_leave() {
        let (places, mut connections) = full(3).await;
        // The oldest connection has a request in flight, and the next one had one just now.
        connections[0].0.request_began(false);
        let id = connections[1].0.request_began(false);
        connections[1].0.answer_closed(id);
        let mut new = pin!(places.reserve(LIMIT));
        assert!(futures_util::poll!(&mut new).is_pending());
        let asked: Vec<bool> = connections.iter().map(|(activity, _)| activity.may_leave()).collect();
        assert_eq!(asked, [false, false, true]);
        connections.remove(2);
        assert!(new.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn another_connection_is_asked_when_the_first_one_stays() {
        let (places, connections) = full(2).await;
        let mut new = pin!(places.reserve(LIMIT));
        assert!(futures_util::poll!(&mut new).is_pending());
        assert!(connections[0].0.may_leave() && !connections[1].0.may_leave(), "one connection for one place");
        connections[0].0.request_began(false);
        connections[0].0.decide_to_leave(false);
        tokio::time::sleep(LOOK_EVERY).await;
        assert!(futures_util::poll!(&mut new).is_pending());
        assert!(!connections[0].0.may_leave() && connections[1].0.may_leave());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_closed_is_not_asked() {
        let (places, mut connections) = full(3).await;
        // The search finds all three and asks the first one, which stays. The others close.
        assert!(futures_util::poll!(Box::pin(places.reserve(LIMIT))).is_pending());
        connections[0].0.request_began(false);
        connections[0].0.decide_to_leave(false);
        connections.truncate(1);
        for _ in 0..2 {
            let activity = Arc::new(Activity::new(Arc::clone(&connections[0].0.server)));
            let place = places.occupy(places.try_reserve().unwrap(), &activity);
            connections.push((activity, place));
        }
        tokio::time::advance(SEARCH_EVERY).await;
        let mut new = pin!(places.reserve(LIMIT));
        assert!(futures_util::poll!(&mut new).is_pending());
        let asked: Vec<bool> = connections.iter().map(|(activity, _)| activity.may_leave()).collect();
        assert_eq!(asked.iter().filter(|asked| **asked).count(), 1, "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_connection_is_asked_when_a_place_went_to_one_that_waited_longer() {
        let (places, mut connections) = full(3).await;
        let (mut first, mut second) = (Box::pin(places.reserve(LIMIT)), Box::pin(places.reserve(LIMIT)));
        assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
        // The first one asked the oldest connection. The other one leaves before it, and the oldest one stays.
        connections[1].0.decide_to_leave(true);
        connections.remove(1);
        let permit = first.await.unwrap();
        connections[0].0.request_began(false);
        connections[0].0.decide_to_leave(false);
        tokio::time::sleep(LOOK_EVERY).await;
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(connections[1].0.may_leave());
        drop(permit);
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_idle_connection_a_new_one_waits_for_its_time() {
        let (places, connections) = full(1).await;
        connections[0].0.request_began(false);
        let start = Instant::now();
        assert!(places.reserve(LIMIT).await.is_none());
        assert_eq!(start.elapsed(), LIMIT);
        assert!(!connections[0].0.may_leave());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_connections_wait() {
        let (places, _connections) = full(1).await;
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(places.reserve(LIMIT))).collect();
        for new in &mut waiting {
            assert!(futures_util::poll!(new).is_pending());
        }
        assert_eq!(
            futures_util::poll!(Box::pin(places.reserve(LIMIT))).map(|permit| permit.is_none()),
            std::task::Poll::Ready(true)
        );
    }
}
