//! The keys of this deployment: sealed, at most one for each purpose.

use crate::{
    ops::Query,
    record::{Record, Stored, Unreadable, binary, date, time},
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::StoreError,
    operations::{InstanceKeys, KeyPurpose, SealedKey},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct SealedKeyDoc {
    #[serde(rename = "_id")]
    id: String,
    purpose: String,
    sealed: Binary,
    created_at: DateTime,
}

impl Record for SealedKeyDoc {
    const COLLECTION: &'static str = "instance_keys";
    type Entity = SealedKey;
    fn read(self) -> Result<SealedKey, Unreadable> {
        Ok(SealedKey {
            purpose: KeyPurpose::from_name(&self.purpose).ok_or("unknown purpose")?,
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

    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut executor = self.read().await?;
        let of_purpose = doc! { "purpose": key.purpose.name() };
        if executor.find_one::<SealedKeyDoc>(of_purpose.clone()).await?.is_some() {
            return Ok(false);
        }
        // One document needs no transaction. If several instances start, the index accepts one key and refuses the
        // others.
        let Err(error) = executor.add::<SealedKeyDoc>(from_ref(key)).await else { return Ok(true) };
        // Another index may have been violated, or only the answer was lost. So this checks which key the purpose has
        // now.
        let now = executor.find_one::<SealedKeyDoc>(of_purpose).await?;
        now.map_or(Err(error), |kept| Ok(kept == *key))
    }
}
