use super::subscriptions::SUBSCRIPTIONS;
use crate::{
    Value,
    testing::{Answer, Fake, at},
};
use skep_application::{
    events::{DeliveryQueries, DeliveryRepository, EventLog},
    kernel::{StoreError, Transaction, TxMode, Units},
};
use skep_domain::{
    events::{EventPosition, HeldEventId, Replay, SubscriberName, Subscription, SubscriptionId},
    shared::{EventId, Lease, LeaseToken},
};
use uuid::Uuid;

fn subscription() -> Subscription {
    let (id, name) = (SubscriptionId::new(Uuid::from_u128(1)), SubscriberName::stored("shop.mails".to_owned()));
    let replay = Some(Replay { until: EventPosition::START.next() });
    let lease = Some(Lease::new(LeaseToken::new(Uuid::from_u128(2))));
    Subscription { lease, ..Subscription::create(id, name, EventPosition::START, replay, at(0)) }
}

#[tokio::test]
async fn a_unit_that_writes_locks_what_it_finds() {
    let writes = ["events.subscription.lock", "events.subscription.lock_live", "events.held_event.lock"];
    let reads = ["events.subscription.find", "events.subscription.find_live", "events.held_event.find"];
    for (mode, names) in [(TxMode::Write, writes), (TxMode::Read, reads)] {
        let row = || Answer::Rows(vec![SUBSCRIPTIONS.row_of(&subscription())]);
        let fake = Fake::answering([row(), row(), Answer::Rows(vec![])]);
        let mut unit = fake.store().open(mode, &[]).await.unwrap();
        assert_eq!(unit.find(subscription().id).await.unwrap(), Some(subscription()));
        assert_eq!(unit.find_live(&subscription().subscriber).await.unwrap(), Some(subscription()));
        assert_eq!(unit.find_held(HeldEventId::new(Uuid::nil())).await.unwrap(), None);
        assert_eq!(fake.log(), names);
    }
}

#[tokio::test]
async fn an_event_that_is_deleted_meanwhile_gets_no_position() {
    let fake = Fake::answering([Answer::Changed(2), Answer::Changed(1)]);
    let mut unit = fake.store().open(TxMode::Write, &[]).await.unwrap();
    let first = EventPosition::START.next();
    let events = [(EventId::new(Uuid::from_u128(1)), first), (EventId::new(Uuid::from_u128(2)), first.next())];
    let placed = unit.place(&events).await;
    assert!(matches!(placed, Err(StoreError::Stale)), "{placed:?}");
    assert_eq!(fake.log(), ["events.position.insert", "events.unplaced_event.delete"]);
    assert!(Box::new(unit).commit().await.is_err());
}

#[tokio::test]
async fn a_contradictory_subscription_is_corrupt() {
    let place = |name: &str| SUBSCRIPTIONS.columns.iter().position(|column| column.name == name).unwrap();
    for (column, value, named) in [
        ("lease_beat", Value::Null, "lease_beat"),
        ("lease_token", Value::Null, "lease_beat"),
        ("position", Value::Int(-1), "position"),
        ("replay_until", Value::Int(-1), "replay_until"),
        ("state", "asleep".into(), "state"),
    ] {
        let mut row = SUBSCRIPTIONS.row_of(&subscription());
        row[place(column)] = value;
        let found = Fake::answering([Answer::Rows(vec![row])]).store().list_subscriptions(1).await;
        let Err(StoreError::Corrupt(why)) = found else { panic!("{column}: {found:?}") };
        assert!(why.to_string().contains(named), "{column}: {why}");
    }
}
