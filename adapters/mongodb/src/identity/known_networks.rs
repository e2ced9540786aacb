//! The networks that accounts have logged in from: one document for each account.

use crate::{
    ops::{Query, Update},
    record::{self, Record, Unreadable, binary, date},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{KnownNetworkRepository, constraints::KNOWN_NETWORKS},
    kernel::StoreError,
};
use skep_domain::{
    identity::KnownNetworks,
    shared::{Timestamp, UserId},
};

#[derive(Serialize, Deserialize)]
pub(super) struct KnownNetworksDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    networks: Binary,
    last_login_at: DateTime,
}

impl Record for KnownNetworksDoc {
    const COLLECTION: &'static str = "known_networks";
    type Entity = KnownNetworks;
    fn read(self) -> Result<KnownNetworks, Unreadable> {
        let id = UserId::new(self.id.to_uuid_1());
        KnownNetworks::from_bytes(id, &self.networks.bytes).ok_or("networks that cannot be read")
    }
}

#[async_trait]
impl KnownNetworkRepository for MongoUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<KnownNetworks>, StoreError> {
        self.by_id::<KnownNetworksDoc>(id.uuid()).await
    }

    async fn replace(&mut self, networks: &KnownNetworks) -> Result<(), StoreError> {
        let Some(last_login_at) = networks.last_login_at() else { return Ok(()) };
        let change = doc! { "networks": binary(&networks.to_bytes()), "last_login_at": date(last_login_at) };
        let id = record::id(networks.user_id.uuid());
        let update = Update::of(doc! { "_id": id }, doc! { "$set": change }).or_insert();
        self.run(async |executor| match executor.update(KnownNetworksDoc::COLLECTION, vec![update]).await {
            Ok(_) => Ok(()),
            // Two first logins both found no list. The next attempt finds that of the other one.
            Err(error @ StoreError::Duplicate { constraint: KNOWN_NETWORKS }) => Err(StoreError::Retry(error.into())),
            Err(other) => Err(other),
        })
        .await
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = doc! { "last_login_at": { "$lte": date(until) } };
        self.delete_found::<KnownNetworksDoc>(Query::of(old).at_most(limit)).await
    }
}
