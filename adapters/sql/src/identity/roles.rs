//! The roles of accounts, and those that the deployment defines.

use super::groups;
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{RoleQueries, RoleRepository, constraints},
    kernel::StoreError,
};
use skep_domain::{
    access::{OwnRole, Policy, PolicyVersion, Role, RoleId, RoleName},
    shared::{Text, Version},
};
use std::{collections::BTreeSet, sync::LazyLock};

/// Names of permissions and roles have no spaces.
pub(super) const BETWEEN: &str = " ";

static ROLES: LazyLock<Table<OwnRole>> = LazyLock::new(|| {
    Table::<OwnRole>::new("roles", "identity.role", constraints::ROLE_ID)
        .key("id", Kind::Uuid, |role| role.id.uuid().into())
        .fixed("name", Kind::Text, |role| role.name.as_str().into())
        .column("description", Kind::Text, |role| role.description.as_str().into())
        .column("permissions", Kind::Text, |role| joined(&role.permissions).into())
        .fixed("created_at", Kind::Time, |role| role.created_at.into())
        .column("updated_at", Kind::Time, |role| role.updated_at.into())
        .version(|role| role.version)
        .unique(constraints::ROLE_NAME, &["name"])
        .offers(&[Verb::Insert, Verb::Save, Verb::Delete])
});
/// At most one row.
static POLICY: LazyLock<Table<PolicyVersion>> = LazyLock::new(|| {
    Table::<PolicyVersion>::new("role_policy", "identity.role_policy", constraints::ROLE_POLICY)
        .key("id", Kind::Int, |_| 1_i64.into())
        .column("number", Kind::Int, |version| version.0.into())
        .offers(&[])
});

/// The version of the policy as one column of a query.
pub(super) const POLICY_VERSION: &str = "COALESCE((SELECT number FROM role_policy WHERE id = 1), 0)";

static FIND: LazyLock<Statement> =
    LazyLock::new(|| ROLES.query("find", "SELECT {*} FROM roles WHERE name = $1", &[Kind::Text], &[]));
static HOLD: LazyLock<Statement> =
    LazyLock::new(|| ROLES.query("hold", "SELECT {*} FROM roles WHERE name = $1 {for update}", &[Kind::Text], &[]));
static LIST: LazyLock<Statement> =
    LazyLock::new(|| ROLES.query("list", "SELECT {*} FROM roles ORDER BY name", &[], &[]));
static COUNT: LazyLock<Statement> =
    LazyLock::new(|| ROLES.command("count", "SELECT count(*) FROM roles", &[], &[Kind::Int]));
static FIND_POLICY: LazyLock<Statement> =
    LazyLock::new(|| POLICY.command("find", &["SELECT ", POLICY_VERSION].concat(), &[], &[Kind::Int]));
static LOCK_POLICY: LazyLock<Statement> = LazyLock::new(|| {
    POLICY.command("lock", "SELECT number FROM role_policy WHERE id = 1 {for update}", &[], &[Kind::Int])
});
static RAISE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO role_policy ({*}) VALUES (1, 1) \
        ON CONFLICT (id) DO UPDATE SET number = role_policy.number + 1";
    POLICY.command("raise", text, &[], &[])
});

pub(super) fn declared() -> Declared {
    let roles = Declared::table(&ROLES).statements([&*FIND, &*HOLD, &*LIST, &*COUNT]);
    roles.and(Declared::table(&POLICY).statements([&*FIND_POLICY, &*LOCK_POLICY, &*RAISE]))
}

fn joined(permissions: &BTreeSet<String>) -> String {
    permissions.iter().map(String::as_str).collect::<Vec<_>>().join(BETWEEN)
}

/// Parses the roles of an account, which are separated by commas, and sorts them. `None` means no roles.
pub(super) fn of_account(names: Option<&str>) -> Vec<Role> {
    let mut roles: Vec<_> = names.into_iter().flat_map(|names| names.split(',')).map(Role::stored).collect();
    roles.sort();
    roles
}

impl Stored for OwnRole {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = RoleId::new(row.uuid()?);
        let (name, description, permissions) = (row.text()?, row.text()?, row.text()?);
        let permissions = permissions.split(BETWEEN).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            id,
            name: RoleName::stored(name),
            description: Text::stored(description),
            permissions,
            created_at: row.time()?,
            updated_at: row.time()?,
            version: RowId("roles", id).version(row.int()?)?,
        })
    }
}

/// Raises the version of the policy. On PostgreSQL, this unit holds the row until it ends, so units that change roles
/// or groups follow one another.
pub(super) async fn raise(unit: &mut SqlUnit) -> Result<(), StoreError> {
    unit.change(&RAISE, args![]).await.map(drop)
}

/// Keeps other units from raising the version until this unit ends. Without the row, no role and no group was ever stored.
pub(super) async fn lock_policy(unit: &mut SqlUnit) -> Result<(), StoreError> {
    unit.row(&LOCK_POLICY, args![], Row::int).await.map(drop)
}

#[async_trait]
impl RoleRepository for SqlUnit {
    async fn find(&mut self, name: &RoleName) -> Result<Option<OwnRole>, StoreError> {
        self.row(&FIND, args![name.as_str()], OwnRole::read).await
    }

    async fn hold(&mut self, names: &[RoleName]) -> Result<Vec<OwnRole>, StoreError> {
        // In the order of their names, so that units do not wait for each other in a circle.
        let names: BTreeSet<_> = names.iter().collect();
        let mut held = vec![];
        for name in names {
            held.extend(self.row(&HOLD, args![name.as_str()], OwnRole::read).await?);
        }
        Ok(held)
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        Ok(self.row(&COUNT, args![], Row::count).await?.unwrap_or_default())
    }

    async fn insert(&mut self, role: &OwnRole) -> Result<(), StoreError> {
        raise(self).await?;
        ROLES.insert(self, role).await
    }

    async fn save(&mut self, role: &OwnRole) -> Result<Version, StoreError> {
        raise(self).await?;
        ROLES.save(self, role).await
    }

    async fn delete(&mut self, role: &OwnRole) -> Result<(), StoreError> {
        raise(self).await?;
        ROLES.delete(self, role).await
    }
}

#[async_trait]
impl RoleQueries for SqlStore {
    async fn find_policy(&self) -> Result<Policy, StoreError> {
        // The version comes first, so that the roles and groups are never older.
        let version = self.row(&FIND_POLICY, args![], Row::int).await?.unwrap_or_default();
        let roles = self.rows(&LIST, args![], OwnRole::read).await?;
        Ok(Policy::new(PolicyVersion(version), roles).with_groups(groups::list(self).await?))
    }
}
