//! The links that are mailed to the owners of accounts: one document for each account and purpose.

use crate::{
    ops::{Query, Update},
    record::{self, Record, Unreadable, binary, date, hash, time},
    schema::{Collection, MongoSchema, collection, index},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{AccountLinkRepository, constraints::ACCOUNT_LINK},
    kernel::StoreError,
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, LinkPurpose},
    shared::{ShownEmail, Timestamp, UserId},
};
use std::{future::Future, pin::Pin};

pub(super) const MADE: &[Collection] = &[collection(
    LinkDoc::COLLECTION,
    &[index("account_links_hash_idx", &["hash"]), index("account_links_expires_at_idx", &["expires_at"])],
)];

/// Links that change an address no longer work.
pub(super) fn unmake_addresses<'a>(
    schema: &'a mut MongoSchema<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async move {
        let with_address = doc! { "q": { "email": { "$exists": true } }, "limit": 0 };
        schema.command(doc! { "delete": LinkDoc::COLLECTION, "deletes": [with_address] }).await.map(drop)
    })
}

/// Links that were mailed no longer work, and no address counts as verified.
pub(super) fn unmake<'a>(
    schema: &'a mut MongoSchema<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async move {
        schema.drop_collection(LinkDoc::COLLECTION).await?;
        let plain = doc! { "q": {}, "u": { "$unset": { "email_verified_at": "" } }, "multi": true };
        schema.command(doc! { "update": "users", "updates": [plain] }).await.map(drop)
    })
}

#[derive(Serialize, Deserialize)]
pub(super) struct LinkDoc {
    /// The account and the purpose.
    #[serde(rename = "_id")]
    key: String,
    user_id: bson::Uuid,
    purpose: String,
    id: bson::Uuid,
    hash: Binary,
    auth_epoch: i64,
    expires_at: DateTime,
    /// Only links that give the account an address have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Record for LinkDoc {
    const COLLECTION: &'static str = "account_links";
    type Entity = AccountLink;
    fn read(self) -> Result<AccountLink, Unreadable> {
        Ok(AccountLink {
            id: AccountLinkId::new(self.id.to_uuid_1()),
            user_id: UserId::new(self.user_id.to_uuid_1()),
            purpose: LinkPurpose::from_name(&self.purpose).ok_or("unknown purpose of a link")?,
            hash: hash(&self.hash)?,
            auth_epoch: super::users::epoch(self.auth_epoch)?,
            expires_at: time(self.expires_at)?,
            email: self.email.map(ShownEmail::stored),
        })
    }
}

/// The ids of all links that an account may have.
pub(super) fn keys_of_account(user_id: UserId) -> Vec<String> {
    LinkPurpose::ALL.iter().map(|purpose| key(user_id, *purpose)).collect()
}

fn key(user_id: UserId, purpose: LinkPurpose) -> String {
    format!("{}/{}", user_id.uuid().simple(), purpose.name())
}

#[async_trait]
impl AccountLinkRepository for MongoUnit {
    async fn find(&mut self, user_id: UserId, purpose: LinkPurpose) -> Result<Option<AccountLink>, StoreError> {
        self.first::<LinkDoc>(doc! { "_id": key(user_id, purpose) }).await
    }

    async fn find_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<AccountLink>, StoreError> {
        self.first::<LinkDoc>(doc! { "hash": binary(hash) }).await
    }

    async fn replace(&mut self, link: &AccountLink) -> Result<(), StoreError> {
        let mut change = doc! {
            "user_id": record::id(link.user_id.uuid()),
            "purpose": link.purpose.name(),
            "id": record::id(link.id.uuid()),
            "hash": binary(&link.hash),
            "auth_epoch": link.auth_epoch.get(),
            "expires_at": date(link.expires_at),
        };
        let of = doc! { "_id": key(link.user_id, link.purpose) };
        let change = match &link.email {
            Some(email) => {
                change.insert("email", email.as_str());
                doc! { "$set": change }
            }
            None => doc! { "$set": change, "$unset": { "email": "" } },
        };
        let update = Update::of(of, change).or_insert();
        self.run(async |executor| match executor.update(LinkDoc::COLLECTION, vec![update]).await {
            Ok(_) => Ok(()),
            // Two requests both found no link. The next attempt finds that of the other one.
            Err(error @ StoreError::Duplicate { constraint: ACCOUNT_LINK }) => Err(StoreError::Retry(error.into())),
            Err(other) => Err(other),
        })
        .await
    }

    async fn consume(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        let valid = doc! { "hash": binary(hash), "expires_at": { "$gt": date(now) } };
        self.run(async |executor| Ok(executor.delete(LinkDoc::COLLECTION, valid).await? > 0)).await
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = doc! { "expires_at": { "$lte": date(until) } };
        self.delete_found::<LinkDoc>(Query::of(old).at_most(limit)).await
    }
}
