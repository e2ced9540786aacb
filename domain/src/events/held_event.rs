//! Events that a subscriber could not handle yet.

use super::{EventPosition, SubscriptionId};
use crate::{
    jobs::Backoff,
    shared::{EventId, Timestamp, Version, named, typed_id},
};
use uuid::Uuid;

typed_id! {
    /// Identifies an event that is held back for a subscription.
    HeldEventId
}

/// What happens to the later events of the same aggregate when a subscriber fails to handle one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They wait, so that the events of an aggregate are handled in their order.
    BlockAggregate,
    /// They are handled.
    GoOn,
}

named! {
    /// Why an event is held back.
    HeldState {
        /// It failed, and is tried again.
        Retryable = "retryable",
        /// It waits for an earlier event of its aggregate.
        Waiting = "waiting",
        /// It failed too often. An operator retries or skips it.
        Parked = "parked",
    }
}

/// An event that a subscription has passed without having handled it (E4).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeldEvent {
    /// The identifier.
    pub id: HeldEventId,
    /// The subscription that holds it back.
    pub subscription_id: SubscriptionId,
    /// The event that was not handled.
    pub event_id: EventId,
    /// The position of the event.
    pub position: EventPosition,
    /// The aggregate of the event.
    pub aggregate_id: Uuid,
    /// Why it is held back.
    pub state: HeldState,
    /// The number of failed attempts.
    pub attempt: u32,
    /// The earliest time of the next attempt.
    pub ready_at: Timestamp,
    /// Why the last attempt failed, in at most [`HeldEvent::MESSAGE_MAX`] bytes; empty before the first one.
    pub message: String,
    /// When it was held back first.
    pub held_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl HeldEvent {
    /// The greatest length of a message, in bytes.
    pub const MESSAGE_MAX: usize = 4 * 1024;
    /// After so many failed attempts, an event is parked.
    pub const ATTEMPTS: u32 = 10;

    /// An event that waits for an earlier one of its aggregate.
    #[must_use]
    pub const fn waiting(
        id: HeldEventId,
        subscription_id: SubscriptionId,
        (event_id, position): (EventId, EventPosition),
        aggregate_id: Uuid,
        now: Timestamp,
    ) -> Self {
        let (state, version) = (HeldState::Waiting, Version::FIRST);
        Self {
            id,
            subscription_id,
            event_id,
            position,
            aggregate_id,
            state,
            attempt: 0,
            ready_at: now,
            message: String::new(),
            held_at: now,
            version,
        }
    }

    /// Notes a failed attempt. `fraction` is random, for the pause before the next one.
    pub fn fail(&mut self, mut message: String, (backoff, fraction): (Backoff, f64), now: Timestamp) {
        message.truncate(message.floor_char_boundary(Self::MESSAGE_MAX));
        self.message = message;
        self.attempt = self.attempt.saturating_add(1);
        if self.attempt >= Self::ATTEMPTS {
            self.state = HeldState::Parked;
        } else {
            let pause = i64::try_from(backoff.pause(self.attempt, fraction).as_millis()).unwrap_or(i64::MAX);
            (self.state, self.ready_at) = (HeldState::Retryable, now.plus_millis(pause));
        }
    }

    /// Lets the event be tried at once, with all its attempts: an operator wants it, or the earlier event of its aggregate
    /// is no longer held back.
    pub fn retry(&mut self, now: Timestamp) {
        (self.state, self.attempt, self.ready_at) = (HeldState::Retryable, 0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    #[test]
    fn an_event_that_fails_too_often_is_parked_until_an_operator_retries_it() {
        let (id, subscription) = (HeldEventId::new(Uuid::nil()), SubscriptionId::new(Uuid::nil()));
        let event = (EventId::new(Uuid::nil()), EventPosition::START.next());
        let mut held = HeldEvent::waiting(id, subscription, event, Uuid::nil(), at(10));
        assert_eq!(held.state, HeldState::Waiting);
        held.fail("é".repeat(HeldEvent::MESSAGE_MAX), (Backoff::USUAL, 0.5), at(20));
        assert_eq!((held.state, held.ready_at, held.message.len()), (HeldState::Retryable, at(2_520), 4_096));
        for _ in 1..HeldEvent::ATTEMPTS {
            assert_eq!(held.state, HeldState::Retryable);
            held.fail("no reason".to_owned(), (Backoff::USUAL, 0.0), at(30));
        }
        assert_eq!((held.state, held.attempt, held.message.as_str()), (HeldState::Parked, 10, "no reason"));
        held.retry(at(40));
        assert_eq!((held.state, held.attempt, held.ready_at), (HeldState::Retryable, 0, at(40)));
    }
}
