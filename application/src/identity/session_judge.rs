//! Judges whether a session authenticates, and what its user may do.

use super::{RoleQueries, SessionQueries, SessionView, policy_cache::PolicyCache};
use crate::kernel::{Principal, Runtime, StoreError};
use skep_domain::{
    access::{Permissions, Policy, Role},
    identity::SessionKind,
    shared::{SessionId, Timestamp},
};
use std::sync::Arc;

/// Finds sessions that hold, for every kind of credential. A session is read from the store every time, so that its end
/// and a change of a role take effect with the next request, on every instance.
pub struct SessionJudge {
    sessions: Arc<dyn SessionQueries>,
    policy: PolicyCache,
    pub(super) runtime: Runtime,
}

impl SessionJudge {
    /// A judge who finds sessions in `sessions`, and the roles of the deployment in `roles`.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionQueries>, roles: Arc<dyn RoleQueries>, runtime: Runtime) -> Self {
        Self { sessions, policy: PolicyCache::new(roles), runtime }
    }

    /// The session, if it holds at `now`.
    pub(super) async fn find(&self, id: SessionId, now: Timestamp) -> Result<Option<SessionView>, StoreError> {
        let found = self.sessions.find_session(id).await?;
        Ok(found.filter(|found| found.term.holds(now, found.auth_epoch)))
    }

    /// The user of the session, with what the present roles of the account allow.
    pub(super) async fn principal(&self, session: SessionId, found: &SessionView) -> Result<Principal, StoreError> {
        let permissions = if needs_policy(&found.roles) {
            Permissions::of(&found.roles, &*self.policy.at(found.policy).await?)
        } else {
            Permissions::of(&found.roles, &Policy::default())
        };
        let credential = if found.cookie.is_some() { SessionKind::Cookie } else { SessionKind::Token };
        Ok(Principal::User { id: found.user_id, session, credential, permissions })
    }
}

/// Whether what these roles allow follows from the policy of the deployment.
pub(super) fn needs_policy(roles: &[Role]) -> bool {
    roles.iter().any(|role| !matches!(role, Role::BuiltIn(_)))
}
