//! The one-time setup token.

use crate::{
    ops::Update,
    record::{Record, Unreadable, binary, date, hash, time},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{SetupToken, SetupTokenRepository, constraints::SETUP_TOKEN},
    kernel::StoreError,
};

/// The id of the token. There is at most one.
const ID: &str = "setup";

#[derive(Serialize, Deserialize)]
struct TokenDoc {
    #[serde(rename = "_id")]
    id: String,
    hash: Binary,
    expires_at: DateTime,
}

impl Record for TokenDoc {
    const COLLECTION: &'static str = "setup_tokens";
    type Entity = SetupToken;
    fn read(self) -> Result<SetupToken, Unreadable> {
        Ok(SetupToken { hash: hash(&self.hash)?, expires_at: time(self.expires_at)? })
    }
}

#[async_trait]
impl SetupTokenRepository for MongoUnit {
    async fn find(&mut self) -> Result<Option<SetupToken>, StoreError> {
        self.first::<TokenDoc>(doc! { "_id": ID }).await
    }

    async fn replace(&mut self, token: &SetupToken) -> Result<(), StoreError> {
        let change = doc! { "hash": binary(&token.hash), "expires_at": date(token.expires_at) };
        let update = Update::of(doc! { "_id": ID }, doc! { "$set": change }).or_insert();
        self.run(async |executor| match executor.update(TokenDoc::COLLECTION, vec![update]).await {
            Ok(_) => Ok(()),
            // Two upserts at the first start both found nothing. The next attempt finds the token of the other one.
            Err(error @ StoreError::Duplicate { constraint: SETUP_TOKEN }) => Err(StoreError::Retry(error.into())),
            Err(other) => Err(other),
        })
        .await
    }

    async fn delete(&mut self) -> Result<(), StoreError> {
        self.run(async |executor| executor.delete(TokenDoc::COLLECTION, doc! { "_id": ID }).await.map(|_| ())).await
    }
}
