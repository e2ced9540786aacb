//! The roles that the deployment defines, and the version of the policy.

use super::{groups::GroupDoc, users::UserDoc};
use crate::{
    ops::{Query, Update},
    record::{self, Record, Stored, Unreadable, Versioned, date, time, version},
    schema::{Collection, MongoSchema, collection, unique},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{RoleQueries, RoleRepository, constraints::ROLE_POLICY},
    kernel::StoreError,
};
use skep_domain::{
    access::{OwnRole, Policy, PolicyVersion, RoleId, RoleName},
    shared::{Text, Version},
};
use std::{future::Future, pin::Pin, slice::from_ref};

pub(super) const INDEXES: &[Collection] =
    &[collection("roles", &[unique("roles_name_key", &["name"])]), collection(PolicyDoc::COLLECTION, &[])];

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// Earlier versions cannot read accounts with other roles than these two.
pub(super) fn unmake<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let others = doc! { "$pull": { "roles": { "$nin": ["admin", "user"] } } };
        let plain = doc! { "q": {}, "u": others, "multi": true };
        schema.command(doc! { "update": UserDoc::COLLECTION, "updates": [plain] }).await?;
        schema.drop_collection(PolicyDoc::COLLECTION).await?;
        schema.drop_collection(RoleDoc::COLLECTION).await
    })
}

#[derive(Serialize, Deserialize)]
struct RoleDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    description: String,
    permissions: Vec<String>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

impl Record for RoleDoc {
    const COLLECTION: &'static str = "roles";
    type Entity = OwnRole;
    fn read(self) -> Result<OwnRole, Unreadable> {
        Ok(OwnRole {
            id: RoleId::new(self.id.to_uuid_1()),
            name: RoleName::stored(self.name),
            description: Text::stored(self.description),
            permissions: self.permissions.into_iter().collect(),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for RoleDoc {
    fn of(role: &OwnRole) -> Self {
        Self {
            id: record::id(role.id.uuid()),
            name: role.name.as_str().to_owned(),
            description: role.description.as_str().to_owned(),
            permissions: role.permissions.iter().cloned().collect(),
            created_at: date(role.created_at),
            updated_at: date(role.updated_at),
            version: role.version.get(),
        }
    }
}

impl Versioned for RoleDoc {}

/// The id of the only document of the policy.
const POLICY: &str = "policy";

#[derive(Deserialize)]
pub(super) struct PolicyDoc {
    number: i64,
}

impl Record for PolicyDoc {
    const COLLECTION: &'static str = "role_policy";
    type Entity = PolicyVersion;
    fn read(self) -> Result<PolicyVersion, Unreadable> {
        Ok(PolicyVersion(self.number))
    }
}

/// A stage that adds the document of the policy, in a list named `policy`.
pub(super) fn with_policy() -> Document {
    doc! { "$lookup": { "from": PolicyDoc::COLLECTION, "pipeline": [{ "$match": { "_id": POLICY } }], "as": "policy" } }
}

/// The version in the list of [`with_policy`].
pub(super) fn policy_version(found: &[PolicyDoc]) -> PolicyVersion {
    found.first().map_or_else(PolicyVersion::default, |policy| PolicyVersion(policy.number))
}

fn named(name: &RoleName) -> Document {
    doc! { "name": name.as_str() }
}

/// Raises the version of the policy. Units that change roles or groups at the same time collide here. It comes after the change of
/// the role, so that a change that is refused has written nothing that the next unit could collide with.
pub(super) async fn raise(unit: &mut MongoUnit) -> Result<(), StoreError> {
    let raise = Update::of(doc! { "_id": POLICY }, doc! { "$inc": { "number": 1_i64 } }).or_insert();
    unit.run(async |executor| match executor.update(PolicyDoc::COLLECTION, vec![raise]).await {
        Ok(_) => Ok(()),
        // Two first changes have both found no document. The next attempt finds that of the other one.
        Err(error @ StoreError::Duplicate { constraint: ROLE_POLICY }) => Err(StoreError::Retry(error.into())),
        Err(other) => Err(other),
    })
    .await
}

/// A unit that raises the version meanwhile collides with this one. Without the document, no role and no group was ever
/// stored.
pub(super) async fn hold_policy(unit: &mut MongoUnit) -> Result<(), StoreError> {
    unit.run(async |executor| executor.hold(PolicyDoc::COLLECTION, vec![POLICY.into()]).await.map(drop)).await
}

#[async_trait]
impl RoleRepository for MongoUnit {
    async fn find(&mut self, name: &RoleName) -> Result<Option<OwnRole>, StoreError> {
        self.first::<RoleDoc>(named(name)).await
    }

    async fn hold(&mut self, names: &[RoleName]) -> Result<Vec<OwnRole>, StoreError> {
        let names: Vec<_> = names.iter().map(RoleName::as_str).collect();
        let wanted = Query::of(doc! { "name": { "$in": names } });
        self.run(async |executor| {
            let roles = executor.find::<RoleDoc>(wanted).await?;
            let ids = roles.iter().map(|role| record::id(role.id.uuid()).into()).collect();
            executor.hold(RoleDoc::COLLECTION, ids).await?;
            Ok(roles)
        })
        .await
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        self.run(async |executor| executor.count::<RoleDoc>(doc! {}, "_id_", i64::MAX).await).await
    }

    async fn insert(&mut self, role: &OwnRole) -> Result<(), StoreError> {
        self.add::<RoleDoc>(from_ref(role)).await?;
        raise(self).await
    }

    async fn save(&mut self, role: &OwnRole) -> Result<Version, StoreError> {
        let version = self.put::<RoleDoc>(role).await?;
        raise(self).await?;
        Ok(version)
    }

    async fn delete(&mut self, role: &OwnRole) -> Result<(), StoreError> {
        self.remove::<RoleDoc>(role).await?;
        raise(self).await
    }
}

#[async_trait]
impl RoleQueries for MongoStore {
    async fn find_policy(&self) -> Result<Policy, StoreError> {
        let mut reader = self.read().await?;
        // The version comes first, so that the roles and groups are never older.
        let version = reader.find_one::<PolicyDoc>(doc! { "_id": POLICY }).await?.unwrap_or_default();
        let by_name = Query::of(doc! {}).by(doc! { "name": 1 });
        let roles = reader.find::<RoleDoc>(by_name).await?;
        let groups = reader.find::<GroupDoc>(Query::of(doc! {})).await?;
        Ok(Policy::new(version, roles).with_groups(groups))
    }
}
