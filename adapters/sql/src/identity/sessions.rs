//! The log-ins.

use super::users::roles_of;
use crate::{
    Kind::{self, Int, Text, Time, Uuid},
    Row, SqlStore, SqlUnit, Statement,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    identity::{SessionQueries, SessionRepository, SessionView},
    kernel::StoreError,
};
use skep_domain::{
    identity::Session,
    shared::{SessionId, Timestamp, UserId},
};

const COLUMNS: &[Kind] = &[Uuid, Uuid, Time, Time, Time];

static FIND: Statement = Statement::both(
    "identity.session.find",
    "SELECT id, user_id, created_at, expires_at, revoked_at FROM sessions WHERE id = $1",
    &[Uuid],
    COLUMNS,
);
static INSERT: Statement = Statement::both(
    "identity.session.insert",
    "INSERT INTO sessions (id, user_id, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5)",
    COLUMNS,
    &[],
);
static REVOKE: Statement = Statement::both(
    "identity.session.revoke",
    "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    &[Uuid, Time],
    &[],
);
/// Several instances sweep at once: each takes the rows that no other has locked.
static SWEEP: Statement = Statement::per(
    "identity.session.sweep",
    (
        "DELETE FROM sessions WHERE id IN \
         (SELECT id FROM sessions WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2)",
        "DELETE FROM sessions WHERE id = ANY (ARRAY\
         (SELECT id FROM sessions WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Time, Int],
    &[],
);
/// Runs at every request: two reads by key. The join drops a session without a user.
static FIND_VIEW: Statement = Statement::both(
    "identity.session.find_view",
    concat!(
        "SELECT sessions.id, sessions.user_id, sessions.created_at, sessions.expires_at, sessions.revoked_at, ",
        roles_of!("sessions.user_id"),
        " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1"
    ),
    &[Uuid],
    &[Uuid, Uuid, Time, Time, Time, Text],
);

pub(crate) static STATEMENTS: &[&Statement] = &[&FIND, &INSERT, &REVOKE, &SWEEP, &FIND_VIEW];

fn read_columns(row: &mut Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId::new(row.uuid()?),
        user_id: UserId::new(row.uuid()?),
        created_at: row.time()?,
        expires_at: row.time()?,
        revoked_at: row.optional_time()?,
    })
}

fn read(mut row: Row) -> Result<Session, StoreError> {
    read_columns(&mut row)
}

fn read_view(mut row: Row) -> Result<SessionView, StoreError> {
    let session = read_columns(&mut row)?;
    let roles = Place("users", session.user_id).roles(row.optional_text()?.as_deref())?;
    Ok(SessionView { session, roles })
}

#[async_trait]
impl SessionRepository for SqlUnit {
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.find(&FIND, args![id], read).await
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let args = args![session.id, session.user_id, session.created_at, session.expires_at, session.revoked_at];
        self.execute(&INSERT, args).await?;
        Ok(())
    }

    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(&REVOKE, args![id, now]).await? > 0)
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.execute(&SWEEP, args![until, limit]).await
    }
}

#[async_trait]
impl SessionQueries for SqlStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        self.find(&FIND_VIEW, args![id], read_view).await
    }
}
