//! Subscriptions, and what they hold back, outside a unit of work.

use super::{
    deliveries::held_by,
    documents::{HeldEventDoc, SubscriptionDoc},
    indexes::{CREATED, DUE, HELD_AT, HELD_STATES, live, retryable},
};
use crate::{
    ops::{List, Query, SortField},
    record::date,
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Document, doc};
use skep_application::{
    events::{DeliveryQueries, HeldSort, HeldSortKey},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    events::{HeldEvent, HeldEventId, HeldState, Subscription, SubscriptionId},
    shared::Timestamp,
};

/// The field that events which are held back are sorted by, and its index.
const fn field(key: HeldSortKey) -> SortField {
    match key {
        HeldSortKey::HeldAt => SortField::time(HELD_AT.name, "held_at"),
    }
}

#[async_trait]
impl DeliveryQueries for MongoStore {
    async fn list_subscriptions(&self, limit: u32) -> Result<Vec<Subscription>, StoreError> {
        let newest = |of: Document| Query::of(of).along(CREATED.name).by(doc! { "created_at": -1, "_id": -1 });
        let mut reader = self.read().await?;
        let mut found = reader.find::<SubscriptionDoc>(newest(live()).at_most(limit)).await?;
        let rest = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if rest > 0 {
            let replays = newest(doc! { "replay_until": { "$ne": null } });
            found.extend(reader.find::<SubscriptionDoc>(replays.at_most(rest)).await?);
        }
        Ok(found)
    }

    async fn find_subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        self.read().await?.by_id::<SubscriptionDoc>(id.uuid()).await
    }

    async fn list_due(
        &self,
        subscription: SubscriptionId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<HeldEvent>, StoreError> {
        let mut due = retryable();
        due.extend(held_by(subscription));
        due.insert("ready_at", doc! { "$lte": date(now) });
        let due = Query::of(due).along(DUE.name).by(doc! { "ready_at": 1, "_id": 1 });
        self.read().await?.find::<HeldEventDoc>(due.at_most(limit)).await
    }

    async fn list_held_events(
        &self,
        state: HeldState,
        sort: HeldSort,
        page: &PageRequest,
    ) -> Result<Page<HeldEvent>, StoreError> {
        let list = List::of(field(sort.key), sort.direction).within(doc! { "state": state.name() });
        self.read().await?.page::<HeldEventDoc>(&list, page, |held| sort.key.position(held)).await
    }

    async fn find_held_event(&self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError> {
        self.read().await?.by_id::<HeldEventDoc>(id.uuid()).await
    }

    async fn count_held_events(
        &self,
        subscription: SubscriptionId,
        bound: u32,
    ) -> Result<Vec<(HeldState, u64)>, StoreError> {
        let (mut reader, mut counts) = (self.read().await?, vec![]);
        for state in HeldState::ALL {
            let mut held = held_by(subscription);
            held.insert("state", state.name());
            counts.push((*state, reader.count::<HeldEventDoc>(held, HELD_STATES.name, bound.into()).await?));
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record as _;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in HeldSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(HeldEventDoc::COLLECTION, name, &["state", field, "_id"]), "{name}");
        }
    }
}
