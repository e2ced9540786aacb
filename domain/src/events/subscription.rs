//! How far a subscriber has come.

use super::EventPosition;
use crate::shared::{Fenced, Lease, LeaseToken, Timestamp, Version, named, string_type, typed_id};

typed_id! {
    /// Identifies a subscription. Each replay has its own, so that its effects happen again.
    SubscriptionId
}

string_type! {
    /// The name of a subscriber: 1 to 100 lowercase ASCII letters, digits, `_`, `-` and `.`.
    SubscriberName
}

/// The text is not the name of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 100 lowercase letters, digits, `_`, `-` and `.`")]
pub struct InvalidSubscriberName;

impl SubscriberName {
    /// The greatest length, in bytes.
    pub const MAX: usize = 100;
    /// The form of a name as a regular expression, for interfaces. The length is limited besides.
    pub const PATTERN: &str = "^[a-z0-9_.-]+$";

    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidSubscriberName`].
    pub fn parse(text: &str) -> Result<Self, InvalidSubscriberName> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.');
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSubscriberName) }
    }
}

named! {
    /// Whether a subscription goes on.
    SubscriptionState {
        /// It gets events.
        Active = "active",
        /// A replay that has come to its end.
        Finished = "finished",
        /// It was so far behind that the events after its position were deleted. An operator resumes it.
        Broken = "broken",
    }
}

/// A second reading of events that a subscriber has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Replay {
    /// The last event of the replay.
    pub until: EventPosition,
}

/// The position of a subscriber in the log of events, and the process that delivers to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    /// The identifier.
    pub id: SubscriptionId,
    /// The name that the subscriber is registered with.
    pub subscriber: SubscriberName,
    /// The end of the replay; `None` for the subscription that follows the log.
    pub replay: Option<Replay>,
    /// Each event up to here was handled, is held back, or was not wanted (E4).
    pub position: EventPosition,
    /// Whether it goes on.
    pub state: SubscriptionState,
    /// The process that delivers to it. The stored answer of a command does not have it.
    #[serde(skip)]
    pub lease: Option<Lease>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its position last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Subscription {
    /// A subscription that begins after `position`.
    #[must_use]
    pub const fn create(
        id: SubscriptionId,
        subscriber: SubscriberName,
        position: EventPosition,
        replay: Option<Replay>,
        now: Timestamp,
    ) -> Self {
        let (state, version) = (SubscriptionState::Active, Version::FIRST);
        Self { id, subscriber, replay, position, state, lease: None, created_at: now, updated_at: now, version }
    }

    /// Gives the subscription to a process. Returns whether this process has it now, also if an earlier attempt with the
    /// same token was stored.
    pub fn claim(&mut self, token: LeaseToken) -> bool {
        if self.lease.is_none() && self.state == SubscriptionState::Active {
            self.lease = Some(Lease::new(token));
        }
        self.lease.is_some_and(|lease| lease.token == token)
    }

    /// Whether the event at this position is delivered. A replay has a last event (E6).
    #[must_use]
    pub fn includes(&self, position: EventPosition) -> bool {
        self.replay.is_none_or(|replay| position <= replay.until)
    }

    /// Notes that the events up to `position` are delivered, and that the process lives. The position never goes back.
    /// That of a replay does not go beyond its end.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn advance(&mut self, token: LeaseToken, position: EventPosition, now: Timestamp) -> Result<(), Fenced> {
        Lease::of(&mut self.lease, token)?.renew();
        let position = self.replay.map_or(position, |replay| position.min(replay.until));
        if position > self.position {
            self.position = position;
            self.updated_at = now.not_before(self.updated_at);
        }
        Ok(())
    }

    /// Whether a replay has passed its last event. It may still hold some back.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.replay.is_some_and(|replay| self.position >= replay.until)
    }

    /// Finishes a replay that has passed its last event and holds none back. Returns whether it has.
    pub fn finish(&mut self, holds_back: bool, now: Timestamp) -> bool {
        let is_done = self.state == SubscriptionState::Active && self.is_at_end() && !holds_back;
        if is_done {
            (self.state, self.lease) = (SubscriptionState::Finished, None);
            self.updated_at = now.not_before(self.updated_at);
        }
        is_done
    }

    /// The process gives the subscription back, because it stops.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn release(&mut self, token: LeaseToken) -> Result<(), Fenced> {
        Lease::of(&mut self.lease, token)?;
        self.lease = None;
        Ok(())
    }

    /// The process is gone, whose last known lease is `seen`.
    ///
    /// # Errors
    /// [`Fenced`] if it lives, or another process has the subscription.
    pub fn rescue(&mut self, seen: Lease) -> Result<(), Fenced> {
        if self.lease != Some(seen) {
            return Err(Fenced);
        }
        self.lease = None;
        Ok(())
    }

    /// Breaks a subscription that is not finished, because events after its position are about to be deleted (E5).
    pub fn break_off(&mut self, now: Timestamp) {
        if self.state == SubscriptionState::Active {
            (self.state, self.lease) = (SubscriptionState::Broken, None);
            self.updated_at = now.not_before(self.updated_at);
        }
    }

    /// Whether a program has the subscriber: a process delivers to the subscription that follows the log. A replay may
    /// end at any time.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        self.replay.is_none() && self.lease.is_some()
    }

    /// Lets a broken subscription go on after `earliest`, the last event that was deleted, or after its own position if
    /// that is later. A replay that has no event left is at its end. Returns whether it was broken.
    pub fn resume(&mut self, earliest: EventPosition, now: Timestamp) -> bool {
        let was_broken = self.state == SubscriptionState::Broken;
        if was_broken {
            self.state = SubscriptionState::Active;
            let earliest = self.replay.map_or(earliest, |replay| earliest.min(replay.until));
            self.position = self.position.max(earliest);
            self.updated_at = now.not_before(self.updated_at);
        }
        was_broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn position(number: i64) -> EventPosition {
        EventPosition::new(number).unwrap()
    }

    fn token(number: u128) -> LeaseToken {
        LeaseToken::new(Uuid::from_u128(number))
    }

    fn subscription(replay: Option<Replay>) -> Subscription {
        let (id, name) = (SubscriptionId::new(Uuid::nil()), SubscriberName::parse("shop.mails").unwrap());
        Subscription::create(id, name, position(3), replay, at(10))
    }

    #[test]
    fn one_process_delivers_at_a_time_and_an_earlier_one_is_fenced_off() {
        let mut subscription = subscription(None);
        assert!(subscription.claim(token(1)) && !subscription.claim(token(2)));
        subscription.advance(token(1), position(5), at(20)).unwrap();
        assert_eq!(subscription.rescue(Lease::new(token(1))), Err(Fenced), "it has advanced since");
        let seen = subscription.lease.unwrap();
        assert!(subscription.rescue(seen).is_ok() && subscription.claim(token(2)));
        assert_eq!(subscription.advance(token(1), position(6), at(30)), Err(Fenced));
        assert_eq!((subscription.position, subscription.updated_at), (position(5), at(20)));
        subscription.release(token(2)).unwrap();
        assert_eq!(subscription.lease, None);
    }

    #[test]
    fn a_position_never_goes_back() {
        let mut subscription = subscription(None);
        subscription.claim(token(1));
        subscription.advance(token(1), position(2), at(20)).unwrap();
        assert_eq!((subscription.position, subscription.updated_at), (position(3), at(10)));
        assert_eq!(subscription.lease.unwrap().beat, 1, "the process lives");
    }

    #[test]
    fn a_replay_has_no_event_after_its_last_one_and_is_finished_when_it_holds_none_back() {
        let mut replay = subscription(Some(Replay { until: position(5) }));
        replay.claim(token(1));
        replay.advance(token(1), position(4), at(20)).unwrap();
        assert!(!replay.is_at_end() && !replay.finish(false, at(20)));
        assert!(replay.includes(position(5)) && !replay.includes(position(6)));
        replay.advance(token(1), position(7), at(30)).unwrap();
        assert_eq!((replay.position, replay.is_at_end()), (position(5), true));
        assert!(!replay.finish(true, at(30)), "an event that is held back is still tried");
        assert_eq!((replay.state, replay.lease.is_some()), (SubscriptionState::Active, true));
        assert!(replay.finish(false, at(40)));
        assert_eq!((replay.state, replay.lease, replay.updated_at), (SubscriptionState::Finished, None, at(40)));
        assert!(!replay.claim(token(2)) && !replay.finish(false, at(50)));
        replay.break_off(at(50));
        assert_eq!(replay.state, SubscriptionState::Finished);
        let live = subscription(None);
        assert!(live.includes(position(1_000)) && !live.is_at_end());
    }

    #[test]
    fn a_broken_subscription_gets_no_events() {
        let mut subscription = subscription(None);
        subscription.claim(token(1));
        subscription.break_off(at(20));
        assert_eq!((subscription.state, subscription.lease), (SubscriptionState::Broken, None));
        assert!(!subscription.claim(token(2)));
    }

    #[test]
    fn a_broken_subscription_goes_on_after_the_events_that_were_deleted() {
        for (swept, after) in [(9, 9), (2, 3)] {
            let mut subscription = subscription(None);
            assert!(!subscription.resume(position(swept), at(20)), "it is not broken");
            assert_eq!(subscription.position, position(3));
            subscription.break_off(at(20));
            assert!(subscription.resume(position(swept), at(30)) && subscription.claim(token(1)));
            assert_eq!((subscription.position, subscription.updated_at), (position(after), at(30)));
        }
        let mut replay = subscription(Some(Replay { until: position(5) }));
        replay.break_off(at(20));
        assert!(replay.resume(position(9), at(30)));
        assert_eq!((replay.position, replay.is_at_end()), (position(5), true));
    }

    #[test]
    fn a_subscription_that_a_process_delivers_to_is_in_use_unless_it_is_a_replay() {
        for (replay, is_in_use) in [(None, true), (Some(Replay { until: position(5) }), false)] {
            let mut subscription = subscription(replay);
            assert!(!subscription.is_in_use());
            subscription.claim(token(1));
            assert_eq!(subscription.is_in_use(), is_in_use);
        }
    }

    #[test]
    fn names_are_words() {
        assert!(SubscriberName::parse("shop.order-mails_2").is_ok());
        for text in ["", "A", "a b", "ä", &"a".repeat(101)] {
            assert_eq!(SubscriberName::parse(text), Err(InvalidSubscriberName), "{text}");
        }
    }
}
