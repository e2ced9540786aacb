//! What a request holds of what all requests share: a place among those that are worked on, room for its answer, and
//! the received bytes of its body.
//!
//! A request that waits for its client or for its own user gives its place and its room back, and keeps only the bytes of
//! its body. A request that had to wait for room keeps it while it waits for its place.

use super::{
    body_budget::HeldBody,
    networks::Usage,
    pieces::AnswerOf,
    work::{Kind, Place, Work},
};
use metrics::Counter;
use skep_domain::shared::Network;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Why a request cannot be worked on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// Too many requests of its network wait, or it has waited until its deadline.
    Requests,
    /// Too many answers wait for clients to read them.
    Answers,
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "too many requests from this network are being worked on, and others wait",
            Self::Answers => "too many answers wait for clients to read them",
        })
    }
}

/// What one request holds.
pub(crate) struct Admission {
    /// The place that it needs; `None` if it needs none.
    pub(super) work: Option<NeededPlace>,
    /// The room that it needs; `None` if its answer is not counted.
    pub(super) room: Option<NeededRoom>,
    /// The time by which it should be answered.
    pub(super) deadline: Instant,
    /// The received bytes of its body.
    pub(super) body: HeldBody,
    held: Mutex<Held>,
}

/// A place among the requests that are worked on.
pub(super) struct NeededPlace {
    pub(super) work: Arc<Work>,
    pub(super) network: Network,
    pub(super) kind: Kind,
}

/// Room for an answer.
pub(super) struct NeededRoom {
    pub(super) answer: AnswerOf,
    pub(super) network: Option<Arc<Usage>>,
    /// The bytes before the work.
    pub(super) bytes: usize,
    /// The longest wait for it.
    pub(super) wait: Duration,
    /// Counts the requests that are refused because there is no room.
    pub(super) refused: Counter,
}

#[derive(Default)]
struct Held {
    place: Option<Place>,
    has_room: bool,
    /// Whether the request has held all that it needs.
    has_entered: bool,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

impl Admission {
    /// A request that holds nothing yet.
    pub(super) fn new(work: Option<NeededPlace>, room: Option<NeededRoom>, deadline: Instant, body: HeldBody) -> Self {
        Self { work, room, deadline, body, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place and for room. Does nothing if the request has both.
    ///
    /// # Errors
    /// The reason why the request cannot be worked on. It holds nothing then.
    pub(crate) async fn enter(&self) -> Result<(), Crowded> {
        self.take_place().await?;
        if let Some(room) = self.room.as_ref().filter(|_| !self.held().has_room) {
            if !room.answer.try_make_room(room.network.as_ref(), room.bytes) {
                // The wait for clients to read must not keep others of the network from working.
                self.finish();
                if !room.answer.make_room(room.network.as_ref(), room.bytes, room.wait).await {
                    room.refused.increment(1);
                    return Err(Crowded::Answers);
                }
            }
            self.held().has_room = true;
            self.take_place().await?;
        }
        self.held().has_entered = true;
        Ok(())
    }

    async fn take_place(&self) -> Result<(), Crowded> {
        let Some(needed) = self.work.as_ref().filter(|_| self.held().place.is_none()) else { return Ok(()) };
        let place = needed.work.enter(needed.network, needed.kind, self.deadline).await;
        let place = place.ok_or_else(|| {
            self.leave();
            Crowded::Requests
        })?;
        self.held().place = Some(place);
        Ok(())
    }

    /// Counts the bytes of the body for this user, too.
    pub(crate) fn body_of(&self, user: u128) {
        self.body.of_user(user);
    }

    /// Whether the request was worked on, so that its answer counts. A refusal without work is short and not counted.
    pub(super) fn has_entered(&self) -> bool {
        self.held().has_entered
    }

    /// Whether the request has its place among those that are worked on.
    pub(super) fn has_place(&self) -> bool {
        self.held().place.is_some()
    }

    /// Gives the place back, because the work is done.
    pub(crate) fn finish(&self) {
        // Not dropped under the lock, because others may get the place.
        let place = self.held().place.take();
        drop(place);
    }

    /// Gives the place and the room back, because the request waits for its client or for its own user.
    pub(crate) fn leave(&self) {
        self.finish();
        if let Some(room) = &self.room
            && std::mem::take(&mut self.held().has_room)
        {
            room.answer.give_room_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            body_budget::BodyBudget,
            connection::Activity,
            pieces::OpenAnswer,
            room::{self, Level},
            server_state::ServerState,
        },
        *,
    };
    use std::{
        net::Ipv4Addr,
        sync::atomic::{AtomicU64, Ordering},
    };

    /// A request enters before its work, after its body and after the wait for its turn.
    #[tokio::test(start_paused = true)]
    async fn each_refusal_for_lack_of_room_is_counted_wherever_the_request_enters() {
        let refused = Arc::new(AtomicU64::new(0));
        let activity = Arc::new(Activity::new(Arc::new(ServerState::new(Level::new(0), 0))));
        // A request that is alone gets room in any case.
        let other = OpenAnswer::begin(&activity, false);
        assert!(other.answer().try_make_room(None, 1));
        let answer = OpenAnswer::begin(&activity, false);
        let room = NeededRoom {
            answer: answer.answer(),
            network: None,
            bytes: room::READ,
            wait: Duration::ZERO,
            refused: Counter::from_arc(Arc::clone(&refused)),
        };
        let body = HeldBody::nothing(Arc::new(BodyBudget::new(1, 1)), Ipv4Addr::LOCALHOST.into());
        let admission = Admission::new(None, Some(room), Instant::now(), body);
        for times in 1..=3 {
            assert_eq!(admission.enter().await, Err(Crowded::Answers));
            assert_eq!(refused.load(Ordering::Relaxed), times);
        }
    }
}
