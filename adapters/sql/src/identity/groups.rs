//! The groups of accounts.

use super::roles::{BETWEEN, lock_policy, raise};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{GroupRepository, constraints},
    kernel::StoreError,
};
use skep_domain::{
    access::{Group, GroupId, Role},
    shared::{Text, Version},
};
use std::sync::LazyLock;

static GROUPS: LazyLock<Table<Group>> = LazyLock::new(|| {
    Table::<Group>::new("user_groups", "identity.group", constraints::GROUP_ID)
        .key("id", Kind::Uuid, |group| group.id.uuid().into())
        .column("name", Kind::Text, |group| group.name.as_str().into())
        .column("description", Kind::Text, |group| group.description.as_str().into())
        .column("roles", Kind::Text, |group| joined(group).into())
        .column("parent_id", Kind::Uuid, |group| group.parent_id.map(GroupId::uuid).into())
        .nullable()
        .fixed("created_at", Kind::Time, |group| group.created_at.into())
        .column("updated_at", Kind::Time, |group| group.updated_at.into())
        .version(|group| group.version)
        .unique(constraints::GROUP_NAME, &["name"])
        .offers(&[Verb::Find, Verb::Insert, Verb::Save, Verb::Delete])
});
static LIST: LazyLock<Statement> =
    LazyLock::new(|| GROUPS.query("list", "SELECT {*} FROM user_groups ORDER BY id", &[], &[]));

pub(super) fn declared() -> Declared {
    Declared::table(&GROUPS).statements([&*LIST])
}

fn joined(group: &Group) -> String {
    group.roles.iter().map(Role::name).collect::<Vec<_>>().join(BETWEEN)
}

impl Stored for Group {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = GroupId::new(row.uuid()?);
        let (name, description, roles) = (row.text()?, row.text()?, row.text()?);
        Ok(Self {
            id,
            name: Text::stored(name),
            description: Text::stored(description),
            roles: roles.split(BETWEEN).filter(|name| !name.is_empty()).map(Role::stored).collect(),
            parent_id: row.optional_uuid()?.map(GroupId::new),
            created_at: row.time()?,
            updated_at: row.time()?,
            version: RowId("user_groups", id).version(row.int()?)?,
        })
    }
}

/// Every group.
pub(super) async fn list(store: &SqlStore) -> Result<Vec<Group>, StoreError> {
    store.rows(&LIST, args![], Group::read).await
}

#[async_trait]
impl GroupRepository for SqlUnit {
    async fn find(&mut self, id: GroupId) -> Result<Option<Group>, StoreError> {
        GROUPS.find(self, id.uuid()).await
    }

    async fn hold(&mut self) -> Result<Vec<Group>, StoreError> {
        lock_policy(self).await?;
        self.rows(&LIST, args![], Group::read).await
    }

    async fn insert(&mut self, group: &Group) -> Result<(), StoreError> {
        raise(self).await?;
        GROUPS.insert(self, group).await
    }

    async fn save(&mut self, group: &Group) -> Result<Version, StoreError> {
        raise(self).await?;
        GROUPS.save(self, group).await
    }

    async fn delete(&mut self, group: &Group) -> Result<(), StoreError> {
        raise(self).await?;
        GROUPS.delete(self, group).await
    }
}
