//! The keys of sealed fields, wrapped. The one with the greatest number seals.

use crate::{
    ops::{Query, Update},
    record::{Record, Stored, Unreadable, binary, date, time},
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::StoreError,
    operations::{FieldKey, FieldKeys},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct FieldKeyDoc {
    #[serde(rename = "_id")]
    id: String,
    number: i64,
    wrapped: Binary,
    created_at: DateTime,
}

impl Record for FieldKeyDoc {
    const COLLECTION: &'static str = "field_keys";
    type Entity = FieldKey;
    fn read(self) -> Result<FieldKey, Unreadable> {
        Ok(FieldKey {
            number: u32::try_from(self.number).map_err(|_| "a number that is no count")?,
            id: self.id,
            wrapped: self.wrapped.bytes,
            created_at: time(self.created_at)?,
        })
    }
}

impl Stored for FieldKeyDoc {
    fn of(key: &FieldKey) -> Self {
        Self {
            id: key.id.clone(),
            number: key.number.into(),
            wrapped: binary(&key.wrapped),
            created_at: date(key.created_at),
        }
    }
}

#[async_trait]
impl FieldKeys for MongoStore {
    async fn list_field_keys(&self) -> Result<Vec<FieldKey>, StoreError> {
        self.read().await?.find::<FieldKeyDoc>(Query::of(doc! {}).by(doc! { "number": 1 })).await
    }

    async fn insert_field_key(&self, key: &FieldKey) -> Result<bool, StoreError> {
        let mut executor = self.read().await?;
        let in_its_place = doc! { "number": i64::from(key.number) };
        if executor.find_one::<FieldKeyDoc>(in_its_place.clone()).await?.is_some() {
            return Ok(false);
        }
        // One document needs no transaction. If several instances insert, the index accepts one key.
        let Err(error) = executor.add::<FieldKeyDoc>(from_ref(key)).await else { return Ok(true) };
        // Another index may have been violated, or only the answer was lost. So this checks which key is stored now.
        let now = executor.find_one::<FieldKeyDoc>(in_its_place).await?;
        now.map_or(Err(error), |kept| Ok(kept == *key))
    }

    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let change = doc! { "$set": { "wrapped": binary(to) } };
        let rewrap = Update::of(doc! { "_id": id, "wrapped": binary(from) }, change);
        Ok(self.read().await?.update(FieldKeyDoc::COLLECTION, vec![rewrap]).await? == 1)
    }
}
