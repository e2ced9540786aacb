//! The user accounts.

use super::{
    account_links::{LinkDoc, keys_of_account},
    account_states::ERASE_AT,
    known_networks::KnownNetworksDoc,
    sessions::SessionDoc,
    user_list,
};
use crate::{
    ops::{Query, Update},
    record::{self, Record, Stored, Unreadable, Versioned, date, optional_time, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{Credentials, UserFilter, UserQueries, UserRepository, UserSort, UserView},
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::{AuthEpoch, KnownNetworks, PasswordForm, User},
    shared::{Email, EmailLookup, Text, Timestamp, UserId, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
pub(super) struct UserDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    email: String,
    /// A partial index holds the documents that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_typed: Option<String>,
    display_name: String,
    roles: Vec<String>,
    password_hash: String,
    /// Documents of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_form: Option<String>,
    /// Documents of earlier versions do not have it.
    #[serde(default)]
    auth_epoch: i64,
    /// Only documents of accounts with a verified address have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_verified_at: Option<DateTime>,
    /// Only documents of disabled accounts have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled_at: Option<DateTime>,
    /// Only documents of deleted accounts have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erase_at: Option<DateTime>,
    /// Only documents of accounts that wait for their owners have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invited_at: Option<DateTime>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

/// Reads the names of roles.
pub(super) fn roles(names: &[String]) -> Vec<Role> {
    names.iter().map(|name| Role::stored(name)).collect()
}

/// Reads an epoch of an account.
pub(super) fn epoch(number: i64) -> Result<AuthEpoch, Unreadable> {
    AuthEpoch::new(number).ok_or("a negative epoch")
}

fn form(name: Option<&str>) -> Result<PasswordForm, Unreadable> {
    name.map_or(Some(PasswordForm::AsTyped), PasswordForm::from_name).ok_or("unknown form of a password")
}

/// At most two accounts, each through its own index, among which the lookup chooses.
fn with_email(email: &EmailLookup) -> Query {
    Query::of(doc! { "$or": [{ "email_key": email.key() }, { "email": email.legacy() }] })
}

impl Record for UserDoc {
    const COLLECTION: &'static str = "users";
    type Entity = User;
    fn read(self) -> Result<User, Unreadable> {
        Ok(User {
            id: UserId::new(self.id.to_uuid_1()),
            email: Email::stored(self.email, self.email_key, self.email_typed),
            display_name: Text::stored(self.display_name),
            roles: roles(&self.roles),
            password_hash: self.password_hash,
            password_form: form(self.password_form.as_deref())?,
            auth_epoch: epoch(self.auth_epoch)?,
            email_verified_at: optional_time(self.email_verified_at)?,
            disabled_at: optional_time(self.disabled_at)?,
            erase_at: optional_time(self.erase_at)?,
            invited_at: optional_time(self.invited_at)?,
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for UserDoc {
    fn of(user: &User) -> Self {
        Self {
            id: record::id(user.id.uuid()),
            email: user.email.address().to_owned(),
            email_key: user.email.key().map(str::to_owned),
            email_typed: user.email.typed().map(str::to_owned),
            display_name: user.display_name.as_str().to_owned(),
            roles: user.roles.iter().map(|role| role.name().to_owned()).collect(),
            password_hash: user.password_hash.clone(),
            password_form: Some(user.password_form.name().to_owned()),
            auth_epoch: user.auth_epoch.get(),
            email_verified_at: user.email_verified_at.map(date),
            disabled_at: user.disabled_at.map(date),
            erase_at: user.erase_at.map(date),
            invited_at: user.invited_at.map(date),
            created_at: date(user.created_at),
            updated_at: date(user.updated_at),
            version: user.version.get(),
        }
    }
}

impl Versioned for UserDoc {}

/// The address of an account. Other fields may be unreadable.
#[derive(Deserialize)]
struct AddressDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    email: String,
}

impl Record for AddressDoc {
    const COLLECTION: &'static str = UserDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["email"]);
    type Entity = (UserId, Email);
    fn read(self) -> Result<(UserId, Email), Unreadable> {
        Ok((UserId::new(self.id.to_uuid_1()), Email::stored(self.email, None, None)))
    }
}

#[async_trait]
impl UserRepository for MongoUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.by_id::<UserDoc>(id.uuid()).await
    }

    async fn find_by_email(&mut self, email: &EmailLookup) -> Result<Option<User>, StoreError> {
        let found = self.all::<UserDoc>(with_email(email)).await?;
        Ok(email.choose(found, |user| &user.email))
    }

    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError> {
        Ok(self.first::<UserDoc>(doc! { "roles": role.name() }).await?.is_some())
    }

    async fn count_with_role(&mut self, role: Role) -> Result<u64, StoreError> {
        let with_role = doc! { "roles": role.name() };
        self.run(async |executor| executor.count::<UserDoc>(with_role, "users_roles_idx", i64::MAX).await).await
    }

    async fn hold_another_with_role(&mut self, role: Role, other: UserId) -> Result<Option<UserId>, StoreError> {
        let wanted = doc! {
            "roles": role.name(), "disabled_at": Bson::Null, "erase_at": Bson::Null, "invited_at": Bson::Null,
            "_id": { "$ne": record::id(other.uuid()) },
        };
        self.run(async |executor| {
            let Some(another) = executor.find_one::<UserDoc>(wanted).await? else { return Ok(None) };
            // A unit that changes it meanwhile collides with this one.
            executor.hold(UserDoc::COLLECTION, vec![record::id(another.id.uuid()).into()]).await?;
            Ok(Some(another.id))
        })
        .await
    }

    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        self.add::<UserDoc>(from_ref(user)).await
    }

    async fn save(&mut self, user: &User) -> Result<Version, StoreError> {
        self.put::<UserDoc>(user).await
    }

    async fn erase(&mut self, user: &User) -> Result<(), StoreError> {
        let (id, links) = (record::id(user.id.uuid()), keys_of_account(user.id));
        let rows = [
            (SessionDoc::COLLECTION, doc! { "user_id": id }),
            (KnownNetworksDoc::COLLECTION, doc! { "_id": id }),
            (LinkDoc::COLLECTION, doc! { "_id": { "$in": links } }),
        ];
        self.run(async |executor| {
            for (collection, of_user) in rows {
                executor.delete(collection, of_user).await?;
            }
            Ok(())
        })
        .await?;
        self.remove::<UserDoc>(user).await
    }

    async fn renew_hash(&mut self, id: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        let is_old = doc! { "_id": record::id(id.uuid()), "password_hash": old };
        let renewed = doc! { "$set": { "password_hash": new, "password_form": PasswordForm::NEW.name() } };
        let update = Update::of(is_old, renewed);
        self.run(async |executor| Ok(executor.update(UserDoc::COLLECTION, vec![update]).await? > 0)).await
    }
}

#[async_trait]
impl UserQueries for MongoStore {
    async fn find_user(&self, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError> {
        if !scope.admits(id) {
            return Ok(None);
        }
        let found = self.read().await?.by_id::<UserDoc>(id.uuid()).await?;
        Ok(found.as_ref().map(UserView::from))
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
        let mut reader = self.read().await?;
        let user = email.choose(reader.find::<UserDoc>(with_email(email)).await?, |user| &user.email);
        // Also without an account, so that the time does not reveal whether there is one.
        let user_id = user.as_ref().map_or_else(|| UserId::new(uuid::Uuid::nil()), |user| user.id);
        let known = reader.by_id::<KnownNetworksDoc>(user_id.uuid()).await?;
        let known_networks = known.unwrap_or_else(|| KnownNetworks::none(user_id));
        Ok(user.map(|user| {
            let (is_active, is_verified) = (user.is_active(), user.email_verified_at.is_some());
            let User { password_hash, password_form, auth_epoch, .. } = user;
            Credentials { user_id, password_hash, password_form, auth_epoch, known_networks, is_active, is_verified }
        }))
    }

    async fn list_without_key(&self, after: Option<UserId>, limit: u32) -> Result<Vec<(UserId, Email)>, StoreError> {
        let after = after.map_or(Bson::MinKey, |id| record::id(id.uuid()).into());
        let query = Query::of(doc! { "_id": { "$gt": after }, "email_key": { "$exists": false } })
            .by(doc! { "_id": 1 })
            .at_most(limit);
        self.read().await?.find::<AddressDoc>(query).await
    }

    async fn list_erasures(
        &self,
        now: Timestamp,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        let after = after.map_or(Bson::MinKey, |id| record::id(id.uuid()).into());
        let due = doc! { "erase_at": { "$lte": date(now) }, "_id": { "$gt": after } };
        // Few accounts are deleted. Along the ids, all accounts would be read.
        let query = Query::of(due).by(doc! { "_id": 1 }).at_most(limit).along(ERASE_AT.name);
        let found = self.read().await?.find::<AddressDoc>(query).await?;
        Ok(found.into_iter().map(|(id, _)| id).collect())
    }
}
