//! `Outbox` and `OutboxQueries`.

use super::Events;
use crate::{
    check::{Checked, Failure, duplicate, equal},
    clause::{self, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::{OutboxEvent, StoreError};
use skep_domain::shared::{Timestamp, UserId, Version};
use std::time::Duration;
use uuid::Uuid;

clauses! { clauses of "outbox" on dyn Events:
    values_survive,
    an_undone_event_is_not_there ["Outbox 1"],
    an_event_is_stored_once ["Outbox 2"],
    events_are_listed_by_id,
    a_committed_event_is_settled_as_stored ["Outbox 3"],
    an_undone_event_is_settled_as_not_stored ["Outbox 3"],
    settling_leaves_no_trace ["Outbox 3"],
    an_event_that_was_settled_cannot_be_stored_later ["Outbox 3"],
}

type Given = clause::Given<dyn Events>;

async fn append(given: &Given, event: &OutboxEvent) -> Checked {
    commit!(given.store, tx => tx.outbox().append(event).await?)?;
    Ok(())
}

async fn values_survive(given: &Given) -> Checked {
    let plain = sample::event();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let full = OutboxEvent {
        name: "ordering.order_placed.v1".into(),
        aggregate_version: Version::new(i64::MAX).unwrap_or(Version::FIRST),
        actor_id: Some(sample::user_id()),
        impersonator_id: Some(UserId::new(Uuid::max())),
        request_id: "🐝 req \"1\"".into(),
        traceparent: Some(traceparent),
        occurred_at: Timestamp::MAX,
        // The payload is kept as text: the order of names, spaces and the format of numbers must not change.
        payload: format!(
            "{{\"z\": 1.0, \"a\":9007199254740993,  \"$b\": \"{}\", \"a\": null}}",
            "é🐝\\u0000".repeat(9_000)
        ),
        ..sample::event()
    };
    let early =
        OutboxEvent { occurred_at: Timestamp::MIN, aggregate_id: Uuid::nil(), payload: "{}".into(), ..sample::event() };
    for event in [&plain, &full, &early] {
        append(given, event).await?;
    }
    equal(given.store.queries().list_events(None, 10).await?, vec![plain, full, early])
}

async fn an_undone_event_is_not_there(given: &Given) -> Checked {
    for rolled_back in [true, false] {
        let mut tx = units::write(&*given.store).await?;
        tx.outbox().append(&sample::event()).await?;
        if rolled_back {
            tx.rollback().await?
        } else {
            drop(tx)
        }
        equal(given.store.queries().list_events(None, 10).await?, vec![])?;
    }
    Ok(())
}

async fn an_event_is_stored_once(given: &Given) -> Checked {
    let event = sample::event();
    append(given, &event).await?;
    let again = OutboxEvent { id: event.id, ..sample::event() };
    let mut tx = units::write(&*given.store).await?;
    duplicate(tx.outbox().append(&again).await, skep_application::kernel::constraints::EVENT_ID)?;
    drop(tx);
    equal(given.store.queries().list_events(None, 10).await?, vec![event])
}

async fn events_are_listed_by_id(given: &Given) -> Checked {
    let mut events: Vec<_> = (0..20).map(|_| sample::event()).collect();
    events.sort_by_key(|event| event.id.uuid().as_bytes()[15]);
    append_all(given, &events).await?;
    events.sort_by_key(|event| event.id);
    equal(given.store.queries().list_events(None, 100).await?, events.clone())?;
    equal(given.store.queries().list_events(None, 7).await?, events[..7].to_vec())?;
    equal(given.store.queries().list_events(Some(events[6].id), 7).await?, events[7..14].to_vec())?;
    equal(given.store.queries().list_events(Some(events[18].id), 7).await?, events[19..].to_vec())?;
    equal(given.store.queries().list_events(Some(events[19].id), 7).await?, vec![])?;
    equal(given.store.queries().list_events(None, 0).await?, vec![])
}

pub(super) async fn settle(store: &dyn Events, event: &OutboxEvent) -> Checked<bool> {
    Ok(commit!(store, tx => tx.outbox().settle(event.id).await?)?)
}

async fn a_committed_event_is_settled_as_stored(given: &Given) -> Checked {
    let event = sample::event();
    append(given, &event).await?;
    equal(settle(&*given.store, &event).await?, true)?;
    let second = given.second().await?;
    equal(look!(second, tx => tx.outbox().settle(event.id).await?)?, true)?;
    let own = sample::event();
    let seen = commit!(given.store, tx => {
        tx.outbox().append(&own).await?;
        tx.outbox().settle(event.id).await?
    })?;
    equal(seen, true)
}

async fn an_undone_event_is_settled_as_not_stored(given: &Given) -> Checked {
    equal(settle(&*given.store, &sample::event()).await?, false)?;
    for rolled_back in [true, false] {
        let event = sample::event();
        let mut tx = units::write(&*given.store).await?;
        tx.outbox().append(&event).await?;
        if rolled_back {
            tx.rollback().await?
        } else {
            drop(tx)
        }
        equal(settle(&*given.store, &event).await?, false)?;
    }
    Ok(())
}

async fn settling_leaves_no_trace(given: &Given) -> Checked {
    let event = sample::event();
    for _ in 0..3 {
        equal(settle(&*given.store, &event).await?, false)?;
        equal(given.store.queries().list_events(None, 10).await?, vec![])?;
    }
    append(given, &event).await?;
    equal(given.store.queries().list_events(None, 10).await?, vec![event])
}

/// A late attempt may append its event after another unit has settled that event as not stored. The append must fail.
async fn an_event_that_was_settled_cannot_be_stored_later(given: &Given) -> Checked {
    let event = sample::event();
    let mut settling = units::write(&*given.store).await?;
    equal(settling.outbox().settle(event.id).await?, false)?;
    let mut late = {
        let (second, event) = (given.second().await?, event.clone());
        tokio::spawn(async move { commit!(second, tx => tx.outbox().append(&event).await?) })
    };
    // The late append is expected to wait, so a short timeout is enough.
    if let Ok(early) = tokio::time::timeout(Duration::from_millis(300), &mut late).await {
        match early? {
            Err(StoreError::Retry(_) | StoreError::Unavailable(_)) => {
                settling.outbox().append(&event).await?;
                settling.commit().await?;
                return equal(given.store.queries().list_events(None, 10).await?, vec![event]);
            }
            other => return Err(Failure::new(format!("the append did not wait: {other:?}"))),
        }
    }
    settling.outbox().append(&event).await?;
    settling.commit().await?;
    duplicate(late.await?, skep_application::kernel::constraints::EVENT_ID)?;
    equal(given.store.queries().list_events(None, 10).await?, vec![event])
}

async fn append_all(given: &Given, events: &[OutboxEvent]) -> Checked {
    commit!(given.store, tx => {
        for event in events {
            tx.outbox().append(event).await?;
        }
    })?;
    Ok(())
}
