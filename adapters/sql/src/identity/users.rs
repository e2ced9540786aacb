//! The user accounts, each with its roles.

use super::{email_keys::LIST_WITHOUT, known_networks::read_networks, roles, user_list};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, Value, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{Credentials, UserFilter, UserQueries, UserRepository, UserSort, UserView, constraints},
    kernel::{Constraint, Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::{AccountState, AuthEpoch, PasswordForm, User},
    shared::{Email, EmailLookup, Text, Timestamp, UserId, Version},
};
use std::{collections::BTreeSet, sync::LazyLock};
use uuid::Uuid;

pub(super) static USERS: LazyLock<Table<User>> = LazyLock::new(|| {
    Table::<User>::new("users", "identity.user", constraints::USER_ID)
        .key("id", Kind::Uuid, |user| user.id.into())
        .column("email", Kind::Text, |user| user.email.address().into())
        .column("email_key", Kind::Text, |user| user.email.key().into())
        .nullable()
        .column("email_typed", Kind::Text, |user| user.email.typed().into())
        .nullable()
        .column("display_name", Kind::Text, |user| user.display_name.as_str().into())
        .column("password_hash", Kind::Text, |user| user.password_hash.as_str().into())
        .column("password_form", Kind::Text, |user| user.password_form.name().into())
        .nullable()
        .column("auth_epoch", Kind::Int, |user| user.auth_epoch.get().into())
        .column("email_verified_at", Kind::Time, |user| user.email_verified_at.into())
        .nullable()
        .column("disabled_at", Kind::Time, |user| user.disabled_at.into())
        .nullable()
        .column("erase_at", Kind::Time, |user| user.erase_at.into())
        .nullable()
        .column("invited_at", Kind::Time, |user| user.invited_at.into())
        .nullable()
        .fixed("created_at", Kind::Time, |user| user.created_at.into())
        .column("updated_at", Kind::Time, |user| user.updated_at.into())
        .version(|user| user.version)
        .unique(constraints::USER_EMAIL, &["email"])
        .unique(constraints::USER_EMAIL_KEY, &["email_key"])
        .offers(&[Verb::Insert, Verb::Save, Verb::Delete])
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
/// At most two accounts, each through its own index, among which the lookup chooses. The arguments are [`keys_of`].
const WITH_EMAIL: &str = "WHERE users.email_key = $1 OR users.email = $2";
static FIND_BY_EMAIL: LazyLock<Statement> = LazyLock::new(|| {
    let text = ["SELECT {*}, ", ROLES_OF_USER, " FROM users ", WITH_EMAIL].concat();
    USERS.query("find_by_email", &text, &[Kind::Text, Kind::Text], &[Kind::Text])
});
static ANY_WITH_ROLE: Statement = Statement::both(
    "identity.user.any_with_role",
    "SELECT EXISTS (SELECT 1 FROM user_roles WHERE role = $1)",
    &[Kind::Text],
    &[Kind::Bool],
);
static COUNT_WITH_ROLE: Statement = Statement::both(
    "identity.user.count_with_role",
    "SELECT count(*) FROM user_roles WHERE role = $1",
    &[Kind::Text],
    &[Kind::Int],
);
/// Locks the account and another active one with the role, in the order of their ids, so that units that lock each
/// other's accounts do not wait in a circle.
static LOCK_WITH_ANOTHER: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM users WHERE id = $2 OR id = (SELECT other.id FROM users AS other \
        WHERE other.id <> $2 AND other.disabled_at IS NULL AND other.erase_at IS NULL AND other.invited_at IS NULL \
        AND EXISTS (SELECT 1 FROM user_roles WHERE user_roles.user_id = other.id AND role = $1) \
        ORDER BY other.id LIMIT 1) ORDER BY id {for update}";
    USERS.command("lock_with_another", text, &[Kind::Text, Kind::Uuid], &[Kind::Uuid])
});
/// Reads the account again, because it may have changed before it was locked.
static HAS_ROLE: Statement = Statement::both(
    "identity.user.has_role",
    "SELECT EXISTS (SELECT 1 FROM users JOIN user_roles ON user_roles.user_id = users.id \
     WHERE users.id = $1 AND role = $2 AND disabled_at IS NULL AND erase_at IS NULL AND invited_at IS NULL)",
    &[Kind::Uuid, Kind::Text],
    &[Kind::Bool],
);
static DELETE_ROLES: Statement =
    Statement::both("identity.user_role.delete", "DELETE FROM user_roles WHERE user_id = $1", &[Kind::Uuid], &[]);
/// What an account has, beside its roles. The account itself goes last, because sessions refer to it.
static ERASE: [Statement; 3] = [
    Statement::both("identity.session.erase", "DELETE FROM sessions WHERE user_id = $1", &[Kind::Uuid], &[]),
    Statement::both(
        "identity.known_networks.erase",
        "DELETE FROM known_networks WHERE user_id = $1",
        &[Kind::Uuid],
        &[],
    ),
    Statement::both("identity.account_link.erase", "DELETE FROM account_links WHERE user_id = $1", &[Kind::Uuid], &[]),
];
/// Along an index of the accounts that were deleted.
static LIST_ERASURES: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM users WHERE erase_at IS NOT NULL AND erase_at <= $1 AND id > $2 ORDER BY id LIMIT $3";
    USERS.command("list_erasures", text, &[Kind::Time, Kind::Uuid, Kind::Int], &[Kind::Uuid])
});
static RENEW_HASH: Statement = Statement::both(
    "identity.user.renew_hash",
    "UPDATE users SET password_hash = $3, password_form = $4 WHERE id = $1 AND password_hash = $2",
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Text],
    &[],
);
static FIND_CREDENTIALS: LazyLock<Statement> = LazyLock::new(|| {
    let columns = "SELECT users.id, users.email, users.email_key, users.email_typed, users.password_hash, \
        users.password_form, users.auth_epoch, known_networks.networks, users.disabled_at, users.erase_at, \
        users.invited_at, users.email_verified_at \
        FROM users \
        LEFT JOIN known_networks ON known_networks.user_id = users.id ";
    let kinds = &[
        Kind::Uuid,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Int,
        Kind::Bytes,
        Kind::Time,
        Kind::Time,
        Kind::Time,
        Kind::Time,
    ];
    USERS.command("find_credentials", &[columns, WITH_EMAIL].concat(), &[Kind::Text, Kind::Text], kinds)
});

pub(super) fn declared() -> Declared {
    let users = Declared::table(&USERS).statements([&*FIND, &*FIND_BY_EMAIL, &ANY_WITH_ROLE, &*FIND_CREDENTIALS]);
    let users = users
        .statements([&*LOCK_WITH_ANOTHER, &HAS_ROLE, &COUNT_WITH_ROLE, &RENEW_HASH, &*LIST_ERASURES])
        .statements(&ERASE)
        .statements(user_list::statements());
    users.and(Declared::table(&ROLES).statements([&DELETE_ROLES]))
}

impl Stored for User {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let mut user = read_row(row)?;
        user.roles = roles::of_account(row.optional_text()?.as_deref());
        Ok(user)
    }
}

/// Reads the columns of the table, and no roles.
pub(super) fn read_row(row: &mut Row) -> Result<User, StoreError> {
    let id = UserId::new(row.uuid()?);
    let row_id = RowId("users", id);
    Ok(User {
        id,
        email: read_email(row)?,
        display_name: Text::stored(row.text()?),
        roles: vec![],
        password_hash: row.text()?,
        password_form: read_form(&row_id, row)?,
        auth_epoch: row_id.read("auth_epoch", AuthEpoch::new(row.int()?))?,
        email_verified_at: row.optional_time()?,
        disabled_at: row.optional_time()?,
        erase_at: row.optional_time()?,
        invited_at: row.optional_time()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row_id.version(row.int()?)?,
    })
}

fn read_view(row: &mut Row) -> Result<UserView, StoreError> {
    User::read(row).map(|user| UserView::from(&user))
}

fn read_email(row: &mut Row) -> Result<Email, StoreError> {
    Ok(Email::stored(row.text()?, row.optional_text()?, row.optional_text()?))
}

fn read_form(row_id: &RowId<UserId>, row: &mut Row) -> Result<PasswordForm, StoreError> {
    // Rows of earlier versions have no form.
    let form = row.optional_text()?;
    let form = form.as_deref().map_or(Some(PasswordForm::AsTyped), PasswordForm::from_name);
    row_id.read("password_form", form)
}

fn read_credentials(row: &mut Row) -> Result<(Email, Credentials), StoreError> {
    let user_id = UserId::new(row.uuid()?);
    let (email, password_hash) = (read_email(row)?, row.text()?);
    let row_id = RowId("users", user_id);
    let password_form = read_form(&row_id, row)?;
    let auth_epoch = row_id.read("auth_epoch", AuthEpoch::new(row.int()?))?;
    let known_networks = read_networks(user_id, row.optional_bytes()?.as_deref())?;
    let (disabled_at, erase_at, invited_at) = (row.optional_time()?, row.optional_time()?, row.optional_time()?);
    let is_active = AccountState::of(erase_at, disabled_at, invited_at) == AccountState::Active;
    let is_verified = row.optional_time()?.is_some();
    let credentials =
        Credentials { user_id, password_hash, password_form, auth_epoch, known_networks, is_active, is_verified };
    Ok((email, credentials))
}

fn keys_of(email: &EmailLookup) -> Vec<Value> {
    args![email.key(), email.legacy()]
}

/// One row for each role, even if it is listed twice.
fn role_rows(user: &User) -> Vec<(UserId, Role)> {
    let roles: BTreeSet<Role> = user.roles.iter().cloned().collect();
    roles.into_iter().map(|role| (user.id, role)).collect()
}

#[async_trait]
impl UserRepository for SqlUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.row(&FIND, args![id], User::read).await
    }

    async fn find_by_email(&mut self, email: &EmailLookup) -> Result<Option<User>, StoreError> {
        let found = self.rows(&FIND_BY_EMAIL, keys_of(email), User::read).await?;
        Ok(email.choose(found, |user| &user.email))
    }

    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError> {
        let found = self.row(&ANY_WITH_ROLE, args![role.name()], Row::bool).await?;
        Ok(found.unwrap_or(false))
    }

    async fn count_with_role(&mut self, role: Role) -> Result<u64, StoreError> {
        Ok(self.row(&COUNT_WITH_ROLE, args![role.name()], Row::count).await?.unwrap_or_default())
    }

    async fn hold_another_with_role(&mut self, role: Role, other: UserId) -> Result<Option<UserId>, StoreError> {
        let read = |row: &mut Row| Ok(UserId::new(row.uuid()?));
        let locked = self.rows(&LOCK_WITH_ANOTHER, args![role.name(), other], read).await?;
        let Some(another) = locked.into_iter().find(|id| *id != other) else { return Ok(None) };
        match self.row(&HAS_ROLE, args![another, role.name()], Row::bool).await? {
            Some(true) => Ok(Some(another)),
            _ => self.remember(Err(StoreError::Retry("an account changed before it was locked".into()))),
        }
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

    async fn erase(&mut self, user: &User) -> Result<(), StoreError> {
        for statement in ERASE.iter().chain([&DELETE_ROLES]) {
            self.change(statement, args![user.id]).await?;
        }
        USERS.delete(self, user).await
    }

    async fn renew_hash(&mut self, id: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        Ok(self.change(&RENEW_HASH, args![id, old, new, PasswordForm::NEW.name()]).await? > 0)
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

    async fn list_users(
        &self,
        filter: &UserFilter,
        sort: UserSort,
        page: &PageRequest,
    ) -> Result<Page<UserView>, StoreError> {
        user_list::page(self, filter, sort, page).await
    }

    async fn find_credentials(&self, email: &EmailLookup) -> Result<Option<Credentials>, StoreError> {
        let found = self.rows(&FIND_CREDENTIALS, keys_of(email), read_credentials).await?;
        Ok(email.choose(found, |(email, _)| email).map(|(_, credentials)| credentials))
    }

    async fn list_without_key(&self, after: Option<UserId>, limit: u32) -> Result<Vec<(UserId, Email)>, StoreError> {
        let read = |row: &mut Row| Ok((UserId::new(row.uuid()?), Email::stored(row.text()?, None, None)));
        let after = after.map_or_else(Uuid::nil, |id| id.uuid());
        self.rows(&LIST_WITHOUT, args![after, limit], read).await
    }

    async fn list_erasures(
        &self,
        now: Timestamp,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map_or_else(Uuid::nil, |id| id.uuid());
        self.rows(&LIST_ERASURES, args![now, after, limit], |row| Ok(UserId::new(row.uuid()?))).await
    }
}
