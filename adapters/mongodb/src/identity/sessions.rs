//! The sessions of logged-in users.

use super::{
    cookies::read_cookie,
    refresh_tokens::{read_refresh, replacement},
    roles::{PolicyDoc, policy_version, with_policy},
    users::{UserDoc, epoch, roles},
};
use crate::{
    ops::{Query, Update},
    record::{self, Record, Stored, Unreadable, binary, date, optional_time, time},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{SessionQueries, SessionRepository, SessionView},
    kernel::StoreError,
};
use skep_domain::{
    identity::{AuthEpoch, Device, Renewal, Rotation, Session, SessionOrigin, SessionTerm},
    shared::{SessionId, Timestamp, UserId},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
pub(super) struct SessionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user_id: bson::Uuid,
    created_at: DateTime,
    expires_at: DateTime,
    revoked_at: Option<DateTime>,
    /// Documents of earlier versions have neither an epoch nor an origin nor refresh tokens nor a cookie.
    #[serde(default)]
    auth_epoch: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_hash: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_used_hash: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_used_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cookie_hash: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cookie_used_at: Option<DateTime>,
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
            auth_epoch: epoch(self.auth_epoch)?,
            origin: SessionOrigin {
                device: self.device.map(Device::stored),
                network: self.network.map(|text| text.parse().map_err(|_| "not a network")).transpose()?,
            },
            refresh: read_refresh(self.refresh_hash, self.refresh_used_hash, self.refresh_used_at)?,
            cookie: read_cookie(self.cookie_hash, self.cookie_used_at)?,
        })
    }
}

impl Stored for SessionDoc {
    fn of(session: &Session) -> Self {
        let used = session.refresh.and_then(|chain| chain.used);
        Self {
            id: record::id(session.id.uuid()),
            user_id: record::id(session.user_id.uuid()),
            created_at: date(session.created_at),
            expires_at: date(session.expires_at),
            revoked_at: session.revoked_at.map(date),
            auth_epoch: session.auth_epoch.get(),
            device: session.origin.device.clone().map(Device::into_string),
            network: session.origin.network.map(|network| network.to_string()),
            refresh_hash: session.refresh.map(|chain| binary(&chain.current.0)),
            refresh_used_hash: used.map(|used| binary(&used.hash.0)),
            refresh_used_at: used.map(|used| date(used.at)),
            cookie_hash: session.cookie.map(|cookie| binary(&cookie.hash.0)),
            cookie_used_at: session.cookie.map(|cookie| date(cookie.used_at)),
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

    async fn rotate(&mut self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
        let presented = binary(&rotation.presented.0);
        let filter = doc! { "_id": record::id(id.uuid()), "refresh_hash": presented, "revoked_at": Bson::Null };
        let rotate = Update::of(filter, replacement(rotation));
        self.run(async |executor| Ok(executor.update(SessionDoc::COLLECTION, vec![rotate]).await? == 1)).await
    }

    async fn renew(&mut self, id: SessionId, renewal: Renewal) -> Result<bool, StoreError> {
        let Renewal { at, expires_at } = renewal;
        let filter = doc! {
            "_id": record::id(id.uuid()),
            "cookie_used_at": { "$lt": date(at) },
            "expires_at": { "$gt": date(at) },
            "revoked_at": Bson::Null,
        };
        let set = doc! { "cookie_used_at": date(at), "expires_at": date(expires_at) };
        let renew = Update::of(filter, doc! { "$set": set });
        self.run(async |executor| Ok(executor.update(SessionDoc::COLLECTION, vec![renew]).await? == 1)).await
    }

    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let filter = doc! { "_id": record::id(id.uuid()), "revoked_at": Bson::Null };
        let revoke = Update::of(filter, doc! { "$set": { "revoked_at": date(now) } });
        self.run(async |executor| Ok(executor.update(SessionDoc::COLLECTION, vec![revoke]).await? == 1)).await
    }

    async fn revoke_all(
        &mut self,
        user_id: UserId,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut others = going_on(user_id, now);
        if let Some(kept) = except {
            others.insert("_id", doc! { "$ne": record::id(kept.uuid()) });
        }
        let revoke = Update::of(others, doc! { "$set": { "revoked_at": date(now) } }).every();
        self.run(async |executor| executor.update(SessionDoc::COLLECTION, vec![revoke]).await).await
    }

    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Result<u64, StoreError> {
        let of_user = Query::of(doc! { "user_id": record::id(user_id.uuid()) });
        // Without a time, `revoked_at` comes first.
        let newest_first = of_user.by(doc! { "revoked_at": 1, "created_at": -1, "_id": -1 });
        self.delete_found::<SessionDoc>(newest_first.after(keep).at_most(limit)).await
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let ended = doc! { "$lte": date(until) };
        let ended = doc! { "$or": [{ "expires_at": &ended }, { "revoked_at": &ended }] };
        self.delete_found::<SessionDoc>(Query::of(ended).at_most(limit)).await
    }
}

/// The sessions of a user that were not ended before this time.
fn going_on(user_id: UserId, now: Timestamp) -> Document {
    doc! { "user_id": record::id(user_id.uuid()), "revoked_at": Bson::Null, "expires_at": { "$gt": date(now) } }
}

/// The term of a session, joined with what its user has.
#[derive(Deserialize)]
struct SessionViewDoc {
    user_id: bson::Uuid,
    expires_at: DateTime,
    revoked_at: Option<DateTime>,
    #[serde(default)]
    auth_epoch: i64,
    #[serde(default)]
    cookie_hash: Option<Binary>,
    #[serde(default)]
    cookie_used_at: Option<DateTime>,
    users: Vec<SessionUserDoc>,
    policy: Vec<PolicyDoc>,
}

#[derive(Deserialize)]
struct SessionUserDoc {
    roles: Vec<String>,
    #[serde(default)]
    auth_epoch: i64,
}

impl Record for SessionViewDoc {
    const COLLECTION: &'static str = SessionDoc::COLLECTION;
    type Entity = SessionView;
    fn read(self) -> Result<SessionView, Unreadable> {
        let user = self.users.first().ok_or("a session without a user")?;
        let (auth_epoch, roles, policy) = (epoch(user.auth_epoch)?, roles(&user.roles), policy_version(&self.policy));
        let term = SessionTerm {
            auth_epoch: epoch(self.auth_epoch)?,
            expires_at: time(self.expires_at)?,
            revoked_at: optional_time(self.revoked_at)?,
        };
        let (user_id, cookie) =
            (UserId::new(self.user_id.to_uuid_1()), read_cookie(self.cookie_hash, self.cookie_used_at)?);
        Ok(SessionView { user_id, term, cookie, auth_epoch, roles, policy })
    }
}

/// The fields that the check of each request needs.
fn term_fields() -> Document {
    doc! { "$project": {
        "user_id": 1, "expires_at": 1, "revoked_at": 1, "auth_epoch": 1, "cookie_hash": 1, "cookie_used_at": 1,
        "users": 1, "policy": 1,
    } }
}

#[async_trait]
impl SessionQueries for MongoStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        let of_user = ("user_id", "users", ["roles", "auth_epoch"].as_slice());
        self.read().await?.joined::<SessionViewDoc>(id.uuid(), of_user, vec![with_policy(), term_fields()]).await
    }

    async fn list_sessions(&self, user_id: UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError> {
        let mut reader = self.read().await?;
        let Some(user) = reader.by_id::<UserDoc>(user_id.uuid()).await? else { return Ok(vec![]) };
        // A document of an earlier version has no epoch, which stands for the first one.
        let missing = (user.auth_epoch == AuthEpoch::FIRST).then_some(Bson::Null);
        let epochs: Vec<Bson> = missing.into_iter().chain([user.auth_epoch.get().into()]).collect();
        let mut of_epoch = going_on(user_id, now);
        of_epoch.insert("auth_epoch", doc! { "$in": epochs });
        reader.find::<SessionDoc>(Query::of(of_epoch).by(doc! { "created_at": -1, "_id": -1 }).at_most(limit)).await
    }
}
