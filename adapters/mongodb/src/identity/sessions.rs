//! The sessions of logged-in users.

use super::users::roles;
use crate::{
    ops::{Query, Update},
    record::{self, Record, Stored, Unreadable, date, optional_time, time},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{SessionQueries, SessionRepository, SessionView},
    kernel::StoreError,
};
use skep_domain::{
    identity::Session,
    shared::{SessionId, Timestamp, UserId},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct SessionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user_id: bson::Uuid,
    created_at: DateTime,
    expires_at: DateTime,
    revoked_at: Option<DateTime>,
}

impl Record for SessionDoc {
    const COLLECTION: &'static str = "sessions";
    type Entity = Session;
    fn read(self) -> Result<Session, Unreadable> {
        Ok(Session {
            id: SessionId::new(self.id.to_uuid_1()),
            user_id: UserId::new(self.user_id.to_uuid_1()),
            created_at: time(self.created_at)?,
            expires_at: time(self.expires_at)?,
            revoked_at: optional_time(self.revoked_at)?,
        })
    }
}

impl Stored for SessionDoc {
    fn of(session: &Session) -> Self {
        Self {
            id: record::id(session.id.uuid()),
            user_id: record::id(session.user_id.uuid()),
            created_at: date(session.created_at),
            expires_at: date(session.expires_at),
            revoked_at: session.revoked_at.map(date),
        }
    }
}

#[async_trait]
impl SessionRepository for MongoUnit {
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.by_id::<SessionDoc>(id.uuid()).await
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.add::<SessionDoc>(from_ref(session)).await
    }

    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let filter = doc! { "_id": record::id(id.uuid()), "revoked_at": Bson::Null };
        let revoke = Update::of(filter, doc! { "$set": { "revoked_at": date(now) } });
        self.run(async |executor| Ok(executor.update(SessionDoc::COLLECTION, vec![revoke]).await? == 1)).await
    }

    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Result<u64, StoreError> {
        let of_user = Query::of(doc! { "user_id": record::id(user_id.uuid()) });
        let newest_first = of_user.by(doc! { "created_at": -1, "_id": -1 });
        self.delete_found::<SessionDoc>(newest_first.after(keep).at_most(limit)).await
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let ended = doc! { "$lte": date(until) };
        let ended = doc! { "$or": [{ "expires_at": &ended }, { "revoked_at": &ended }] };
        self.delete_found::<SessionDoc>(Query::of(ended).at_most(limit)).await
    }
}

/// A session, joined with its user's roles.
#[derive(Deserialize)]
struct SessionViewDoc {
    #[serde(flatten)]
    session: SessionDoc,
    users: Vec<Roles>,
}

#[derive(Deserialize)]
struct Roles {
    roles: Vec<String>,
}

impl Record for SessionViewDoc {
    const COLLECTION: &'static str = SessionDoc::COLLECTION;
    type Entity = SessionView;
    fn read(self) -> Result<SessionView, Unreadable> {
        let user = self.users.first().ok_or("a session without a user")?;
        Ok(SessionView { roles: roles(&user.roles)?, session: self.session.read()? })
    }
}

#[async_trait]
impl SessionQueries for MongoStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        self.read().await?.joined::<SessionViewDoc>(id.uuid(), ("user_id", "users", "roles"), vec![]).await
    }
}
