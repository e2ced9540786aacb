//! The account of a user, and its sessions, in an export.

use super::{IdentityTx, SessionQueries, UserQueries};
use crate::kernel::{Begin, ExportUser, Page, PageRequest, Runtime, Scope, StoreError, TxMode, exported, run};
use async_trait::async_trait;
use serde_json::{Value, json};
use skep_domain::{
    identity::{KnownNetworks, Session},
    shared::{Timestamp, UserId},
};
use std::sync::Arc;

/// The account, with its roles and without its password.
pub struct ExportProfile(Arc<dyn UserQueries>);

impl ExportProfile {
    /// Reads from this store.
    #[must_use]
    pub const fn new(users: Arc<dyn UserQueries>) -> Self {
        Self(users)
    }
}

#[async_trait]
impl ExportUser for ExportProfile {
    fn section(&self) -> &'static str {
        "account"
    }

    async fn read(&self, user: UserId, _: Timestamp, _: &PageRequest) -> Result<Page<Value>, StoreError> {
        let found = self.0.find_user(Scope::OwnedBy(user), user).await?;
        whole(found.iter().map(exported).collect::<Result<_, _>>()?)
    }
}

/// The sessions that have not ended, without their tokens and cookies.
pub struct ExportSessions(Arc<dyn SessionQueries>);

impl ExportSessions {
    /// The greatest number of sessions that a deployment lets one user have.
    const MOST: u32 = 10_000;

    /// Reads from this store.
    #[must_use]
    pub const fn new(sessions: Arc<dyn SessionQueries>) -> Self {
        Self(sessions)
    }
}

#[async_trait]
impl ExportUser for ExportSessions {
    fn section(&self) -> &'static str {
        "sessions"
    }

    async fn read(&self, user: UserId, now: Timestamp, _: &PageRequest) -> Result<Page<Value>, StoreError> {
        let sessions = self.0.list_sessions(user, now, Self::MOST).await?;
        whole(sessions.iter().map(session).collect())
    }
}

fn session(session: &Session) -> Value {
    json!({
        "id": session.id,
        "kind": session.kind().name(),
        "device": session.origin.device.as_ref().map(|device| device.as_str()),
        "network": session.origin.network.map(|network| network.to_string()),
        "created_at": session.created_at,
        "last_used_at": session.last_used_at(),
        "expires_at": session.expires_at,
    })
}

/// The times at which the user logged in last from each network that is remembered. The networks are stored as keyed hashes
/// only, and are left out.
pub struct ExportKnownNetworks {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    runtime: Runtime,
}

impl ExportKnownNetworks {
    /// Reads from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }
}

#[async_trait]
impl ExportUser for ExportKnownNetworks {
    fn section(&self) -> &'static str {
        "known_networks"
    }

    async fn read(&self, user: UserId, _: Timestamp, _: &PageRequest) -> Result<Page<Value>, StoreError> {
        let found: Option<KnownNetworks> = run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Read, &[]).await?;
            let found = unit.known_networks().find(user).await;
            attempt.end(unit, found).await
        })
        .await?;
        let times = found.iter().flat_map(KnownNetworks::times);
        whole(times.map(|at| json!({ "last_login_at": at })).collect())
    }
}

/// The only page of a section.
#[expect(clippy::unnecessary_wraps, reason = "it ends the reading of a section")]
fn whole(items: Vec<Value>) -> Result<Page<Value>, StoreError> {
    Ok(Page { items, next: None, total: None })
}
