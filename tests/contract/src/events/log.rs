//! `EventLog` and `EventQueries`.

use crate::{
    check::{Checked, duplicate, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{commit, look},
    world,
};
use skep_application::{
    events::{
        EventsStore, LogEnds, PlaceEvents, PlacedEvent,
        constraints::{EVENT_POSITION, POSITION_OF_EVENT},
    },
    kernel::{OutboxEvent, StoreError},
};
use skep_domain::{
    events::EventPosition,
    shared::{EventId, Timestamp, Version},
};
use std::{collections::BTreeMap, sync::Arc};

clauses! { clauses of "event_log" on dyn EventsStore:
    a_committed_event_is_unplaced_until_it_is_placed ["EventLog 2"],
    positions_are_dense_and_follow_the_last_one ["EventLog 4"],
    an_event_has_one_position_and_a_position_one_event,
    earlier_versions_come_with_later_ones ["EventLog 3"],
    racing_instances_place_each_event_once ["EventLog 1", "EventQueries 1"],
    an_event_that_is_committed_late_comes_after_those_that_were_read ["EventQueries 1"],
    the_last_position_before_a_time ["EventLog 5"],
    an_event_of_a_clock_in_the_past_does_not_end_the_old_ones ["EventLog 5"],
    a_commit_wakes_those_who_wait_for_events ["Signaling 2"],
    events_that_every_subscription_has_passed_are_swept ["EventLog 6"],
}

type Given = clause::Given<dyn EventsStore>;

pub(super) fn at(position: i64) -> EventPosition {
    EventPosition::new(position).unwrap_or(EventPosition::START)
}

/// An event of an aggregate at a version.
pub(super) fn event(aggregate_id: uuid::Uuid, version: i64) -> OutboxEvent {
    let aggregate_version = Version::new(version).unwrap_or(Version::FIRST);
    OutboxEvent { aggregate_id, aggregate_version, ..sample::event() }
}

pub(super) async fn append(store: &dyn EventsStore, events: &[OutboxEvent]) -> Checked {
    commit!(store, tx => {
        for event in events {
            tx.outbox().append(event).await?;
        }
    })?;
    Ok(())
}

/// Places all events, as the relay does.
pub(super) async fn place_all(store: &Arc<dyn EventsStore>) -> Result<usize, StoreError> {
    let place = PlaceEvents::new(store.clone(), world::runtime());
    let mut placed = 0;
    loop {
        match place.execute().await? {
            0 => break Ok(placed),
            some => placed += some,
        }
    }
}

async fn placed(given: &Given) -> Checked<Vec<PlacedEvent>> {
    Ok(given.store.list_placed(EventPosition::START, 1_000).await?)
}

async fn a_committed_event_is_unplaced_until_it_is_placed(given: &Given) -> Checked {
    let (event, undone) = (event(world::uuid(), 1), event(world::uuid(), 1));
    look!(given.store, tx => tx.outbox().append(&undone).await?)?;
    append(&*given.store, std::slice::from_ref(&event)).await?;
    equal(given.store.count_unplaced(10).await?, 1)?;
    equal((placed(given).await?, given.store.find_placed(event.id).await?), (vec![], None))?;
    equal(place_all(&given.store).await?, 1)?;
    let expected = PlacedEvent { position: at(1), event };
    equal(given.store.find_placed(expected.event.id).await?, Some(expected.clone()))?;
    equal((placed(given).await?, given.store.count_unplaced(10).await?), (vec![expected], 0))?;
    equal(place_all(&given.store).await?, 0)?;
    // A unit that asks after an unknown outcome leaves no event.
    look!(given.store, tx => tx.outbox().settle(undone.id).await?)?;
    commit!(given.store, tx => tx.outbox().settle(undone.id).await?)?;
    equal((place_all(&given.store).await?, given.store.log_ends().await?.last), (0, at(1)))
}

async fn positions_are_dense_and_follow_the_last_one(given: &Given) -> Checked {
    equal(given.store.log_ends().await?, LogEnds { swept: EventPosition::START, last: EventPosition::START })?;
    let events: Vec<_> = (0..7).map(|_| event(world::uuid(), 1)).collect();
    append(&*given.store, &events[..4]).await?;
    place_all(&given.store).await?;
    append(&*given.store, &events[4..]).await?;
    place_all(&given.store).await?;
    let expected: Vec<_> =
        (1..).zip(events).map(|(position, event)| PlacedEvent { position: at(position), event }).collect();
    equal(placed(given).await?, expected.clone())?;
    equal(given.store.list_placed(at(2), 3).await?, expected[2..5].to_vec())?;
    equal(given.store.list_placed(at(7), 3).await?, vec![])?;
    equal(given.store.log_ends().await?, LogEnds { swept: EventPosition::START, last: at(7) })
}

async fn an_event_has_one_position_and_a_position_one_event(given: &Given) -> Checked {
    let events = [event(world::uuid(), 1), event(world::uuid(), 1)];
    append(&*given.store, &events).await?;
    let first = commit!(given.store, tx => {
        let last = tx.log().lock().await?.last;
        tx.log().place(&[(events[0].id, last.next())]).await?;
        last.next()
    })?;
    for (id, position, rule) in [(events[1].id, first, EVENT_POSITION), (events[0].id, first.next(), POSITION_OF_EVENT)]
    {
        let mut tx = crate::units::write(&*given.store).await?;
        tx.log().lock().await?;
        duplicate(tx.log().place(&[(id, position)]).await, rule)?;
    }
    Ok(())
}

/// The id of the first version is the greatest, so a limit cuts it off.
async fn earlier_versions_come_with_later_ones(given: &Given) -> Checked {
    let (aggregate, other) = (world::uuid(), world::uuid());
    let events = [event(aggregate, 3), event(other, 1), event(aggregate, 1), event(aggregate, 2), event(aggregate, 4)];
    append(&*given.store, &events).await?;
    let unplaced = look!(given.store, tx => {
        tx.log().lock().await?;
        tx.log().list_unplaced(1).await?
    })?;
    let mut versions: Vec<_> =
        unplaced.iter().map(|event| (event.aggregate_id, event.aggregate_version.get())).collect();
    versions.sort_unstable();
    equal(versions, vec![(aggregate, 1), (aggregate, 2), (aggregate, 3)])?;
    place_all(&given.store).await?;
    let order: Vec<_> = placed(given).await?.iter().map(|placed| placed.event.aggregate_version.get()).collect();
    equal(order, vec![1, 1, 2, 3, 4])
}

async fn racing_instances_place_each_event_once(given: &Given) -> Checked {
    const WRITERS: i64 = 4;
    const EVENTS: i64 = 15;
    let start = Arc::new(tokio::sync::Barrier::new(6));
    let mut writers = vec![];
    let aggregates: Vec<_> = (0..WRITERS).map(|_| world::uuid()).collect();
    for aggregate in &aggregates {
        let (store, start, aggregate) = (given.store.clone(), start.clone(), *aggregate);
        writers.push(tokio::spawn(async move {
            start.wait().await;
            for version in 1..=EVENTS {
                let event = event(aggregate, version);
                commit!(store, tx => tx.outbox().append(&event).await?)?;
            }
            Ok::<_, StoreError>(())
        }));
    }
    let relays: Vec<_> = (0..2)
        .map(|_| {
            let (store, start) = (given.store.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                let mut placed = 0;
                while placed < 10 {
                    placed += place_all(&store).await?;
                    tokio::task::yield_now().await;
                    if store.log_ends().await?.last.get() >= 20 {
                        break;
                    }
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in writers.into_iter().chain(relays) {
        task.await??;
    }
    place_all(&given.store).await?;
    let placed = placed(given).await?;
    let positions: Vec<_> = placed.iter().map(|placed| placed.position.get()).collect();
    equal(positions, (1..=WRITERS * EVENTS).collect())?;
    let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for PlacedEvent { event, .. } in &placed {
        versions.entry(event.aggregate_id).or_default().push(event.aggregate_version.get());
    }
    equal(versions.len(), aggregates.len())?;
    holds(versions.values().all(|versions| *versions == (1..=EVENTS).collect::<Vec<_>>()), "each aggregate is in order")
}

/// A unit that began before the others is committed after they were read.
async fn an_event_that_is_committed_late_comes_after_those_that_were_read(given: &Given) -> Checked {
    let events = [event(world::uuid(), 1), event(world::uuid(), 1)];
    // A store with one writer at a time lets the second unit wait.
    let late = async {
        let mut tx = crate::units::write(&*given.store).await?;
        tx.outbox().append(&events[0]).await?;
        Ok::<_, StoreError>(tx)
    };
    let tx = late.await?;
    let second = {
        let (store, event) = (given.store.clone(), events[1].clone());
        tokio::spawn(async move { commit!(store, tx => tx.outbox().append(&event).await?) })
    };
    let quick = tokio::time::timeout(std::time::Duration::from_millis(200), async {
        while given.store.count_unplaced(1).await? == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok::<_, StoreError>(())
    });
    let was_quick = quick.await.is_ok();
    if was_quick {
        place_all(&given.store).await?;
    }
    tx.commit().await?;
    second.await??;
    place_all(&given.store).await?;
    let order: Vec<_> = placed(given).await?.iter().map(|placed| (placed.position.get(), placed.event.id)).collect();
    let expected = if was_quick { [events[1].id, events[0].id] } else { [events[0].id, events[1].id] };
    equal(order, vec![(1, expected[0]), (2, expected[1])])
}

pub(super) fn made_at(millis: i64) -> OutboxEvent {
    OutboxEvent {
        id: EventId::first_at(sample::at(millis)),
        occurred_at: sample::at(millis),
        ..event(world::uuid(), 1)
    }
}

async fn the_last_position_before_a_time(given: &Given) -> Checked {
    let events: Vec<_> = [10, 20, 30].into_iter().map(made_at).collect();
    append(&*given.store, &events).await?;
    place_all(&given.store).await?;
    for (millis, expected) in [(0, 0), (10, 0), (11, 1), (21, 2), (30, 2), (31, 3), (999, 3)] {
        let last = look!(given.store, tx => tx.log().last_before(sample::at(millis)).await?)?;
        equal((millis, last.get()), (millis, expected))?;
    }
    Ok(())
}

/// Among the ids of the first three events, 21 alone would be the end of the old ones for its time, and 5 for any.
async fn an_event_of_a_clock_in_the_past_does_not_end_the_old_ones(given: &Given) -> Checked {
    for millis in [20, 30, 40, 5, 21] {
        append(&*given.store, &[made_at(millis)]).await?;
        place_all(&given.store).await?;
    }
    for (millis, expected) in [(10, 0), (21, 1), (25, 1), (31, 2), (41, 5)] {
        let last = look!(given.store, tx => tx.log().last_before(sample::at(millis)).await?)?;
        equal((millis, last.get()), (millis, expected))?;
    }
    Ok(())
}

async fn events_that_every_subscription_has_passed_are_swept(given: &Given) -> Checked {
    let events: Vec<_> = [1, 2, 3, 4, 5, 6].into_iter().map(made_at).collect();
    append(&*given.store, &events[..5]).await?;
    place_all(&given.store).await?;
    append(&*given.store, &events[5..]).await?;
    let sweep = async |until: Timestamp, passed: i64, limit: u32| {
        commit!(given.store, tx => {
            tx.log().lock().await?;
            tx.log().sweep(until, at(passed), limit).await?
        })
    };
    let left =
        async || -> Checked<Vec<i64>> { Ok(placed(given).await?.iter().map(|placed| placed.position.get()).collect()) };
    equal((sweep(sample::at(0), 9, 9).await?, left().await?), (0, vec![1, 2, 3, 4, 5]))?;
    equal((sweep(sample::at(99), 0, 9).await?, left().await?), (0, vec![1, 2, 3, 4, 5]))?;
    equal((sweep(sample::at(99), 3, 2).await?, left().await?), (2, vec![3, 4, 5]))?;
    equal(given.store.log_ends().await?.swept, at(2))?;
    equal((sweep(sample::at(4), 9, 9).await?, left().await?), (2, vec![5]))?;
    equal((sweep(sample::at(99), 9, 9).await?, left().await?), (1, vec![]))?;
    equal(given.store.log_ends().await?, LogEnds { swept: at(5), last: at(5) })?;
    let left = look!(given.store, tx => tx.log().last_before(sample::at(0)).await?)?;
    equal(left, at(5))?;
    equal(given.store.count_unplaced(9).await?, 1)?;
    equal(place_all(&given.store).await?, 1)?;
    let only = some(placed(given).await?.pop(), "the event that had no position")?;
    equal((only.position, only.event), (at(6), events[5].clone()))
}

/// Each wait ends, because the commit comes before it or while it lasts.
async fn a_commit_wakes_those_who_wait_for_events(given: &Given) -> Checked {
    let signal = &given.store.signals().events;
    let (events, seen) = ([event(world::uuid(), 1), event(world::uuid(), 1)], signal.seen());
    append(&*given.store, &events[..1]).await?;
    signal.later_than(seen).await;
    let seen = signal.seen();
    let (appended, ()) = tokio::join!(append(&*given.store, &events[1..]), signal.later_than(seen));
    appended
}
