//! How many requests of one user are worked on at the same time.
//!
//! Without this bound, one user could use all that its network may use.

use crate::{
    edge::RequestContext,
    problem::{Problem, code},
};
use metrics::Counter;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

/// How many requests of a user may wait, for each one that may be worked on.
const WAITING: usize = 16;

/// The time before the deadline at which a request stops waiting. Its refusal gives units back to the limits, which may be
/// counted elsewhere, and after the deadline there is no other answer than 503.
const TIME_TO_REFUSE: Duration = Duration::from_millis(500);

type Users = Mutex<HashMap<Uuid, Arc<User>>>;

/// The requests in flight, by user.
pub(crate) struct InFlight {
    max: usize,
    users: Arc<Users>,
    refused: Counter,
}

struct User {
    places: Arc<Semaphore>,
    /// Requests that wait or are worked on.
    requests: AtomicUsize,
}

/// A request of a user, until it is dropped.
struct UserRequest {
    users: Arc<Users>,
    id: Uuid,
    user: Arc<User>,
}

/// The right of a request to be worked on. It ends on drop.
pub(crate) struct Turn {
    // Dropped first, so that the next request goes on before the entry is checked.
    _place: OwnedSemaphorePermit,
    _request: UserRequest,
}

impl InFlight {
    /// At most `max` requests of one user are worked on at the same time, and at most [`WAITING`] times as many wait.
    pub(super) fn new(max: usize) -> Self {
        let labels = [("limit", "in_flight"), ("decision", "limited")];
        let refused = metrics::counter!("skep_rate_limit_decisions_total", &labels);
        Self { max: max.clamp(1, Semaphore::MAX_PERMITS), users: Arc::default(), refused }
    }

    /// Waits for a turn, at most until shortly before the deadline of the request. Requests of one user get their turns in the order
    /// of arrival. A request that waits holds neither a place of its network nor room for its answer.
    ///
    /// # Errors
    /// 429 at once if too many requests of the user wait already, and shortly before the deadline. 503 if the request cannot get its
    /// place again.
    pub(super) async fn turn(&self, id: Uuid, context: Option<&RequestContext>) -> Result<Turn, Problem> {
        let deadline = context.map(|context| context.deadline - TIME_TO_REFUSE);
        let leave = || context.into_iter().for_each(|context| context.admission.leave());
        let turn = self.wait(id, deadline, leave).await.ok_or_else(|| {
            self.refused.increment(1);
            Problem::of(code::RATE_LIMITED)
                .with_detail(format!("{} requests of the user are being worked on, and others wait", self.max))
                .with_retry_after(1)
        })?;
        if let Some(context) = context {
            let entered = context.admission.enter().await;
            entered.map_err(|crowded| Problem::no_room(crowded.to_string()))?;
        }
        Ok(turn)
    }

    /// Does this work in a turn. Then the request waits for its client again: it keeps neither the turn, nor its place,
    /// nor room for its answer.
    ///
    /// # Errors
    /// As for [`turn`](Self::turn). The work was not begun.
    pub(super) async fn in_turn<T>(
        &self,
        id: Uuid,
        context: Option<&RequestContext>,
        work: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let turn = self.turn(id, context).await?;
        let done = work.await;
        drop(turn);
        if let Some(context) = context {
            context.admission.leave();
        }
        Ok(done)
    }

    /// Calls `leave` before it waits.
    async fn wait(&self, id: Uuid, deadline: Option<std::time::Instant>, leave: impl FnOnce()) -> Option<Turn> {
        let entered = self.enter(id)?;
        let places = Arc::clone(&entered.user.places);
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                leave();
                let place = places.acquire_owned();
                match deadline {
                    Some(deadline) => timeout_at(Instant::from_std(deadline), place).await.ok()?.ok()?,
                    None => place.await.ok()?,
                }
            }
        };
        Some(Turn { _place: place, _request: entered })
    }

    fn enter(&self, id: Uuid) -> Option<UserRequest> {
        let mut users = locked(&self.users);
        let new = || Arc::new(User { places: Arc::new(Semaphore::new(self.max)), requests: AtomicUsize::new(0) });
        let user = Arc::clone(users.entry(id).or_insert_with(new));
        if user.requests.load(Ordering::Relaxed) >= self.max.saturating_mul(1 + WAITING) {
            return None;
        }
        user.requests.fetch_add(1, Ordering::Relaxed);
        Some(UserRequest { users: Arc::clone(&self.users), id, user })
    }

    #[cfg(test)]
    fn users(&self) -> usize {
        locked(&self.users).len()
    }
}

impl Drop for UserRequest {
    fn drop(&mut self) {
        let mut users = locked(&self.users);
        // Requests enter under the same lock, so the last one to leave removes the user.
        if self.user.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            users.remove(&self.id);
        }
    }
}

fn locked(users: &Users) -> MutexGuard<'_, HashMap<Uuid, Arc<User>>> {
    users.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn wait(in_flight: &InFlight, id: Uuid) -> impl Future<Output = Option<Turn>> {
        in_flight.wait(id, later(), || {})
    }

    fn later() -> Option<std::time::Instant> {
        Some((Instant::now() + Duration::from_secs(60)).into_std())
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_waits_for_its_own_requests_only() {
        let (in_flight, ada, bob) = (InFlight::new(2), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = wait(&in_flight, ada).await.unwrap();
        let second = wait(&in_flight, ada).await.unwrap();
        let mut third = Box::pin(wait(&in_flight, ada));
        assert!(third.as_mut().now_or_never().is_none());
        drop(wait(&in_flight, bob).await.unwrap());
        drop(first);
        drop((third.await.unwrap(), second));
        assert_eq!(in_flight.users(), 0, "users without requests are forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_request_that_waits_gives_back_what_it_holds() {
        let (in_flight, ada) = (InFlight::new(1), Uuid::from_u128(1));
        let left = std::cell::Cell::new(false);
        let first = in_flight.wait(ada, later(), || left.set(true)).await.unwrap();
        assert!(!left.get());
        let mut second = Box::pin(in_flight.wait(ada, later(), || left.set(true)));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(left.get());
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn work_between_two_parts_of_a_body_waits_for_its_turn_and_ends_it() {
        let (in_flight, ada) = (InFlight::new(1), Uuid::from_u128(1));
        let begun = std::cell::Cell::new(0);
        let (ends, end) = tokio::sync::oneshot::channel::<()>();
        let work = async {
            begun.set(begun.get() + 1);
            end.await
        };
        let mut first = Box::pin(in_flight.in_turn(ada, None, work));
        let mut others: Vec<_> = (0..WAITING)
            .map(|_| Box::pin(in_flight.in_turn(ada, None, async { begun.set(begun.get() + 1) })))
            .collect();
        assert!(first.as_mut().now_or_never().is_none());
        assert!(others.iter_mut().all(|other| other.as_mut().now_or_never().is_none()));
        assert_eq!(begun.get(), 1, "the others wait");
        let refused = in_flight.in_turn(ada, None, async { begun.set(0) }).await.unwrap_err();
        assert_eq!(refused.status().as_u16(), 429);
        ends.send(()).unwrap();
        first.await.unwrap().unwrap();
        for other in others {
            other.await.unwrap();
        }
        assert_eq!((begun.get(), in_flight.users()), (1 + WAITING, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_bounded_in_number_and_time() {
        let (in_flight, ada) = (InFlight::new(1), Uuid::from_u128(1));
        let first = wait(&in_flight, ada).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(wait(&in_flight, ada))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        assert!(wait(&in_flight, ada).await.is_none(), "refused at once");
        // A request that is canceled leaves its place.
        waiting.pop();
        assert!(wait(&in_flight, ada).await.is_none(), "refused at the deadline");
        drop((waiting, first));
        assert_eq!(in_flight.users(), 0);
    }
}
