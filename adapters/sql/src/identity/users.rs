//! The accounts, each with its roles.

use crate::{
    Kind::{self, Bool, Int, Text, Time, Uuid},
    Row, SqlStore, SqlUnit, Statement, Value,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    identity::{Credentials, UserQueries, UserRepository, UserView},
    kernel::{Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::User,
    shared::{Email, Text as Words, UserId, Version},
};
use std::collections::BTreeSet;

/// The roles of a user as one column, for `id` of a table or alias.
macro_rules! roles_of {
    ($user_id:literal) => {
        concat!("(SELECT string_agg(role, ',') FROM user_roles WHERE user_roles.user_id = ", $user_id, ")")
    };
}
pub(crate) use roles_of;

const COLUMNS: &[Kind] = &[Uuid, Text, Text, Text, Text, Time, Time, Int];
macro_rules! find_by {
    ($condition:literal) => {
        concat!(
            "SELECT id, email, display_name, ",
            roles_of!("users.id"),
            ", password_hash, created_at, updated_at, version FROM users WHERE ",
            $condition
        )
    };
}

static FIND: Statement = Statement::both("identity.user.find", find_by!("id = $1"), &[Uuid], COLUMNS);
static FIND_BY_EMAIL: Statement =
    Statement::both("identity.user.find_by_email", find_by!("email = $1"), &[Text], COLUMNS);
static ANY_WITH_ROLE: Statement = Statement::both(
    "identity.user.any_with_role",
    "SELECT EXISTS (SELECT 1 FROM user_roles WHERE role = $1)",
    &[Text],
    &[Bool],
);
static INSERT: Statement = Statement::both(
    "identity.user.insert",
    "INSERT INTO users (id, email, display_name, password_hash, created_at, updated_at, version) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
    &[Uuid, Text, Text, Text, Time, Time, Int],
    &[],
);
static SAVE: Statement = Statement::both(
    "identity.user.save",
    "UPDATE users SET email = $2, display_name = $3, password_hash = $4, updated_at = $5, version = version + 1 \
     WHERE id = $1 AND version = $6",
    &[Uuid, Text, Text, Text, Time, Int],
    &[],
);
static INSERT_ROLES: Statement = Statement::batch(
    "identity.user_role.insert",
    (
        "INSERT INTO user_roles (user_id, role) VALUES ($1, $2)",
        "INSERT INTO user_roles (user_id, role) SELECT * FROM unnest($1::uuid[], $2::text[])",
    ),
    &[Uuid, Text],
);
static DELETE_ROLES: Statement =
    Statement::both("identity.user_role.delete", "DELETE FROM user_roles WHERE user_id = $1", &[Uuid], &[]);
static FIND_CREDENTIALS: Statement = Statement::both(
    "identity.user.find_credentials",
    "SELECT id, password_hash FROM users WHERE email = $1",
    &[Text],
    &[Uuid, Text],
);

pub(crate) static STATEMENTS: &[&Statement] =
    &[&FIND, &FIND_BY_EMAIL, &ANY_WITH_ROLE, &INSERT, &SAVE, &INSERT_ROLES, &DELETE_ROLES, &FIND_CREDENTIALS];

fn read(mut row: Row) -> Result<User, StoreError> {
    let id = UserId::new(row.uuid()?);
    let place = Place("users", id);
    Ok(User {
        id,
        email: Email::stored(row.text()?),
        display_name: Words::stored(row.text()?),
        roles: place.roles(row.optional_text()?.as_deref())?,
        password_hash: row.text()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: place.version(row.int()?)?,
    })
}

fn read_view(row: Row) -> Result<UserView, StoreError> {
    read(row).map(|user| UserView::from(&user))
}

fn read_credentials(mut row: Row) -> Result<Credentials, StoreError> {
    Ok(Credentials { user_id: UserId::new(row.uuid()?), password_hash: row.text()? })
}

/// A row for each role, however often it is named.
fn role_rows(user: &User) -> Vec<Vec<Value>> {
    let roles: BTreeSet<Role> = user.roles.iter().copied().collect();
    roles.into_iter().map(|role| args![user.id, role.name()]).collect()
}

#[async_trait]
impl UserRepository for SqlUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.find(&FIND, args![id], read).await
    }

    async fn find_by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        self.find(&FIND_BY_EMAIL, args![email.as_str()], read).await
    }

    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError> {
        let found = self.find(&ANY_WITH_ROLE, args![role.name()], |mut row| row.bool()).await?;
        Ok(found.unwrap_or(false))
    }

    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        let args = args![
            user.id,
            user.email.as_str(),
            user.display_name.as_str(),
            user.password_hash.as_str(),
            user.created_at,
            user.updated_at,
            user.version,
        ];
        self.execute(&INSERT, args).await?;
        self.execute_many(&INSERT_ROLES, role_rows(user)).await?;
        Ok(())
    }

    async fn save(&mut self, user: &User) -> Result<Version, StoreError> {
        let args = args![
            user.id,
            user.email.as_str(),
            user.display_name.as_str(),
            user.password_hash.as_str(),
            user.updated_at,
            user.version,
        ];
        let saved = self.execute(&SAVE, args).await?;
        self.all_or_stale(saved, 1)?;
        self.execute(&DELETE_ROLES, args![user.id]).await?;
        self.execute_many(&INSERT_ROLES, role_rows(user)).await?;
        Ok(user.version.next())
    }
}

#[async_trait]
impl UserQueries for SqlStore {
    async fn find_user(&self, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError> {
        // A user is its own owner, so the scope is decided without the row.
        if !scope.admits(id) {
            return Ok(None);
        }
        self.find(&FIND, args![id], read_view).await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        self.find(&FIND_CREDENTIALS, args![email.as_str()], read_credentials).await
    }
}
