//! Room for answers: how many bytes of answers may wait for clients to read them.
//!
//! A request takes room before its work, in three levels: its connection, the network of its client, and the process.
//! It keeps the room until the last byte of its answer is in the socket. The whole answer counts until then, because
//! its memory is one block, which stays until its last piece is gone.

use metrics::Gauge;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, SeqCst},
};
use tokio::sync::Notify;

/// The bytes that a request takes before its work if it only reads. Most answers are smaller.
pub(super) const READ: usize = 16 << 10;

/// The bytes that any other request takes before its work. The answer of a change is sent even if it turns out larger,
/// so this limits how many such answers can be made at the same time.
pub(super) const CHANGE: usize = 64 << 10;

/// The least number of bytes that an answer counts: the memory of its stream, its task and its head.
const LEAST: usize = 8 << 10;

/// The bytes that an answer of unknown length counts. Such an answer is made while it is sent, so no more of it exists
/// than hyper queues, and the piece that follows.
const STREAM: usize = 128 << 10;

/// A number of bytes that may be taken, and the requests that wait for them.
#[derive(Debug)]
pub(crate) struct Level {
    limit: usize,
    held: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    gauge: Gauge,
}

impl Level {
    pub(crate) fn new(limit: usize) -> Self {
        Self::measured(limit, Gauge::noop())
    }

    /// A level that shows its held bytes in the gauge.
    pub(crate) fn measured(limit: usize, gauge: Gauge) -> Self {
        Self { limit, held: AtomicUsize::new(0), waiting: AtomicUsize::new(0), freed: Notify::new(), gauge }
    }

    /// Takes the bytes, unless that would pass the limit. A request that is alone gets room in any case, so that a low
    /// limit makes requests wait for each other and does not refuse them forever.
    fn try_take(&self, bytes: usize) -> bool {
        self.try_add(bytes, 0)
    }

    /// Takes further bytes for a request that holds `own` already.
    fn try_add(&self, bytes: usize, own: usize) -> bool {
        // In one order with `waiting`: a waiter announces itself and then looks for room; `give_back` makes room and
        // then looks for waiters.
        let taken = self.held.fetch_update(SeqCst, SeqCst, |held| {
            let sum = held.saturating_add(bytes);
            (sum <= self.limit || held <= own).then_some(sum)
        });
        if taken.is_ok() {
            self.gauge.increment(measured(bytes));
        }
        taken.is_ok()
    }

    /// Takes the bytes even above the limit. Later requests wait until the level is below it again.
    fn take_anyway(&self, bytes: usize) {
        self.held.fetch_add(bytes, SeqCst);
        self.gauge.increment(measured(bytes));
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, SeqCst);
        self.gauge.decrement(measured(bytes));
        self.wake_next();
    }

    fn wake_next(&self) {
        if self.waiting.load(SeqCst) > 0 && self.held.load(SeqCst) < self.limit {
            self.freed.notify_one();
        }
    }

    /// Waits for the bytes and takes them. They are given back when the result is dropped, unless it is kept.
    async fn take(&self, bytes: usize) -> Held<'_> {
        let waiting = Waiting::new(&self.waiting);
        while !self.try_take(bytes) {
            // If room was made since the look above, the notification is stored, and this returns at once.
            self.freed.notified().await;
        }
        drop(waiting);
        // One notification wakes one request. There may be room for the next one, too.
        self.wake_next();
        Held { level: self, bytes }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(SeqCst)
    }
}

/// Gauges are floating-point numbers. They are exact up to 2^53 bytes.
#[expect(clippy::cast_precision_loss, reason = "no process holds 2^53 bytes")]
fn measured(bytes: usize) -> f64 {
    bytes as f64
}

/// Counts a waiting request until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, AcqRel);
    }
}

/// Bytes that were taken and are given back if the request ends before it has all it needs.
struct Held<'a> {
    level: &'a Level,
    bytes: usize,
}

impl Held<'_> {
    fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.level.give_back(self.bytes);
        }
    }
}

/// The levels of one request.
#[derive(Clone, Copy)]
pub(crate) struct Room<'a> {
    pub(crate) connection: &'a Level,
    /// The level of the client's network. `None` if that network is not counted.
    pub(crate) network: Option<&'a Level>,
    pub(crate) process: &'a Level,
}

impl Room<'_> {
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::once(self.connection).chain(self.shared())
    }

    /// The levels that a request shares with other connections.
    fn shared(&self) -> impl Iterator<Item = &Level> {
        self.network.into_iter().chain(std::iter::once(self.process))
    }

    /// Takes the bytes at all levels if they have room now.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        add(self.levels(), bytes, 0)
    }

    /// Waits for room at all levels and takes the bytes. If the wait is cancelled, nothing is taken.
    pub(crate) async fn take(&self, bytes: usize) {
        let connection = self.connection.take(bytes).await;
        let network = match self.network {
            Some(network) => Some(network.take(bytes).await),
            None => None,
        };
        self.process.take(bytes).await.keep();
        connection.keep();
        network.into_iter().for_each(Held::keep);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.levels().for_each(|level| level.give_back(bytes));
    }

    /// Changes what a request holds from `held` to what its answer counts, and returns that. `None` if the levels that
    /// it shares with others do not have that much. An answer that must be sent takes its bytes anyway.
    ///
    /// The level of the connection is always passed: a client that reads gets several large answers at once, and one
    /// that does not read gets no further answer on this connection.
    pub(crate) fn settle(&self, held: usize, length: Option<u64>, must_be_sent: bool) -> Option<usize> {
        let counts = length.map_or(STREAM, |length| usize::try_from(length).unwrap_or(usize::MAX / 4)).max(LEAST);
        if let Some(more) = counts.checked_sub(held).filter(|more| *more > 0) {
            if must_be_sent {
                self.shared().for_each(|level| level.take_anyway(more));
            } else if !add(self.shared(), more, held) {
                return None;
            }
            self.connection.take_anyway(more);
        } else if held > counts {
            self.give_back(held - counts);
        }
        Some(counts)
    }
}

/// Takes the bytes at each of the levels, or at none of them.
fn add<'a>(levels: impl Iterator<Item = &'a Level>, bytes: usize, own: usize) -> bool {
    let mut taken: [Option<Held<'_>>; 3] = [const { None }; 3];
    for (level, held) in levels.zip(&mut taken) {
        if !level.try_add(bytes, own) {
            return false;
        }
        *held = Some(Held { level, bytes });
    }
    taken.into_iter().flatten().for_each(Held::keep);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Poll};

    fn held(levels: &[Level; 3]) -> [usize; 3] {
        [levels[0].held(), levels[1].held(), levels[2].held()]
    }

    fn room(levels: &[Level; 3]) -> Room<'_> {
        Room { connection: &levels[0], network: Some(&levels[1]), process: &levels[2] }
    }

    #[test]
    fn a_request_takes_room_at_every_level_or_at_none() {
        let levels = [100, 100, 50].map(Level::new);
        assert!(room(&levels).try_take(40));
        assert!(!room(&levels).try_take(40), "the process has no room");
        assert_eq!(held(&levels), [40, 40, 40]);
        room(&levels).give_back(40);
        assert_eq!(held(&levels), [0, 0, 0]);
        assert!(room(&levels).try_take(80), "a request that is alone gets more than the limit");
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_room_that_is_given_back() {
        let levels = [100, 100, 100].map(Level::new);
        assert!(room(&levels).try_take(100));
        let mut first = pin!(async { room(&levels).take(50).await });
        let mut second = pin!(async { room(&levels).take(50).await });
        assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
        room(&levels).give_back(100);
        // One notification is enough for both.
        first.await;
        second.await;
        assert_eq!(held(&levels), [100, 100, 100]);
    }

    #[tokio::test]
    async fn a_request_that_stops_waiting_gives_back_what_it_has_and_wakes_the_next() {
        let levels = [100, 100, 100].map(Level::new);
        levels[2].take_anyway(100);
        let mut waiting = Box::pin(async { room(&levels).take(60).await });
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(held(&levels), [60, 60, 100], "it waits for the process");
        let mut next = pin!(async { room(&levels).take(60).await });
        assert!(futures_util::poll!(&mut next).is_pending(), "it waits for the connection");
        drop(waiting);
        levels[2].give_back(100);
        assert_eq!(futures_util::poll!(&mut next), Poll::Ready(()));
        assert_eq!(held(&levels), [60, 60, 60]);
    }

    #[test]
    fn an_answer_counts_its_length_and_at_least_its_stream() {
        let levels = [1 << 20, 1 << 20, 1 << 20].map(Level::new);
        for (length, counts) in [(Some(0), LEAST), (Some(50_000), 50_000), (None, STREAM)] {
            assert!(room(&levels).try_take(READ));
            assert_eq!(room(&levels).settle(READ, length, false), Some(counts));
            assert_eq!(held(&levels), [counts; 3]);
            room(&levels).give_back(counts);
        }
    }

    #[test]
    fn an_answer_without_room_is_refused_unless_it_must_be_sent() {
        let levels = [1000, 100_000, 100_000].map(Level::new);
        levels[1].take_anyway(50_000);
        assert!(room(&levels).try_take(READ));
        let before = held(&levels);
        assert_eq!(room(&levels).settle(READ, Some(60_000), false), None);
        assert_eq!(held(&levels), before, "a refused answer takes nothing");
        assert_eq!(room(&levels).settle(READ, Some(60_000), true), Some(60_000));
        assert_eq!(held(&levels), [60_000, 110_000, 60_000]);
        assert!(!room(&levels).try_take(READ), "the next request waits");
    }
}
