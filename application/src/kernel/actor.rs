//! The caller of a use case.

use skep_domain::{
    access::{Role, Subject},
    shared::{SessionId, UserId},
};
use std::time::Duration;
use uuid::Uuid;

/// On whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A caller without credentials.
    Anonymous,
    /// A user with a session.
    User {
        /// The account.
        id: UserId,
        /// The log-in.
        session: SessionId,
        /// The roles that the account has now.
        roles: Vec<Role>,
    },
    /// Skep itself: set-up, commands of the operator, background work.
    System,
}

/// The caller, and for how long it waits. A transport makes it from verified credentials; it is the first parameter of
/// every use case and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// On whose behalf.
    pub principal: Principal,
    /// The user behind an impersonation.
    pub impersonator: Option<UserId>,
    /// Names the request in logs, events and problem documents.
    pub request_id: String,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// When the caller stops waiting, by the monotonic clock.
    pub deadline: Option<Duration>,
}

impl Actor {
    /// A caller without credentials.
    #[must_use]
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self::of(Principal::Anonymous, request_id)
    }

    /// Skep itself.
    #[must_use]
    pub fn system(request_id: impl Into<String>) -> Self {
        Self::of(Principal::System, request_id)
    }

    /// A user with a session.
    #[must_use]
    pub fn user(id: UserId, session: SessionId, roles: Vec<Role>, request_id: impl Into<String>) -> Self {
        Self::of(Principal::User { id, session, roles }, request_id)
    }

    fn of(principal: Principal, request_id: impl Into<String>) -> Self {
        Self { principal, impersonator: None, request_id: request_id.into(), traceparent: None, deadline: None }
    }

    /// The user, if it is one.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match &self.principal {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::System => None,
        }
    }

    /// What idempotency keys belong to: the user's id, or nil for Skep itself and visitors.
    #[must_use]
    pub fn principal_id(&self) -> Uuid {
        self.user_id().map_or(Uuid::nil(), UserId::uuid)
    }

    /// The actor as the decision sees it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match &self.principal {
            Principal::Anonymous => Subject::Visitor,
            Principal::User { id, roles, .. } => Subject::User { id: *id, roles },
            Principal::System => Subject::System,
        }
    }
}
