//! Queues: where jobs wait.

use super::QueueName;
use crate::shared::{Timestamp, Version, typed_id};

typed_id! {
    /// Identifies a queue in events. Clients use its name.
    QueueId
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
    /// When the settings last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Queue {
    /// A queue that is not paused.
    #[must_use]
    pub const fn create(id: QueueId, name: QueueName, now: Timestamp) -> Self {
        Self { id, name, paused_at: None, updated_at: now, version: Version::FIRST }
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
}

#[cfg(test)]
mod tests {
    use super::*;
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
    }
}
