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

/// A session with its user's roles, as the lookup joins them.
#[derive(Serialize, Deserialize)]
struct SessionViewDoc {
    #[serde(flatten)]
    session: SessionDoc,
    users: Vec<Roles>,
}

#[derive(Serialize, Deserialize)]
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
        let user = doc! {
            "from": "users", "localField": "user_id", "foreignField": "_id", "as": "users",
            "pipeline": [{ "$project": { "roles": 1 } }],
        };
        let session = doc! { "$match": { "_id": record::id(id.uuid()) } };
        // A session without a user is none, as the join of the SQL stores has it.
        let with_user = doc! { "$match": { "users": { "$ne": [] } } };
        let pipeline = vec![session, doc! { "$lookup": user }, with_user];
        Ok(self.read().await?.aggregate::<SessionViewDoc>(pipeline).await?.pop())
    }
}
