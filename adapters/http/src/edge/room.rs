//! Room for answers: how many bytes of answers may wait for clients to read them.
//!
//! A request takes room before its work, in three levels: its connection, the network of its client, and the process.
//! It keeps the room until the last byte of its answer is in the socket. The whole answer counts until then, because
//! its memory is one block, which stays until its last piece is gone.
//!
//! A part of the room of the process is kept for networks that hold little. So networks that do not read their answers
//! stop each other, and not those that do.
//!
//! An answer of a read that turns out larger waits for room. Until then it is in memory and holds none, so such answers
//! are limited to a quarter as many bytes again as each level may hold.

use metrics::Gauge;
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify},
    time::timeout,
};

/// The bytes that a request takes before its work if it only reads. Most answers are smaller.
pub(super) const READ: usize = 16 << 10;

/// The bytes that any other request takes before its work. The answer of a change is sent even if it turns out larger,
/// so this limits how many such answers can be made at the same time.
pub(super) const CHANGE: usize = 64 << 10;

/// A network that holds at most this many bytes, with the request, may take what is kept. 16 reads at once fit.
const LITTLE: usize = 16 * READ;

/// The bytes that an answer counts beside its body: the memory of its stream, its task and its head.
pub(super) const BESIDE: usize = 8 << 10;

/// The bytes that an answer of unknown length counts. Such an answer is made while it is sent, so no more of it exists
/// than hyper queues, and the piece that follows.
const STREAM: usize = 128 << 10;

/// A number of bytes that may be taken, and the requests that wait for them in the order of arrival.
#[derive(Debug)]
pub(crate) struct Level {
    limit: usize,
    /// The part of the limit that only requests of networks that hold little may take.
    kept: usize,
    held: AtomicUsize,
    /// The number of requests that wait.
    waiting: AtomicUsize,
    /// The bytes of answers that are made and wait. They are in memory, and `held` does not count them.
    made: AtomicUsize,
    /// The first request of the line holds it and waits for `freed`.
    line: Mutex<()>,
    freed: Notify,
    gauge: Gauge,
}

impl Level {
    pub(crate) fn new(limit: usize) -> Self {
        Self::measured(limit, Gauge::noop())
    }

    /// A level that shows its held bytes in the gauge.
    pub(crate) fn measured(limit: usize, gauge: Gauge) -> Self {
        let [held, waiting, made] = [0; 3].map(AtomicUsize::new);
        Self { limit, kept: 0, held, waiting, made, line: Mutex::default(), freed: Notify::new(), gauge }
    }

    /// The same level, of which a quarter is kept for networks that hold little.
    pub(crate) fn keeping_a_quarter(self) -> Self {
        Self { kept: self.limit / 4, ..self }
    }

    /// Takes the bytes for a request that holds `own` already, unless that would pass the limit. A request that is
    /// alone gets room in any case, so that a low limit makes requests wait for each other and does not refuse them
    /// forever.
    fn try_take(&self, bytes: usize, own: usize, holds_little: bool) -> bool {
        let limit = if holds_little { self.limit } else { self.limit - self.kept };
        // In one order with `waiting`: a waiter announces itself and then looks for room; `give_back` makes room and
        // then looks for waiters.
        let taken = self.held.fetch_update(SeqCst, SeqCst, |held| {
            let sum = held.saturating_add(bytes);
            (sum <= limit || held <= own).then_some(sum)
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
        if self.has_line() {
            self.freed.notify_one();
        }
    }

    fn has_line(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    /// Waits in line for the bytes and takes them. They are given back when the result is dropped, unless it is kept.
    async fn take(&self, bytes: usize, own: usize) -> Held<'_> {
        let _waiting = Added::new(&self.waiting, 1);
        let _first = self.line.lock().await;
        while !self.try_take(bytes, own, false) {
            // If room was made since the look above, the notification is stored, and this returns at once.
            self.freed.notified().await;
        }
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

/// What was added to a count. Dropping it subtracts that again.
struct Added<'a> {
    count: &'a AtomicUsize,
    amount: usize,
}

impl<'a> Added<'a> {
    fn new(count: &'a AtomicUsize, amount: usize) -> Self {
        count.fetch_add(amount, SeqCst);
        Self { count, amount }
    }

    /// `None` if the count would pass the limit. It may do so from zero.
    fn within(limit: usize, count: &'a AtomicUsize, amount: usize) -> Option<Self> {
        let added = count.fetch_update(SeqCst, SeqCst, |before| {
            let after = before.saturating_add(amount);
            (before == 0 || after <= limit).then_some(after)
        });
        added.ok().map(|_| Self { count, amount })
    }
}

impl Drop for Added<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(self.amount, SeqCst);
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
    /// The level of the connection. `None` if many clients share it.
    pub(crate) connection: Option<&'a Level>,
    /// The level of the client's network. `None` if that network is not counted.
    pub(crate) network: Option<&'a Level>,
    pub(crate) process: &'a Level,
}

impl Room<'_> {
    fn levels(&self) -> impl Iterator<Item = &Level> {
        self.connection.into_iter().chain(self.shared())
    }

    /// The levels that a request shares with other connections.
    fn shared(&self) -> impl Iterator<Item = &Level> {
        self.network.into_iter().chain(std::iter::once(self.process))
    }

    /// Whether the network of the client holds little, also with these bytes.
    fn holds_little(&self, bytes: usize) -> bool {
        self.network.is_some_and(|network| network.held.load(SeqCst).saturating_add(bytes) <= LITTLE)
    }

    /// Takes the bytes at all levels if they have room now and no earlier request waits for it. A request of a network
    /// that holds little does not wait behind those of others.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        let holds_little = self.holds_little(bytes);
        let own = self.connection.into_iter().chain(self.network);
        let has_line = own.chain((!holds_little).then_some(self.process)).any(Level::has_line);
        !has_line && try_take(self.levels(), bytes, 0, holds_little)
    }

    /// Waits for room at all levels and takes the bytes. If the wait is cancelled, nothing is taken.
    pub(crate) async fn take(&self, bytes: usize) {
        take(self.levels(), bytes, 0).await;
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.levels().for_each(|level| level.give_back(bytes));
    }

    /// Changes what a request holds from `held` to what its answer counts, and returns that. An answer that must be sent
    /// takes its bytes anyway. Any other waits if the levels that it shares with others do not have that much, and holds
    /// nothing meanwhile. `None` if the limit of time passes, or at once if the answers that wait have a quarter as many
    /// bytes as such a level may hold; then it holds nothing.
    ///
    /// The level of the connection is always passed: a client that reads gets several large answers at once, and one
    /// that does not read gets no further answer on this connection.
    pub(crate) async fn settle(
        &self,
        held: usize,
        length: Option<u64>,
        must_be_sent: bool,
        limit: Duration,
    ) -> Option<usize> {
        let length = length.map_or(STREAM, |length| usize::try_from(length).unwrap_or(usize::MAX / 4));
        let counts = length.saturating_add(BESIDE);
        if let Some(more) = counts.checked_sub(held).filter(|more| *more > 0) {
            if must_be_sent {
                self.shared().for_each(|level| level.take_anyway(more));
            } else if !try_take(self.shared(), more, held, self.holds_little(more)) {
                // An answer that waits holds nothing, so that answers never wait for each other.
                self.give_back(held);
                let made = self.shared().map(|level| Added::within(level.limit / 4, &level.made, counts));
                let _made = made.collect::<Option<Vec<_>>>()?;
                timeout(limit, take(self.shared(), counts, 0)).await.ok()?;
                self.connection.into_iter().for_each(|level| level.take_anyway(counts));
                return Some(counts);
            }
            self.connection.into_iter().for_each(|level| level.take_anyway(more));
        } else if held > counts {
            self.give_back(held - counts);
        }
        Some(counts)
    }
}

/// Takes further bytes for a request that holds `own`, at each of the levels or at none of them.
fn try_take<'a>(levels: impl Iterator<Item = &'a Level>, bytes: usize, own: usize, holds_little: bool) -> bool {
    let mut taken: [Option<Held<'_>>; 3] = [const { None }; 3];
    for (level, held) in levels.zip(&mut taken) {
        if !level.try_take(bytes, own, holds_little) {
            return false;
        }
        *held = Some(Held { level, bytes });
    }
    taken.into_iter().flatten().for_each(Held::keep);
    true
}

/// Waits for further bytes for a request that holds `own`, at one level after the other.
async fn take<'a>(levels: impl Iterator<Item = &'a Level>, bytes: usize, own: usize) {
    let mut taken: [Option<Held<'_>>; 3] = [const { None }; 3];
    for (level, held) in levels.zip(&mut taken) {
        *held = Some(level.take(bytes, own).await);
    }
    taken.into_iter().flatten().for_each(Held::keep);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Poll};
    use tokio::time::Instant;

    const WAIT: Duration = Duration::from_secs(5);

    fn held(levels: &[Level; 3]) -> [usize; 3] {
        [levels[0].held(), levels[1].held(), levels[2].held()]
    }

    fn room(levels: &[Level; 3]) -> Room<'_> {
        Room { connection: Some(&levels[0]), network: Some(&levels[1]), process: &levels[2] }
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

    #[tokio::test]
    async fn requests_get_room_in_the_order_of_arrival() {
        let levels = [100, 100, 100].map(Level::new);
        assert!(room(&levels).try_take(100));
        let mut large = pin!(async { room(&levels).take(80).await });
        let mut small = pin!(async { room(&levels).take(20).await });
        assert!(futures_util::poll!(&mut large).is_pending() && futures_util::poll!(&mut small).is_pending());
        room(&levels).give_back(60);
        assert!(futures_util::poll!(&mut large).is_pending() && futures_util::poll!(&mut small).is_pending());
        assert!(!room(&levels).try_take(20), "a new request does not overtake those that wait");
        room(&levels).give_back(40);
        assert!(futures_util::poll!(&mut small).is_pending(), "it is the turn of the large one");
        assert_eq!(futures_util::poll!(&mut large), Poll::Ready(()));
        assert_eq!(futures_util::poll!(&mut small), Poll::Ready(()));
        assert_eq!(held(&levels), [100, 100, 100]);
    }

    #[tokio::test]
    async fn a_wake_up_of_a_request_that_leaves_is_not_lost() {
        let levels = [100, 100, 100].map(Level::new);
        assert!(room(&levels).try_take(100));
        let mut large = Box::pin(async { room(&levels).take(80).await });
        let mut small = pin!(async { room(&levels).take(20).await });
        assert!(futures_util::poll!(&mut large).is_pending() && futures_util::poll!(&mut small).is_pending());
        room(&levels).give_back(60);
        drop(large);
        assert_eq!(futures_util::poll!(&mut small), Poll::Ready(()));
    }

    #[tokio::test]
    async fn an_answer_counts_its_length_and_its_stream() {
        let levels = [1 << 20, 1 << 20, 1 << 20].map(Level::new);
        for (length, counts) in [(Some(0), BESIDE), (Some(50_000), 50_000 + BESIDE), (None, STREAM + BESIDE)] {
            assert!(room(&levels).try_take(READ));
            assert_eq!(room(&levels).settle(READ, length, false, WAIT).await, Some(counts));
            assert_eq!(held(&levels), [counts; 3]);
            room(&levels).give_back(counts);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_room_is_refused_unless_it_must_be_sent() {
        let levels = [1000, 100_000, 100_000].map(Level::new);
        levels[1].take_anyway(50_000);
        assert!(room(&levels).try_take(READ));
        let start = Instant::now();
        assert_eq!(room(&levels).settle(READ, Some(60_000), false, WAIT).await, None);
        assert_eq!((start.elapsed(), held(&levels)), (WAIT, [0, 50_000, 0]), "a refused answer holds nothing");
        assert!(room(&levels).try_take(READ));
        let counts = 60_000 + BESIDE;
        assert_eq!(room(&levels).settle(READ, Some(60_000), true, WAIT).await, Some(counts));
        assert_eq!(held(&levels), [counts, 50_000 + counts, counts]);
        assert!(!room(&levels).try_take(READ), "the next request waits");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_room_if_others_that_wait_are_not_too_large() {
        let levels = [1_000_000, 1_000_000, 2_000_000].map(Level::new);
        assert!(room(&levels).try_take(READ) && room(&levels).try_take(READ));
        levels[1].take_anyway(950_000);
        // Two of them have less than half of what the network may hold, and more than a quarter.
        let (length, counts) = (Some(150_000), 150_000 + BESIDE);
        let mut first = pin!(async { room(&levels).settle(READ, length, false, WAIT).await });
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = pin!(async { room(&levels).settle(READ, length, false, WAIT).await });
        assert_eq!(futures_util::poll!(second), Poll::Ready(None), "the network has no memory for two");
        levels[1].give_back(950_000);
        assert_eq!(first.await, Some(counts));
        assert_eq!(held(&levels), [counts; 3]);
        assert_eq!([0, 1, 2].map(|at| levels[at].made.load(SeqCst)), [0; 3]);
    }

    #[tokio::test]
    async fn answers_that_need_more_room_do_not_wait_for_each_other() {
        let levels = [4 * READ, 2 * READ, 2 * READ].map(Level::new);
        let counts = 3 * READ / 2;
        let length = Some((counts - BESIDE) as u64);
        assert!(room(&levels).try_take(READ) && room(&levels).try_take(READ));
        let mut first = pin!(async { room(&levels).settle(READ, length, false, WAIT).await });
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = pin!(async { room(&levels).settle(READ, length, false, WAIT).await });
        assert_eq!(futures_util::poll!(second), Poll::Ready(Some(counts)), "the first one holds nothing");
        room(&levels).give_back(counts);
        assert_eq!(futures_util::poll!(&mut first), Poll::Ready(Some(counts)));
        assert_eq!(held(&levels), [counts; 3]);
    }

    #[tokio::test]
    async fn a_network_that_holds_little_gets_room_although_others_wait() {
        let process = Level::new(16 * LITTLE).keeping_a_quarter();
        let [greedy, modest] = [16 * LITTLE; 2].map(Level::new);
        let of = |network| Room { connection: None, network: Some(network), process: &process };
        assert!(of(&greedy).try_take(12 * LITTLE), "all that is not kept");
        assert!(!of(&greedy).try_take(READ));
        let mut waiting = pin!(async { of(&greedy).take(READ).await });
        assert!(futures_util::poll!(&mut waiting).is_pending());
        for _ in 0..16 {
            assert!(of(&modest).try_take(READ));
        }
        assert!(!of(&modest).try_take(READ), "it holds too much now, and the process has a line");
        of(&greedy).give_back(2 * LITTLE);
        assert_eq!(futures_util::poll!(&mut waiting), Poll::Ready(()));
    }
}
