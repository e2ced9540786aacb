//! The events of subscriptions. Only changes that a caller makes have events.

use super::{HeldEventId, SubscriberName, SubscriptionId};
use crate::shared::{EventId, events};

events! {
    /// A subscriber gets events again. Their effects happen a second time.
    ReplayStarted = "events.replay_started.v1" of subscription_id {
        /// The subscription of the replay.
        subscription_id: SubscriptionId,
        /// The name that the subscriber is registered with.
        subscriber: SubscriberName,
        /// The events after this position are delivered.
        after: i64,
        /// The last event that is delivered.
        until: i64,
    }

    /// A subscriber, or a replay of one, that was broken off gets events again.
    SubscriptionResumed = "events.subscription_resumed.v1" of subscription_id {
        /// The subscription that was broken off.
        subscription_id: SubscriptionId,
        /// The name that the subscriber is registered with.
        subscriber: SubscriberName,
        /// The last event that the subscriber had passed.
        position: i64,
        /// The events after this position are delivered. Those between the two positions were deleted.
        after: i64,
    }

    /// A replay has ended early, or a subscriber that no program has any more was removed.
    SubscriptionDeleted = "events.subscription_deleted.v1" of subscription_id {
        /// The subscription that was deleted, with the events that it held back.
        subscription_id: SubscriptionId,
        /// The name that the subscriber is registered with.
        subscriber: SubscriberName,
        /// The last event that the subscription had passed.
        position: i64,
        /// The end of the replay; `null` for the subscription that followed the log.
        until: Option<i64>,
    }

    /// An event that was held back is tried again.
    HeldEventRetried = "events.held_event_retried.v1" of held_event_id {
        /// The entry of the event that was held back.
        held_event_id: HeldEventId,
        /// The subscription that holds it back.
        subscription_id: SubscriptionId,
        /// The event that was not handled.
        event_id: EventId,
    }

    /// An event that was held back is not delivered. The next event of its aggregate is.
    HeldEventSkipped = "events.held_event_skipped.v1" of held_event_id {
        /// The entry of the event that was held back.
        held_event_id: HeldEventId,
        /// The subscription that held it back.
        subscription_id: SubscriptionId,
        /// The event that was not handled.
        event_id: EventId,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::assert_payload;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn published_payloads_do_not_change() {
        let (uuid, other, event) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let (held_event_id, subscription_id) = (HeldEventId::new(uuid), SubscriptionId::new(other));
        let subscriber = SubscriberName::parse("shop.mails").unwrap();
        let payload = json!({ "subscription_id": other, "subscriber": "shop.mails", "after": 3, "until": 9 });
        let started = ReplayStarted { subscription_id, subscriber: subscriber.clone(), after: 3, until: 9 };
        assert_payload(&started, other, &payload);
        let payload = json!({ "subscription_id": other, "subscriber": "shop.mails", "position": 3, "after": 9 });
        let resumed = SubscriptionResumed { subscription_id, subscriber: subscriber.clone(), position: 3, after: 9 };
        assert_payload(&resumed, other, &payload);
        let payload = json!({ "subscription_id": other, "subscriber": "shop.mails", "position": 3, "until": 9 });
        let deleted = SubscriptionDeleted { subscription_id, subscriber, position: 3, until: Some(9) };
        assert_payload(&deleted, other, &payload);
        let payload = json!({ "held_event_id": uuid, "subscription_id": other, "event_id": event });
        let event_id = EventId::new(event);
        assert_payload(&HeldEventRetried { held_event_id, subscription_id, event_id }, uuid, &payload);
        assert_payload(&HeldEventSkipped { held_event_id, subscription_id, event_id }, uuid, &payload);
    }
}
