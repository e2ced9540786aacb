//! The keys of this deployment, sealed. A purpose has one active key, at most one next key, and any number of retired
//! keys.

use crate::{
    ops::{Query, Update},
    record::{Record, Stored, Unreadable, binary, date, optional_time, time},
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::{StoreError, Transaction as _, TxMode, Units as _},
    operations::{InstanceKeys, KeyPurpose, KeyState, SealedKey},
};
use skep_domain::shared::Timestamp;
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct SealedKeyDoc {
    #[serde(rename = "_id")]
    id: String,
    purpose: String,
    state: String,
    expires_at: Option<DateTime>,
    sealed: Binary,
    created_at: DateTime,
}

impl Record for SealedKeyDoc {
    const COLLECTION: &'static str = "instance_keys";
    type Entity = SealedKey;
    fn read(self) -> Result<SealedKey, Unreadable> {
        Ok(SealedKey {
            purpose: KeyPurpose::from_name(&self.purpose).ok_or("unknown purpose")?,
            state: KeyState::from_parts(&self.state, optional_time(self.expires_at)?).ok_or("unknown state")?,
            id: self.id,
            sealed: self.sealed.bytes,
            created_at: time(self.created_at)?,
        })
    }
}

impl Stored for SealedKeyDoc {
    fn of(key: &SealedKey) -> Self {
        Self {
            id: key.id.clone(),
            purpose: key.purpose.name().to_owned(),
            state: key.state.name().to_owned(),
            expires_at: key.state.expires_at().map(date),
            sealed: binary(&key.sealed),
            created_at: date(key.created_at),
        }
    }
}

#[async_trait]
impl InstanceKeys for MongoStore {
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        let query = Query::of(doc! {}).by(doc! { "created_at": 1, "_id": 1 });
        self.read().await?.find::<SealedKeyDoc>(query).await
    }

    async fn insert_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut executor = self.read().await?;
        let in_its_place =
            doc! { "purpose": key.purpose.name(), "state": { "$eq": key.state.name(), "$ne": "retired" } };
        if executor.find_one::<SealedKeyDoc>(in_its_place.clone()).await?.is_some() {
            return Ok(false);
        }
        // One document needs no transaction. If several instances start, the index accepts one key and refuses the
        // others.
        let Err(error) = executor.add::<SealedKeyDoc>(from_ref(key)).await else { return Ok(true) };
        // Another index may have been violated, or only the answer was lost. So this checks which key is stored now.
        let now = executor.find_one::<SealedKeyDoc>(in_its_place).await?;
        now.map_or(Err(error), |kept| Ok(kept == *key))
    }

    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Result<bool, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let activated = unit.run(async |executor| {
            let next = doc! { "_id": id, "state": "next" };
            let Some(key) = executor.find_one::<SealedKeyDoc>(next.clone()).await? else { return Ok(false) };
            let active = doc! { "purpose": key.purpose.name(), "state": "active" };
            let retired = doc! { "$set": { "state": "retired", "expires_at": date(expires_at) } };
            // In this order: at no time are two keys active.
            let changes = vec![Update::of(active, retired), Update::of(next, doc! { "$set": { "state": "active" } })];
            Ok(executor.update(SealedKeyDoc::COLLECTION, changes).await? == 2)
        });
        let activated = activated.await?;
        let unit = Box::new(unit);
        if activated { unit.commit().await } else { unit.rollback().await }?;
        Ok(activated)
    }

    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let change = doc! { "$set": { "sealed": binary(to) } };
        let reseal = Update::of(doc! { "_id": id, "sealed": binary(from) }, change);
        Ok(self.read().await?.update(SealedKeyDoc::COLLECTION, vec![reseal]).await? == 1)
    }

    async fn delete_expired_keys(&self, until: Timestamp) -> Result<u64, StoreError> {
        let expired = doc! { "state": "retired", "expires_at": { "$lte": date(until) } };
        self.read().await?.delete(SealedKeyDoc::COLLECTION, expired).await
    }
}
