//! The mock world of events.

use super::{MockUnit, Seen, World};
use crate::events::{EventsMocks, LogEnds};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldState, Subscription},
    shared::EventId,
};

/// The ends of a log, a subscription, and what it holds back.
#[derive(Clone)]
pub struct Feed {
    /// The ends of the log.
    pub ends: LogEnds,
    /// The last position before any time that is asked for.
    pub last_before: EventPosition,
    /// The only subscription, if there is one.
    pub subscription: Option<Subscription>,
    /// The subscriptions that are behind any position that is asked for.
    pub behind: Vec<Subscription>,
    /// The number of replays that are not finished.
    pub replays: u64,
    /// The events that it holds back, in the order of their positions.
    pub held: Vec<HeldEvent>,
    /// The events that it has received.
    pub received: Vec<EventId>,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl Default for Feed {
    fn default() -> Self {
        let start = EventPosition::START;
        Self {
            ends: LogEnds { swept: start, last: start },
            last_before: start,
            subscription: None,
            behind: vec![],
            replays: 0,
            held: vec![],
            received: vec![],
            seen: Seen::default(),
        }
    }
}

impl World for Feed {
    type Mocks = EventsMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<EventsMocks> {
        let mut unit: MockUnit<EventsMocks> = self.seen.looking();
        let Self { ends, last_before, subscription, behind, replays, held, seen, .. } = self.clone();
        let note = seen.clone();
        unit.log.expect_lock().returning(move || {
            note.note("log.lock", &[()]);
            Ok(ends)
        });
        unit.log.expect_last_before().returning(move |_| Ok(last_before));
        let subscriptions = Vec::from_iter(subscription);
        let live: Vec<_> = subscriptions.iter().filter(|one| one.replay.is_none()).cloned().collect();
        unit.deliveries.expect_find().returning(seen.finds("deliveries.find", subscriptions, |one| one.id));
        let note = seen.clone();
        unit.deliveries.expect_find_live().returning(move |name| {
            note.note("deliveries.find_live", std::slice::from_ref(name));
            Ok(live.iter().find(|one| one.subscriber == *name).cloned())
        });
        let note = seen.clone();
        unit.deliveries.expect_list_behind().returning(move |position, _| {
            note.note("deliveries.list_behind", &[position]);
            Ok(behind.clone())
        });
        unit.deliveries.expect_count_replays().returning(move |bound| Ok(replays.min(bound.into())));
        let (all, count) = (held.clone(), held.len() as u64);
        unit.deliveries.expect_find_held().returning(seen.finds("deliveries.find_held", held, |held| held.id));
        unit.deliveries.expect_count_held().returning(move |_, bound| Ok(count.min(bound.into())));
        let blocked = all.clone();
        unit.deliveries.expect_held_aggregates().returning(move |_, asked| {
            Ok(asked.iter().filter(|id| blocked.iter().any(|held| held.aggregate_id == **id)).copied().collect())
        });
        // What was released is no longer held back.
        let note = seen;
        unit.deliveries.expect_next_held().returning(move |_, aggregate| {
            let released = note.all::<HeldEvent>("deliveries.release_held");
            let is_next =
                |held: &&HeldEvent| held.aggregate_id == aggregate && !released.iter().any(|other| other.id == held.id);
            Ok(all.iter().find(is_next).cloned())
        });
        unit
    }

    fn open(&self) -> MockUnit<EventsMocks> {
        let (mut unit, seen, received) = (self.looking(), &self.seen, self.received.clone());
        unit.deliveries.expect_insert().returning(seen.stores("deliveries.insert"));
        unit.deliveries.expect_delete().returning(seen.stores("deliveries.delete"));
        unit.deliveries.expect_save().returning(seen.saves("deliveries.save", |one: &Subscription| one.version));
        unit.deliveries
            .expect_save_held()
            .returning(seen.saves("deliveries.save_held", |held: &HeldEvent| held.version));
        unit.deliveries.expect_release_held().returning(seen.stores("deliveries.release_held"));
        unit.deliveries.expect_hold().returning(seen.stores_many("deliveries.hold"));
        let note = seen.clone();
        unit.deliveries.expect_receive().returning(move |_, events, _| {
            note.note("deliveries.receive", events);
            Ok(events.iter().filter(|event| !received.contains(event)).copied().collect())
        });
        seen.writes(&mut unit);
        unit
    }
}

impl Feed {
    /// The states of the events that are held back, as the units of work have saved them last.
    #[must_use]
    pub fn saved_states(&self) -> Vec<HeldState> {
        self.seen.all::<HeldEvent>("deliveries.save_held").iter().map(|held| held.state).collect()
    }
}
