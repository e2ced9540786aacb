//! `WakeUps`. A store whose instances are all in one process has none, and keeps these promises by that.

use super::log::{append, event};
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::{self, clauses},
    harness::Need,
    world,
};
use skep_application::{
    events::EventsStore,
    kernel::{Announcement, StoreError, WakeUpListener},
};

clauses! { clauses of "wake_ups" on dyn EventsStore:
    what_a_commit_announces_is_sent_once ["Signaling 4"],
    an_instance_receives_what_another_one_sends ["WakeUps 1"],
    a_listener_that_is_cut_off_is_replaced ["WakeUps 2"] {Need::Cut},
}

type Given = clause::Given<dyn EventsStore>;

const JOBS: Announcement = Announcement { jobs: true, events: false, placed: false, schedules: false };
const EVENTS: Announcement = Announcement { events: true, ..none() };
const PLACED: Announcement = Announcement { placed: true, ..none() };

const fn none() -> Announcement {
    Announcement { jobs: false, events: false, placed: false, schedules: false }
}

async fn what_a_commit_announces_is_sent_once(given: &Given) -> Checked {
    let signals = given.store.signals();
    equal(signals.take_unsent(), none())?;
    append(&*given.store, &[event(world::uuid(), 1)]).await?;
    signals.announce(PLACED);
    equal(signals.take_unsent(), EVENTS.and(PLACED))?;
    equal(signals.take_unsent(), none())
}

/// Waits until this was received, and returns it with all that came before.
async fn until(listener: &mut dyn WakeUpListener, wanted: Announcement) -> Result<Announcement, StoreError> {
    let mut received = none();
    while received.and(wanted) != received {
        received = received.and(listener.next().await?);
    }
    Ok(received)
}

async fn an_instance_receives_what_another_one_sends(given: &Given) -> Checked {
    let second = given.second().await?;
    let (Some(one), Some(other)) = (given.store.wake_ups(), second.wake_ups()) else { return Ok(()) };
    let (mut first, mut second) = (one.listen().await?, other.listen().await?);
    one.send(JOBS).await?;
    equal(until(&mut *second, JOBS).await?, JOBS)?;
    other.send(EVENTS).await?;
    other.send(PLACED).await?;
    equal(until(&mut *first, EVENTS.and(PLACED)).await?, EVENTS.and(PLACED))
}

async fn a_listener_that_is_cut_off_is_replaced(given: &Given) -> Checked {
    let second = given.second().await?;
    let (Some(one), Some(other)) = (given.store.wake_ups(), second.wake_ups()) else { return Ok(()) };
    let mut listener = one.listen().await?;
    given.faults().cut_connections().await?;
    let failed = loop {
        match listener.next().await {
            Ok(announcement) => holds(announcement.is_empty(), format!("nothing was sent: {announcement:?}"))?,
            Err(error) => break error,
        }
    };
    holds(matches!(failed, StoreError::Unavailable(_) | StoreError::Retry(_)), format!("{failed:?}"))?;
    let mut opened = None;
    for _ in 0..20 {
        // An idle connection may be dead, too.
        if let Ok(listener) = one.listen().await {
            opened = Some(listener);
            break;
        }
    }
    let mut listener = some(opened, "a listener after the cut")?;
    other.send(JOBS).await?;
    equal(until(&mut *listener, JOBS).await.map_err(Failure::from)?, JOBS)
}
