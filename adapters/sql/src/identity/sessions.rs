//! The sessions of logged-in users.

use super::{
    roles::{self, POLICY_VERSION},
    users::ROLES_OF_USER,
};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    statement::A_SWEEP,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{SessionQueries, SessionRepository, SessionView, constraints},
    kernel::{Constraint, StoreError},
};
use skep_domain::{
    access::PolicyVersion,
    identity::{
        AuthEpoch, CookieHash, Device, RefreshChain, RefreshHash, Renewal, Rotation, Session, SessionCookie,
        SessionOrigin, SessionTerm, UsedRefresh,
    },
    shared::{Network, SessionId, Timestamp, UserId},
};
use std::{fmt::Display, sync::LazyLock};

static SESSIONS: LazyLock<Table<Session>> = LazyLock::new(|| {
    Table::<Session>::new("sessions", "identity.session", constraints::SESSION_ID)
        .key("id", Kind::Uuid, |session| session.id.into())
        .fixed("user_id", Kind::Uuid, |session| session.user_id.into())
        .fixed("created_at", Kind::Time, |session| session.created_at.into())
        .column("expires_at", Kind::Time, |session| session.expires_at.into())
        .column("revoked_at", Kind::Time, |session| session.revoked_at.into())
        .nullable()
        .fixed("auth_epoch", Kind::Int, |session| session.auth_epoch.get().into())
        .column("device", Kind::Text, |session| session.origin.device.as_ref().map(Device::as_str).into())
        .nullable()
        .column("network", Kind::Text, |session| session.origin.network.map(|network| network.to_string()).into())
        .nullable()
        .column("refresh_hash", Kind::Bytes, |session| session.refresh.map(|chain| bytes(chain.current)).into())
        .nullable()
        .column("refresh_used_hash", Kind::Bytes, |session| used(session).map(|used| bytes(used.hash)).into())
        .nullable()
        .column("refresh_used_at", Kind::Time, |session| used(session).map(|used| used.at).into())
        .nullable()
        .column("cookie_hash", Kind::Bytes, |session| session.cookie.map(|cookie| cookie.hash.0.to_vec()).into())
        .nullable()
        .column("cookie_used_at", Kind::Time, |session| session.cookie.map(|cookie| cookie.used_at).into())
        .nullable()
        .references(Constraint::new("sessions_user_id_fkey"), "user_id", "users")
        .offers(&[Verb::Find, Verb::Insert])
});

fn bytes(hash: RefreshHash) -> Vec<u8> {
    hash.0.to_vec()
}

fn used(session: &Session) -> Option<UsedRefresh> {
    session.refresh.and_then(|chain| chain.used)
}

static ROTATE: Statement = Statement::both(
    "identity.session.rotate",
    "UPDATE sessions SET refresh_hash = $3, refresh_used_hash = $2, refresh_used_at = $4, expires_at = $5, \
     device = $6, network = $7 WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL",
    &[Kind::Uuid, Kind::Bytes, Kind::Bytes, Kind::Time, Kind::Time, Kind::Text, Kind::Text],
    &[],
);
static RENEW: Statement = Statement::both(
    "identity.session.renew",
    "UPDATE sessions SET cookie_used_at = $2, expires_at = $3 \
     WHERE id = $1 AND cookie_used_at < $2 AND expires_at > $2 AND revoked_at IS NULL",
    &[Kind::Uuid, Kind::Time, Kind::Time],
    &[],
);
static REVOKE: Statement = Statement::both(
    "identity.session.revoke",
    "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    &[Kind::Uuid, Kind::Time],
    &[],
);
/// No session has the nil id, which stands for no exception.
static REVOKE_ALL: Statement = Statement::both(
    "identity.session.revoke_all",
    "UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > $3",
    &[Kind::Uuid, Kind::Uuid, Kind::Time],
    &[],
);
static KEEP_NEWEST: Statement = Statement::both(
    "identity.session.keep_newest",
    "DELETE FROM sessions WHERE id IN \
     (SELECT id FROM sessions WHERE user_id = $1 \
     ORDER BY revoked_at IS NOT NULL, created_at DESC, id DESC LIMIT $3 OFFSET $2)",
    &[Kind::Uuid, Kind::Int, Kind::Int],
    &[],
);
static SWEEP: Statement = Statement::per(
    "identity.session.sweep",
    A_SWEEP,
    (
        "DELETE FROM sessions WHERE id IN \
         (SELECT id FROM sessions WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2)",
        "DELETE FROM sessions WHERE id = ANY (ARRAY\
         (SELECT id FROM sessions WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);
/// Runs for every request and reads three rows by key. The join leaves out a session without a user.
static FIND_VIEW: LazyLock<Statement> = LazyLock::new(|| {
    let join = " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1";
    let term = "SELECT sessions.user_id, sessions.auth_epoch, sessions.expires_at, sessions.revoked_at, ";
    let cookie = "sessions.cookie_hash, sessions.cookie_used_at, ";
    let text = [term, cookie, "users.auth_epoch, ", ROLES_OF_USER, ", ", POLICY_VERSION, join].concat();
    let columns =
        &[Kind::Uuid, Kind::Int, Kind::Time, Kind::Time, Kind::Bytes, Kind::Time, Kind::Int, Kind::Text, Kind::Int];
    SESSIONS.command("find_view", &text, &[Kind::Uuid], columns)
});
static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {sessions.*} FROM sessions JOIN users ON users.id = sessions.user_id \
        WHERE sessions.user_id = $1 AND sessions.revoked_at IS NULL AND sessions.expires_at > $2 \
        AND sessions.auth_epoch = users.auth_epoch ORDER BY sessions.created_at DESC, sessions.id DESC LIMIT $3";
    SESSIONS.query("list", text, &[Kind::Uuid, Kind::Time, Kind::Int], &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&SESSIONS).statements([
        &ROTATE,
        &RENEW,
        &REVOKE,
        &REVOKE_ALL,
        &KEEP_NEWEST,
        &SWEEP,
        &*FIND_VIEW,
        &*LIST,
    ])
}

impl Stored for Session {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = SessionId::new(row.uuid()?);
        let row_id = RowId("sessions", id);
        Ok(Self {
            id,
            user_id: UserId::new(row.uuid()?),
            created_at: row.time()?,
            expires_at: row.time()?,
            revoked_at: row.optional_time()?,
            auth_epoch: row_id.read("auth_epoch", AuthEpoch::new(row.int()?))?,
            origin: SessionOrigin {
                device: row.optional_text()?.map(Device::stored),
                network: read_network(&row_id, row.optional_text()?)?,
            },
            refresh: read_refresh(&row_id, row)?,
            cookie: read_cookie(&row_id, row)?,
        })
    }
}

fn read_network(row_id: &RowId<SessionId>, network: Option<String>) -> Result<Option<Network>, StoreError> {
    network.map(|network| row_id.read("network", network.parse().ok())).transpose()
}

fn read_refresh(row_id: &RowId<SessionId>, row: &mut Row) -> Result<Option<RefreshChain>, StoreError> {
    let hash = |column, bytes: Option<Vec<u8>>| {
        bytes.map(|bytes| row_id.read(column, bytes.try_into().ok().map(RefreshHash))).transpose()
    };
    let current = hash("refresh_hash", row.optional_bytes()?)?;
    let used = hash("refresh_used_hash", row.optional_bytes()?)?;
    let used = used.zip(row.optional_time()?).map(|(hash, at)| UsedRefresh { hash, at });
    Ok(current.map(|current| RefreshChain { current, used }))
}

fn read_cookie<Id: Display>(row_id: &RowId<Id>, row: &mut Row) -> Result<Option<SessionCookie>, StoreError> {
    let stored = row.optional_bytes()?.zip(row.optional_time()?);
    let Some((hash, used_at)) = stored else { return Ok(None) };
    let hash = row_id.read("cookie_hash", hash.try_into().ok().map(CookieHash))?;
    Ok(Some(SessionCookie { hash, used_at }))
}

fn read_view(row: &mut Row) -> Result<SessionView, StoreError> {
    let user_id = UserId::new(row.uuid()?);
    let row_id = RowId("users", user_id);
    let epoch = |number| row_id.read("auth_epoch", AuthEpoch::new(number));
    let term =
        SessionTerm { auth_epoch: epoch(row.int()?)?, expires_at: row.time()?, revoked_at: row.optional_time()? };
    let cookie = read_cookie(&row_id, row)?;
    let auth_epoch = epoch(row.int()?)?;
    let roles = roles::of_account(row.optional_text()?.as_deref());
    Ok(SessionView { user_id, term, cookie, auth_epoch, roles, policy: PolicyVersion(row.int()?) })
}

#[async_trait]
impl SessionRepository for SqlUnit {
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        SESSIONS.find(self, id).await
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        SESSIONS.insert(self, session).await
    }

    async fn rotate(&mut self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
        let Rotation { presented, successor, at, expires_at, origin } = rotation;
        let (device, network) = (origin.device.as_ref().map(Device::as_str), origin.network);
        let network = network.map(|network| network.to_string());
        let args = args![id, bytes(*presented), bytes(*successor), *at, *expires_at, device, network];
        Ok(self.change(&ROTATE, args).await? > 0)
    }

    async fn renew(&mut self, id: SessionId, renewal: Renewal) -> Result<bool, StoreError> {
        Ok(self.change(&RENEW, args![id, renewal.at, renewal.expires_at]).await? > 0)
    }

    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.change(&REVOKE, args![id, now]).await? > 0)
    }

    async fn revoke_all(
        &mut self,
        user_id: UserId,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.change(&REVOKE_ALL, args![user_id, except.unwrap_or(SessionId::NIL), now]).await
    }

    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Result<u64, StoreError> {
        self.change(&KEEP_NEWEST, args![user_id, keep, limit]).await
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![until, limit]).await
    }
}

#[async_trait]
impl SessionQueries for SqlStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        self.row(&FIND_VIEW, args![id], read_view).await
    }

    async fn list_sessions(&self, user_id: UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError> {
        self.rows(&LIST, args![user_id, now, limit], Session::read).await
    }
}
