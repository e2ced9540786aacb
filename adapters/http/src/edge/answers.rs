//! The requests of one connection that are not over: whom each of them waits for, and since when.

use super::networks::Usage;
use std::sync::Arc;

/// Identifies a request among those of its connection.
pub(crate) type AnswerId = u32;

/// The requests of a connection. A connection has few of them, so they are searched one by one.
///
/// Times are those of the connection's clock.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    open: Vec<UnsentAnswer>,
    last: AnswerId,
}

/// A request from its head to the last byte of its answer in the socket.
#[derive(Debug)]
pub(crate) struct UnsentAnswer {
    id: AnswerId,
    /// The time since which the client could have read the next piece.
    since: u64,
    /// The pieces that hyper has queued.
    pieces: u32,
    /// Whether the handler or the source of the answer works, so that the client cannot read anything.
    waits_for_us: bool,
    /// Whether the answer may have further pieces.
    is_open: bool,
    /// The bytes of room that the request holds.
    pub(crate) held: usize,
    /// The network of its client, if the room of that network is limited.
    pub(crate) network: Option<Arc<Usage>>,
}

impl Answers {
    /// Adds a request. It waits for the server.
    pub(crate) fn begin(&mut self) -> AnswerId {
        self.last = self.last.wrapping_add(1);
        let (id, waits_for_us, is_open) = (self.last, true, true);
        self.open.push(UnsentAnswer { id, since: 0, pieces: 0, waits_for_us, is_open, held: 0, network: None });
        id
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn get(&mut self, id: AnswerId) -> Option<&mut UnsentAnswer> {
        self.open.iter_mut().find(|answer| answer.id == id)
    }

    /// Notes that the request waits for the server (`true`), or for the client to read (`false`).
    pub(crate) fn wait_for_us(&mut self, id: AnswerId, us: bool, now: u64) {
        if let Some(answer) = self.get(id)
            && answer.waits_for_us != us
        {
            answer.waits_for_us = us;
            if answer.pieces == 0 {
                answer.since = now;
            }
        }
    }

    /// Notes that hyper has queued a piece.
    pub(crate) fn queued(&mut self, id: AnswerId, now: u64) {
        if let Some(answer) = self.get(id) {
            if answer.pieces == 0 {
                answer.since = now;
            }
            answer.pieces += 1;
            answer.waits_for_us = false;
        }
    }

    /// Notes that a piece is in the socket. Returns the answer if it is over.
    pub(crate) fn sent(&mut self, id: AnswerId, now: u64) -> Option<UnsentAnswer> {
        let answer = self.get(id)?;
        answer.pieces = answer.pieces.saturating_sub(1);
        answer.since = now;
        self.take_if_over(id)
    }

    /// Notes that no further piece comes. Returns the answer if it is over.
    pub(crate) fn close(&mut self, id: AnswerId) -> Option<UnsentAnswer> {
        self.get(id)?.is_open = false;
        self.take_if_over(id)
    }

    fn take_if_over(&mut self, id: AnswerId) -> Option<UnsentAnswer> {
        let at = self.open.iter().position(|answer| answer.id == id)?;
        let is_over = !self.open[at].is_open && self.open[at].pieces == 0;
        is_over.then(|| self.open.swap_remove(at))
    }

    /// The earliest time since which a client could have read and has not. `None` if all requests wait for the server.
    ///
    /// Each answer has its own time, so nothing else that the client does on the connection renews it.
    pub(crate) fn unread_since(&self) -> Option<u64> {
        let unread = self.open.iter().filter(|answer| answer.pieces > 0 || !answer.waits_for_us);
        unread.map(|answer| answer.since).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_piece_in_the_socket_renews_the_time_of_its_answer() {
        let mut answers = Answers::default();
        let (slow, quick) = (answers.begin(), answers.begin());
        assert_eq!(answers.unread_since(), None, "both wait for the server");
        answers.wait_for_us(slow, false, 10);
        answers.queued(slow, 11);
        answers.queued(slow, 12);
        assert_eq!(answers.unread_since(), Some(11));
        // Another answer on the connection goes through.
        answers.queued(quick, 50);
        assert!(answers.close(quick).is_none(), "its piece is not in the socket");
        assert_eq!(answers.sent(quick, 60).map(|answer| answer.id), Some(quick));
        assert_eq!(answers.unread_since(), Some(11));
        answers.sent(slow, 70);
        assert_eq!(answers.unread_since(), Some(70));
    }

    #[test]
    fn a_source_that_waits_has_no_time_unless_a_piece_is_unread() {
        let mut answers = Answers::default();
        let id = answers.begin();
        answers.queued(id, 5);
        answers.wait_for_us(id, true, 6);
        assert_eq!(answers.unread_since(), Some(5));
        answers.sent(id, 7);
        assert_eq!(answers.unread_since(), None);
        answers.queued(id, 90);
        assert_eq!(answers.unread_since(), Some(90));
    }

    #[test]
    fn an_answer_is_over_when_its_last_piece_is_in_the_socket() {
        let mut answers = Answers::default();
        let id = answers.begin();
        answers.queued(id, 1);
        answers.queued(id, 1);
        assert!(answers.close(id).is_none() && answers.sent(id, 2).is_none() && !answers.is_empty());
        assert!(answers.sent(id, 3).is_some() && answers.is_empty());
    }
}
