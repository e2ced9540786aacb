//! The user accounts, each with its roles.

use super::known_networks::read_networks;
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{Credentials, UserQueries, UserRepository, UserView, constraints},
    kernel::{Constraint, Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::User,
    shared::{Email, Text, UserId, Version},
};
use std::{collections::BTreeSet, sync::LazyLock};

static USERS: LazyLock<Table<User>> = LazyLock::new(|| {
    Table::<User>::new("users", "identity.user", constraints::USER_ID)
        .key("id", Kind::Uuid, |user| user.id.into())
        .column("email", Kind::Text, |user| user.email.as_str().into())
        .column("display_name", Kind::Text, |user| user.display_name.as_str().into())
        .column("password_hash", Kind::Text, |user| user.password_hash.as_str().into())
        .fixed("created_at", Kind::Time, |user| user.created_at.into())
        .column("updated_at", Kind::Time, |user| user.updated_at.into())
        .version(|user| user.version)
        .unique(constraints::USER_EMAIL, &["email"])
        .offers(&[Verb::Insert, Verb::Save])
});
static ROLES: LazyLock<Table<(UserId, Role)>> = LazyLock::new(|| {
    Table::<(UserId, Role)>::new("user_roles", "identity.user_role", Constraint::new("user_roles_pkey"))
        .key("user_id", Kind::Uuid, |(user, _)| (*user).into())
        .key("role", Kind::Text, |(_, role)| role.name().into())
        .references(Constraint::new("user_roles_user_id_fkey"), "user_id", "users")
        .offers(&[Verb::InsertMany])
});

/// The roles of a user as one column of a query on `users`.
pub(super) const ROLES_OF_USER: &str =
    "(SELECT string_agg(role, ',') FROM user_roles WHERE user_roles.user_id = users.id)";

static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let text = ["SELECT {*}, ", ROLES_OF_USER, " FROM users WHERE id = $1"].concat();
    USERS.query("find", &text, &[Kind::Uuid], &[Kind::Text])
});
static FIND_BY_EMAIL: LazyLock<Statement> = LazyLock::new(|| {
    let text = ["SELECT {*}, ", ROLES_OF_USER, " FROM users WHERE email = $1"].concat();
    USERS.query("find_by_email", &text, &[Kind::Text], &[Kind::Text])
});
static ANY_WITH_ROLE: Statement = Statement::both(
    "identity.user.any_with_role",
    "SELECT EXISTS (SELECT 1 FROM user_roles WHERE role = $1)",
    &[Kind::Text],
    &[Kind::Bool],
);
static DELETE_ROLES: Statement =
    Statement::both("identity.user_role.delete", "DELETE FROM user_roles WHERE user_id = $1", &[Kind::Uuid], &[]);
static FIND_CREDENTIALS: Statement = Statement::both(
    "identity.user.find_credentials",
    "SELECT users.id, users.password_hash, known_networks.networks FROM users \
     LEFT JOIN known_networks ON known_networks.user_id = users.id WHERE users.email = $1",
    &[Kind::Text],
    &[Kind::Uuid, Kind::Text, Kind::Bytes],
);

pub(super) fn declared() -> Declared {
    let users = Declared::table(&USERS).statements([&*FIND, &*FIND_BY_EMAIL, &ANY_WITH_ROLE, &FIND_CREDENTIALS]);
    users.and(Declared::table(&ROLES).statements([&DELETE_ROLES]))
}

impl Stored for User {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = UserId::new(row.uuid()?);
        let row_id = RowId("users", id);
        let mut user = Self {
            id,
            email: Email::stored(row.text()?),
            display_name: Text::stored(row.text()?),
            roles: vec![],
            password_hash: row.text()?,
            created_at: row.time()?,
            updated_at: row.time()?,
            version: row_id.version(row.int()?)?,
        };
        user.roles = row_id.roles(row.optional_text()?.as_deref())?;
        Ok(user)
    }
}

fn read_view(row: &mut Row) -> Result<UserView, StoreError> {
    User::read(row).map(|user| UserView::from(&user))
}

fn read_credentials(row: &mut Row) -> Result<Credentials, StoreError> {
    let (user_id, password_hash) = (UserId::new(row.uuid()?), row.text()?);
    let known_networks = read_networks(user_id, row.optional_bytes()?.as_deref())?;
    Ok(Credentials { user_id, password_hash, known_networks })
}

/// One row for each role, even if it is listed twice.
fn role_rows(user: &User) -> Vec<(UserId, Role)> {
    let roles: BTreeSet<Role> = user.roles.iter().copied().collect();
    roles.into_iter().map(|role| (user.id, role)).collect()
}

#[async_trait]
impl UserRepository for SqlUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.row(&FIND, args![id], User::read).await
    }

    async fn find_by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        self.row(&FIND_BY_EMAIL, args![email.as_str()], User::read).await
    }

    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError> {
        let found = self.row(&ANY_WITH_ROLE, args![role.name()], Row::bool).await?;
        Ok(found.unwrap_or(false))
    }

    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        USERS.insert(self, user).await?;
        ROLES.insert_many(self, &role_rows(user)).await
    }

    async fn save(&mut self, user: &User) -> Result<Version, StoreError> {
        let version = USERS.save(self, user).await?;
        self.change(&DELETE_ROLES, args![user.id]).await?;
        ROLES.insert_many(self, &role_rows(user)).await?;
        Ok(version)
    }
}

#[async_trait]
impl UserQueries for SqlStore {
    async fn find_user(&self, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError> {
        // A user owns itself, so the scope can be checked without reading the row.
        if !scope.admits(id) {
            return Ok(None);
        }
        self.row(&FIND, args![id], read_view).await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        self.row(&FIND_CREDENTIALS, args![email.as_str()], read_credentials).await
    }
}
