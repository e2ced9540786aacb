//! The order of events.

use crate::shared::{EventId, Version};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The place of a committed event in the log. Positions are dense: they count from 1 without gaps. An event gets its
/// position after its commit, so that an event that is read later never has a lower position (E1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EventPosition(i64);

impl EventPosition {
    /// The place before the first event.
    pub const START: Self = Self(0);

    /// A stored position; `None` below 0.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number < 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many events lie between this position and an `earlier` one, that one not counted; 0 if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// A committed event that has no position yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnplacedEvent {
    /// The event.
    pub id: EventId,
    /// The aggregate that has changed.
    pub aggregate_id: Uuid,
    /// The version of the aggregate after the change.
    pub aggregate_version: Version,
}

/// Orders events: by their ids, which is about the order of time, but the events of one aggregate by their versions
/// (E2). Ids are made before the first attempt of a unit, so the ids of two changes of an aggregate may be in the wrong
/// order; the versions never are.
#[must_use]
pub fn in_order(mut events: Vec<UnplacedEvent>) -> Vec<UnplacedEvent> {
    events.sort_unstable_by_key(|event| event.id);
    let mut by_aggregate: BTreeMap<Uuid, Vec<UnplacedEvent>> = BTreeMap::new();
    for event in &events {
        by_aggregate.entry(event.aggregate_id).or_default().push(*event);
    }
    for of_one in by_aggregate.values_mut() {
        // The last one is taken first.
        of_one.sort_unstable_by_key(|event| std::cmp::Reverse((event.aggregate_version, event.id)));
    }
    let next = |event: &UnplacedEvent| by_aggregate.get_mut(&event.aggregate_id).and_then(Vec::pop);
    events.iter().filter_map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(id: u128, aggregate: u128, version: i64) -> UnplacedEvent {
        UnplacedEvent {
            id: EventId::new(Uuid::from_u128(id)),
            aggregate_id: Uuid::from_u128(aggregate),
            aggregate_version: Version::new(version).unwrap(),
        }
    }

    #[test]
    fn versions_decide_within_an_aggregate_and_ids_between_them() {
        let events = vec![event(4, 1, 1), event(1, 1, 2), event(2, 2, 1), event(3, 3, 9)];
        let ordered: Vec<_> = in_order(events).iter().map(|event| event.id.uuid().as_u128()).collect();
        assert_eq!(ordered, [4, 2, 3, 1]);
    }

    #[test]
    fn positions_count_from_one() {
        let first = EventPosition::START.next();
        assert_eq!((first.get(), first.since(EventPosition::START), EventPosition::START.since(first)), (1, 1, 0));
        assert_eq!(EventPosition::new(-1), None);
    }

    proptest! {
        #[test]
        fn every_event_stays_and_versions_ascend(events in prop::collection::vec((0..6_u128, 1..9_i64), 0..40)) {
            let events: Vec<_> =
                (0..).zip(events).map(|(id, (aggregate, version))| event(id, aggregate, version)).collect();
            let ordered = in_order(events.clone());
            let mut ids: Vec<_> = ordered.iter().map(|event| event.id).collect();
            ids.sort();
            prop_assert_eq!(ids, events.iter().map(|event| event.id).collect::<Vec<_>>());
            for aggregate in 0..6 {
                let of_one = ordered.iter().filter(|event| event.aggregate_id == Uuid::from_u128(aggregate));
                let versions: Vec<_> = of_one.map(|event| event.aggregate_version).collect();
                prop_assert!(versions.is_sorted());
            }
        }
    }
}
