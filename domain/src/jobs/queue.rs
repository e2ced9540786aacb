//! Queues: where jobs wait.

use super::QueueName;
use crate::shared::{Described, Kind, Timestamp, Version, typed_id};

typed_id! {
    /// Identifies a queue in events. Clients use its name.
    QueueId
}

/// How many jobs of a queue run at a time, over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Concurrency(u32);

impl Concurrency {
    /// A queue of which no job may run is paused instead.
    pub const MIN: i64 = 1;
    /// More than any deployment needs.
    pub const MAX: i64 = 10_000;

    /// The limit with this number; `None` if it is too small or too great.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        u32::try_from(number).ok().filter(|_| (Self::MIN..=Self::MAX).contains(&number)).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How many further jobs may run beside `running` ones.
    #[must_use]
    pub fn room(self, running: u64) -> u32 {
        u32::try_from(running).map_or(0, |running| self.0.saturating_sub(running))
    }
}

impl Described for Concurrency {
    const KIND: Kind = u32::KIND;
}

/// The settings of a queue. A queue without a row has no limit and is not paused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Queue {
    /// The identifier.
    pub id: QueueId,
    /// The name that jobs and clients use; unique.
    pub name: QueueName,
    /// Since when no job of the queue is claimed; `None` if jobs are claimed. Jobs that run go on.
    pub paused_at: Option<Timestamp>,
    /// How many of its jobs run at a time; `None` if only the workers limit that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// When the settings last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Queue {
    /// A queue that is not paused and has no limit.
    #[must_use]
    pub const fn create(id: QueueId, name: QueueName, now: Timestamp) -> Self {
        Self { id, name, paused_at: None, concurrency: None, updated_at: now, version: Version::FIRST }
    }

    /// Stops further claims. Returns `false` if the queue was paused already.
    pub fn pause(&mut self, now: Timestamp) -> bool {
        if self.paused_at.is_some() {
            return false;
        }
        self.updated_at = now.not_before(self.updated_at);
        self.paused_at = Some(self.updated_at);
        true
    }

    /// Allows claims again. Returns `false` if the queue was not paused.
    pub fn resume(&mut self, now: Timestamp) -> bool {
        if self.paused_at.take().is_none() {
            return false;
        }
        self.updated_at = now.not_before(self.updated_at);
        true
    }

    /// Limits further claims. Jobs that run go on. Returns `false` if the limit stays the same.
    pub fn limit(&mut self, concurrency: Option<Concurrency>, now: Timestamp) -> bool {
        if self.concurrency == concurrency {
            return false;
        }
        self.concurrency = concurrency;
        self.updated_at = now.not_before(self.updated_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn only_a_real_change_is_one() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let mut queue = Queue::create(QueueId::new(Uuid::nil()), QueueName::default(), at(10));
        assert!(!queue.resume(at(20)));
        assert!(queue.pause(at(20)) && !queue.pause(at(30)));
        assert_eq!((queue.paused_at, queue.updated_at), (Some(at(20)), at(20)));
        assert!(queue.resume(at(5)), "also if the clock stepped back");
        assert_eq!((queue.paused_at, queue.updated_at), (None, at(20)));
        let two = Concurrency::new(2);
        assert!(!queue.limit(None, at(30)) && queue.limit(two, at(30)) && !queue.limit(two, at(40)));
        assert_eq!((queue.concurrency, queue.updated_at), (two, at(30)));
        assert!(queue.limit(None, at(5)));
        assert_eq!((queue.concurrency, queue.updated_at), (None, at(30)));
    }

    #[test]
    fn a_limit_is_a_number_of_jobs() {
        let numbers = [i64::MIN, -1, 0, 1, 10_000, 10_001, i64::MAX];
        let limits: Vec<_> = numbers.into_iter().filter_map(Concurrency::new).map(Concurrency::get).collect();
        assert_eq!(limits, [1, 10_000]);
    }

    proptest! {
        #[test]
        fn as_many_jobs_run_as_the_limit_allows(number in 1..=10_000_i64, running in prop_oneof![0..20_000_u64, any::<u64>()]) {
            let limit = Concurrency::new(number).unwrap();
            let room = limit.room(running);
            prop_assert!(room == 0 || u64::from(room) + running == u64::from(limit.get()));
            prop_assert_eq!(room == 0, running >= u64::from(limit.get()));
        }
    }
}
