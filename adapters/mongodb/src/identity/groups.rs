//! The groups of accounts.

use super::{
    roles::{hold_policy, raise},
    users::UserDoc,
};
use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable, Versioned, date, time, version},
    schema::{Collection, MongoSchema, collection, unique},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{identity::GroupRepository, kernel::StoreError};
use skep_domain::{
    access::{Group, GroupId, Membership, Role},
    shared::{Text, Version},
};
use std::{future::Future, pin::Pin, slice::from_ref};

pub(super) const INDEXES: &[Collection] =
    &[collection(GroupDoc::COLLECTION, &[unique("user_groups_name_key", &["name"])])];

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// Earlier versions would show a membership as a role.
pub(super) fn unmake<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let memberships = doc! { "$pull": { "roles": { "$regex": format!("^{}", Membership::PREFIX) } } };
        let plain = doc! { "q": {}, "u": memberships, "multi": true };
        schema.command(doc! { "update": UserDoc::COLLECTION, "updates": [plain] }).await?;
        schema.drop_collection(GroupDoc::COLLECTION).await
    })
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    description: String,
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_id: Option<bson::Uuid>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

impl Record for GroupDoc {
    const COLLECTION: &'static str = "user_groups";
    type Entity = Group;
    fn read(self) -> Result<Group, Unreadable> {
        Ok(Group {
            id: GroupId::new(self.id.to_uuid_1()),
            name: Text::stored(self.name),
            description: Text::stored(self.description),
            roles: self.roles.iter().map(|name| Role::stored(name)).collect(),
            parent_id: self.parent_id.map(|id| GroupId::new(id.to_uuid_1())),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for GroupDoc {
    fn of(group: &Group) -> Self {
        Self {
            id: record::id(group.id.uuid()),
            name: group.name.as_str().to_owned(),
            description: group.description.as_str().to_owned(),
            roles: group.roles.iter().map(|role| role.name().to_owned()).collect(),
            parent_id: group.parent_id.map(|id| record::id(id.uuid())),
            created_at: date(group.created_at),
            updated_at: date(group.updated_at),
            version: group.version.get(),
        }
    }
}

impl Versioned for GroupDoc {}

#[async_trait]
impl GroupRepository for MongoUnit {
    async fn find(&mut self, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.by_id::<GroupDoc>(id.uuid()).await
    }

    async fn hold(&mut self) -> Result<Vec<Group>, StoreError> {
        hold_policy(self).await?;
        self.all::<GroupDoc>(Query::of(doc! {})).await
    }

    async fn insert(&mut self, group: &Group) -> Result<(), StoreError> {
        self.add::<GroupDoc>(from_ref(group)).await?;
        raise(self).await
    }

    async fn save(&mut self, group: &Group) -> Result<Version, StoreError> {
        let version = self.put::<GroupDoc>(group).await?;
        raise(self).await?;
        Ok(version)
    }

    async fn delete(&mut self, group: &Group) -> Result<(), StoreError> {
        self.remove::<GroupDoc>(group).await?;
        raise(self).await
    }
}
