//! The caller of a use case.

use super::Denied;
use skep_domain::{
    access::{Denial, Permissions, Subject},
    identity::SessionKind,
    shared::{Action, Network, SessionId, UserId},
};
use std::time::Duration;
use uuid::Uuid;

/// The party that a call acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A caller without credentials.
    Anonymous,
    /// A user with a session.
    User {
        /// The id of the account.
        id: UserId,
        /// The session of the access token or the cookie.
        session: SessionId,
        /// What the caller has shown for the session.
        credential: SessionKind,
        /// What the roles of the account allow, read with the request.
        permissions: Permissions,
    },
    /// Skep itself: setup, commands of the operator, and background work.
    System,
}

impl Principal {
    /// Converts the principal into the subject of an access decision.
    #[must_use]
    pub const fn subject(&self) -> Subject<'_> {
        match self {
            Self::Anonymous => Subject::Visitor,
            Self::User { id, permissions, .. } => Subject::User { id: *id, permissions },
            Self::System => Subject::System,
        }
    }
}

/// The caller, and how long it waits. A transport makes it from verified credentials. It is the first parameter of use
/// cases and queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The party that the call acts for.
    pub principal: Principal,
    /// The user that acts as the principal, if the call is impersonated.
    pub impersonator: Option<UserId>,
    /// The id of the request in logs, events and problem documents.
    pub request_id: String,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The time at which the caller stops waiting, on the monotonic clock.
    pub deadline: Option<Duration>,
    /// The network that the caller calls from. The default is that of callers without an address.
    pub network: Network,
}

impl Actor {
    /// Makes a caller without credentials.
    #[must_use]
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self::of(Principal::Anonymous, request_id)
    }

    /// Makes the actor for work that Skep does itself.
    #[must_use]
    pub fn system(request_id: impl Into<String>) -> Self {
        Self::of(Principal::System, request_id)
    }

    /// Makes a user with an access token of a session.
    #[must_use]
    pub fn user(id: UserId, session: SessionId, permissions: Permissions, request_id: impl Into<String>) -> Self {
        let credential = SessionKind::Token;
        Self::of(Principal::User { id, session, credential, permissions }, request_id)
    }

    fn of(principal: Principal, request_id: impl Into<String>) -> Self {
        let (request_id, network) = (request_id.into(), Network::default());
        Self { principal, impersonator: None, request_id, traceparent: None, deadline: None, network }
    }

    /// The id of the user, if the principal is a user.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match &self.principal {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::System => None,
        }
    }

    /// The account and the session of the actor, for an action that only a logged-in user can do.
    ///
    /// # Errors
    /// [`Denied`] if the actor has none.
    pub fn session(&self, action: Action) -> Result<(UserId, SessionId), Denied> {
        match &self.principal {
            Principal::User { id, session, .. } => Ok((*id, *session)),
            Principal::Anonymous | Principal::System => {
                Err(Denied { action, denial: Denial::NeedsAccount, user: None })
            }
        }
    }

    /// What the caller has shown for its session; `None` if the principal is no user.
    #[must_use]
    pub const fn credential(&self) -> Option<SessionKind> {
        match &self.principal {
            Principal::User { credential, .. } => Some(*credential),
            Principal::Anonymous | Principal::System => None,
        }
    }

    /// The owner of the actor's idempotency keys: the user's id, or nil for visitors and Skep itself.
    #[must_use]
    pub fn principal_id(&self) -> Uuid {
        self.user_id().map_or(Uuid::nil(), UserId::uuid)
    }

    /// Converts the actor into the subject of an access decision.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        self.principal.subject()
    }
}
