//! Log-ins.

use super::users::roles;
use crate::{
    ops::{Query, Update},
    record::{self, Record, Unreadable, date, optional_time, time},
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
    access::Role,
    identity::Session,
    shared::{SessionId, Timestamp, UserId},
};

#[derive(Serialize, Deserialize)]
struct SessionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user_id: bson::Uuid,
    created_at: DateTime,
    expires_at: DateTime,
    revoked_at: Option<DateTime>,
}

impl From<&Session> for SessionDoc {
    fn from(session: &Session) -> Self {
        Self {
            id: record::id(session.id.uuid()),
            user_id: record::id(session.user_id.uuid()),
            created_at: date(session.created_at),
            expires_at: date(session.expires_at),
            revoked_at: session.revoked_at.map(date),
        }
    }
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

#[async_trait]
impl SessionRepository for MongoUnit {
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let mut step = self.step()?;
        let found = step.find_one::<SessionDoc>(doc! { "_id": record::id(id.uuid()) }).await?;
        step.ok(found)
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let mut step = self.step()?;
        step.insert(&[SessionDoc::from(session)]).await?;
        step.ok(())
    }

    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let mut step = self.step()?;
        let filter = doc! { "_id": record::id(id.uuid()), "revoked_at": Bson::Null };
        let change = doc! { "$set": { "revoked_at": date(now) } };
        let revoked = step.update(SessionDoc::COLLECTION, vec![Update::of(filter, change)]).await?;
        step.ok(revoked == 1)
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut step = self.step()?;
        let ended = doc! { "$lte": date(until) };
        let query = Query::of(doc! { "$or": [{ "expires_at": &ended }, { "revoked_at": &ended }] }).at_most(limit);
        let ids: Vec<_> =
            step.find::<SessionDoc>(query).await?.into_iter().map(|session| record::id(session.id.uuid())).collect();
        let swept = if ids.is_empty() {
            0
        } else {
            step.delete(SessionDoc::COLLECTION, doc! { "_id": { "$in": ids } }).await?
        };
        step.ok(swept)
    }
}

/// What a user may do.
#[derive(Serialize, Deserialize)]
struct RolesDoc {
    roles: Vec<String>,
}

impl Record for RolesDoc {
    const COLLECTION: &'static str = "users";
    type Entity = Vec<Role>;
    fn read(self) -> Result<Vec<Role>, Unreadable> {
        roles(&self.roles)
    }
}

#[async_trait]
impl SessionQueries for MongoStore {
    /// Two questions by id cost the server less than half of one with a `$lookup`. Roles that change between them are
    /// the newer ones, as if all of it had been asked later.
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        let mut read = self.read().await?;
        let session = read.find_one::<SessionDoc>(doc! { "_id": record::id(id.uuid()) }).await?;
        let Some(session) = session else { return Ok(None) };
        let user = Query::of(doc! { "_id": record::id(session.user_id.uuid()) }).only(&["roles"]).at_most(1);
        // A session without a user is none, as the join of the SQL stores has it.
        let roles = read.find::<RolesDoc>(user).await?.pop();
        Ok(roles.map(|roles| SessionView { session, roles }))
    }
}
