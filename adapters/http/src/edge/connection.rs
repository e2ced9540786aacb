//! The state of one connection: of its requests, of its socket, and the time at which it is closed.

use super::{
    answers::{AnswerId, Answers, UnsentAnswer},
    head_scanner::{HeadFaults, Scan},
    limits::Timeouts,
    networks::Usage,
    pieces::PIECE,
    room::{Level, Room},
    server_state::ServerState,
};
use futures_util::task::AtomicWaker;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};
use tokio::time::Instant;

/// The state of a connection. Its socket, its service and its bodies write it, and the task that drives the connection
/// reads it. Nothing here waits: the lock is held for a few instructions.
///
/// A time is the number of milliseconds since `origin` plus one. Zero means that there is no such time.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(super) origin: Instant,
    /// The requests whose answer is not in the socket completely.
    answers: Mutex<Answers>,
    /// The room for answers on this connection. `None` if it serves many clients.
    room: Option<Level>,
    /// The time at which the last request ended.
    idle_since: AtomicU64,
    /// The time at which the head that is being received began.
    head_since: AtomicU64,
    requested: AtomicBool,
    http2: AtomicBool,
    /// The time since which the client does not take what is written.
    blocked_since: AtomicU64,
    /// The bytes that the client took since then.
    taken: AtomicUsize,
    unread_body: AtomicBool,
    conflicting_lengths: AtomicBool,
    fragment: AtomicBool,
    /// Whether the connection is to make room for another one.
    leaving: AtomicU8,
    /// Wakes the task that drives the connection.
    driver: AtomicWaker,
    pub(super) server: Arc<ServerState>,
}

const STAYS: u8 = 0;
const ASKED_TO_LEAVE: u8 = 1;
const LEAVES: u8 = 2;
const GONE: u8 = 3;

impl Activity {
    pub(crate) fn new(server: Arc<ServerState>) -> Self {
        let room = Level::new(server.unsent_per_connection());
        Self { room: Some(room), ..Self::of_many_clients(server) }
    }

    /// The state of a connection that many clients share. If one of them does not read, the others still get answers.
    pub(crate) fn of_many_clients(server: Arc<ServerState>) -> Self {
        Self {
            origin: Instant::now(),
            answers: Mutex::default(),
            room: None,
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            requested: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            blocked_since: AtomicU64::new(0),
            taken: AtomicUsize::new(0),
            unread_body: AtomicBool::new(false),
            conflicting_lengths: AtomicBool::new(false),
            fragment: AtomicBool::new(false),
            leaving: AtomicU8::new(STAYS),
            driver: AtomicWaker::new(),
            server,
        }
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).map_or(u64::MAX, |ms| ms + 1)
    }

    fn instant(&self, clock: u64) -> Instant {
        self.origin + Duration::from_millis(clock.saturating_sub(1))
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a new request. It waits for the server.
    pub(crate) fn request_began(&self, http2: bool) -> AnswerId {
        self.requested.store(true, Ordering::Relaxed);
        self.http2.store(http2, Ordering::Relaxed);
        self.unread_body.store(false, Ordering::Relaxed);
        self.server.request_began();
        self.answers().begin()
    }

    /// Notes that a request now waits for the server (`true`), or for the client to read (`false`).
    pub(crate) fn waits_for_us(&self, id: AnswerId, us: bool) {
        self.answers().wait_for_us(id, us, self.clock());
    }

    pub(crate) fn piece_queued(&self, id: AnswerId) {
        self.answers().queued(id, self.clock());
    }

    pub(crate) fn piece_sent(&self, id: AnswerId) {
        let over = self.answers().sent(id, self.clock());
        over.into_iter().for_each(|answer| self.request_ended(&answer));
    }

    pub(crate) fn answer_closed(&self, id: AnswerId) {
        let over = self.answers().close(id);
        over.into_iter().for_each(|answer| self.request_ended(&answer));
    }

    /// Notes that a request has ended, with or without a complete answer.
    fn request_ended(&self, answer: &UnsentAnswer) {
        self.idle_since.store(self.clock(), Ordering::Relaxed);
        self.server.request_ended();
        if answer.held > 0 {
            self.room(answer.network.as_ref()).give_back(answer.held);
        }
    }

    /// The room of a request whose client is in this network.
    pub(crate) fn room<'a>(&'a self, network: Option<&'a Arc<Usage>>) -> Room<'a> {
        let network = network.map(|usage| &usage.unsent);
        Room { connection: self.room.as_ref(), network, process: self.server.unsent() }
    }

    /// Notes the room that a request has taken. If the request is over, gives the room back and returns `false`.
    pub(crate) fn holds(&self, id: AnswerId, bytes: usize, network: Option<&Arc<Usage>>) -> bool {
        let is_noted = self.answers().get(id).is_some_and(|answer| {
            answer.held = bytes;
            answer.network = network.cloned();
            true
        });
        if !is_noted {
            self.room(network).give_back(bytes);
        }
        is_noted
    }

    /// Gives back the room that a request has taken.
    pub(crate) fn holds_nothing(&self, id: AnswerId) {
        let held = self.answers().get(id).map(|answer| (std::mem::take(&mut answer.held), answer.network.clone()));
        if let Some((held, network)) = held
            && held > 0
        {
            self.room(network.as_ref()).give_back(held);
        }
    }

    /// Replaces the room that a request has taken by that for its answer. Waits for more room, at most for the limit,
    /// unless the answer must be sent. Returns `false` if there is not enough.
    pub(crate) async fn settle(
        &self,
        id: AnswerId,
        network: Option<&Arc<Usage>>,
        length: Option<u64>,
        must_be_sent: bool,
        limit: Duration,
    ) -> bool {
        // From here on, `Room` has the count. A request that is dropped while it waits for room holds none.
        let Some(held) = self.answers().get(id).map(|answer| std::mem::take(&mut answer.held)) else { return true };
        let counts = self.room(network).settle(held, length, must_be_sent, limit).await;
        // An answer that is over meanwhile needs no room.
        counts.map(|counts| self.holds(id, counts, network)).is_some()
    }

    /// Notes how much of what was offered the socket has taken. `None` if it cannot take anything now.
    ///
    /// A client that takes a few bytes now and then does not renew the time: it must take a whole piece, or all there
    /// is.
    pub(crate) fn wrote(&self, taken: Option<usize>, offered: usize) {
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        match taken {
            None if blocked == 0 => {
                self.taken.store(0, Ordering::Relaxed);
                self.blocked_since.store(self.clock(), Ordering::Relaxed);
            }
            Some(taken) if blocked > 0 => {
                if taken == offered {
                    self.blocked_since.store(0, Ordering::Relaxed);
                } else if self.taken.fetch_add(taken, Ordering::Relaxed) + taken >= PIECE {
                    self.taken.store(0, Ordering::Relaxed);
                    self.blocked_since.store(self.clock(), Ordering::Relaxed);
                }
            }
            _ => {}
        }
    }

    /// Notes that a request body was dropped before its end.
    pub(crate) fn body_left_unread(&self) {
        self.unread_body.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending a body that is not read any more.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Relaxed)
    }

    /// Notes what the scanner found in the bytes that were just received.
    pub(crate) fn received(&self, scan: Scan) {
        for (found, noted) in
            [(scan.faults.conflict, &self.conflicting_lengths), (scan.faults.fragment, &self.fragment)]
        {
            if found {
                noted.store(true, Ordering::Relaxed);
            }
        }
        match (scan.mid_head, self.head_since.load(Ordering::Relaxed)) {
            (true, 0) => self.head_since.store(self.clock(), Ordering::Relaxed),
            (false, 1..) => self.head_since.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// The faults of the heads that were received.
    pub(crate) fn head_faults(&self) -> HeadFaults {
        HeadFaults {
            conflict: self.conflicting_lengths.load(Ordering::Relaxed),
            fragment: self.fragment.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// The time since which the connection has had no request in flight and received no head. `None` if it has one.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        if !self.answers().is_empty() || self.blocked_since.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let since = self.idle_since.load(Ordering::Relaxed).max(self.head_since.load(Ordering::Relaxed));
        Some(self.instant(since))
    }

    /// Asks the connection to make room for another one. It closes unless a request is in flight by then. Returns
    /// `false` if it was asked before, or has closed.
    pub(crate) fn ask_to_leave(&self) -> bool {
        let asked = self.leaving.compare_exchange(STAYS, ASKED_TO_LEAVE, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        self.driver.wake();
        asked
    }

    /// Whether the connection was asked to make room, still has its place, and has not decided to stay.
    pub(crate) fn may_leave(&self) -> bool {
        matches!(self.leaving.load(Ordering::Acquire), ASKED_TO_LEAVE | LEAVES)
    }

    /// Notes that the connection has closed and given up its place.
    pub(crate) fn closed(&self) {
        self.leaving.store(GONE, Ordering::Release);
    }

    /// Decides whether a connection that was asked to leave does so.
    pub(super) fn decide_to_leave(&self, leaves: bool) {
        let decision = if leaves { LEAVES } else { STAYS };
        let _ = self.leaving.compare_exchange(ASKED_TO_LEAVE, decision, Ordering::AcqRel, Ordering::Relaxed);
    }

    pub(super) fn leaves(&self) -> bool {
        self.leaving.load(Ordering::Acquire) == LEAVES
    }

    /// Wakes this task when the connection is asked to leave.
    pub(super) fn register(&self, driver: &Waker) {
        self.driver.register(driver);
    }

    /// The time at which the connection is closed because its client does not read. `None` if the client has nothing to
    /// read, or reads.
    pub(super) fn stall(&self, timeouts: &Timeouts) -> Option<Instant> {
        let blocked = Some(self.blocked_since.load(Ordering::Relaxed)).filter(|since| *since > 0);
        let since = [self.answers().unread_since(), blocked].into_iter().flatten().min()?;
        Some(self.instant(since) + timeouts.response_stall)
    }

    /// The time at which the connection is closed if nothing happens before. `None` while its requests wait for the
    /// server.
    pub(super) fn deadline(&self, timeouts: &Timeouts, closing: Option<Instant>) -> Option<Instant> {
        let stall = self.stall(timeouts);
        if stall.is_some() || !self.answers().is_empty() {
            return stall;
        }
        let idle_since = self.idle_since.load(Ordering::Relaxed);
        let head_since = self.head_since.load(Ordering::Relaxed);
        let deadline = if !self.requested.load(Ordering::Relaxed) {
            self.origin + timeouts.first_request
        } else if head_since > 0 && !self.is_http2() {
            // A pipelined head may have waited for the request before it.
            self.instant(head_since.max(idle_since)) + timeouts.header_read
        } else {
            self.instant(idle_since) + timeouts.keep_alive
        };
        Some(closing.map_or(deadline, |closing| closing.min(deadline)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn single_bytes_do_not_renew_the_time_of_a_blocked_socket() {
        let (activity, timeouts) = (Activity::new(Arc::new(ServerState::new(Level::new(0), 0))), Timeouts::default());
        let offered = 10 * PIECE;
        activity.wrote(Some(offered), offered);
        assert_eq!(activity.stall(&timeouts), None);
        activity.wrote(None, offered);
        let stall = activity.stall(&timeouts).unwrap();
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            activity.wrote(Some(1), offered);
            activity.wrote(None, offered);
        }
        assert_eq!(activity.stall(&timeouts), Some(stall));
        activity.wrote(Some(PIECE), offered);
        assert_eq!(activity.stall(&timeouts), Some(stall + Duration::from_secs(100)), "a piece renews it");
        activity.wrote(Some(5), 5);
        assert_eq!(activity.stall(&timeouts), None, "there is nothing left to read");
    }
}
