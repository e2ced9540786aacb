//! The ports of identity.

use crate::kernel::{BoxError, Scope, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::Role,
    identity::{Session, User},
    shared::{Email, SessionId, Text, Timestamp, UserId, Version},
};

context! {
    /// All that a command of identity may touch.
    unit IdentityTx {
        /// The accounts.
        users: UserRepository by MockUserRepository,
        /// The log-ins.
        sessions: SessionRepository by MockSessionRepository,
        /// The one-time token of the set-up.
        setup_tokens: SetupTokenRepository by MockSetupTokenRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockIdentityTx of IdentityMocks
    /// Everything that a store does for identity.
    store IdentityStore: UserQueries, SessionQueries
}

/// The accounts, inside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UserRepository: Send {
    /// The user with this id.
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError>;
    /// The user with this address.
    async fn find_by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError>;
    /// Whether any account has this role.
    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError>;
    /// Stores a new user. `Duplicate` of `UserId` or `UserEmail`.
    async fn insert(&mut self, user: &User) -> Result<(), StoreError>;
    /// Stores a changed user over the version it was read with, and answers the new version. `Stale`, `Duplicate`.
    async fn save(&mut self, user: &User) -> Result<Version, StoreError>;
}

/// The log-ins, inside a unit of work.
///
/// 1. `sweep` forgets sessions that expired, or were revoked, at or before a time: never another one, and never more
///    than its limit.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send {
    /// The session with this id.
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// Stores a new session. `Duplicate` of `SessionId`.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Ends the session, unless it has ended; answers whether it did now.
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError>;
    /// Forgets at most `limit` sessions that expired or were revoked at or before `until`; answers how many.
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The token with which the first admin is made. Only its hash is kept, and one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// From when on it is worthless.
    pub expires_at: Timestamp,
}

/// The set-up token, inside a unit of work.
///
/// 1. Of units that `replace` it at the same time, each is stored or gets `Retry`, and the last one's token is left.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SetupTokenRepository: Send {
    /// The token, if there is one.
    async fn find(&mut self) -> Result<Option<SetupToken>, StoreError>;
    /// Keeps this token instead of the one before.
    async fn replace(&mut self, token: &SetupToken) -> Result<(), StoreError>;
    /// Forgets the token.
    async fn delete(&mut self) -> Result<(), StoreError>;
}

/// A user, as shown to those who may see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserView {
    /// The identifier.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The name.
    pub display_name: Text,
    /// The roles.
    pub roles: Vec<Role>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The version.
    pub version: Version,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            roles: user.roles.clone(),
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

/// What a log-in is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub user_id: UserId,
    /// The hash of its password.
    pub password_hash: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Reads accounts.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UserQueries: Send + Sync {
    /// The user with this id, if it lies within the scope.
    async fn find_user(&self, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError>;
    /// What a log-in with this address is checked against.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;
}

/// A session and what its user may do, read together at every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// The roles that its user has now.
    pub roles: Vec<Role>,
}

/// Reads sessions.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionQueries: Send + Sync {
    /// The session with this id and the roles of its user, by one indexed read. A revocation that was committed shows at
    /// once.
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError>;
}

/// Why a password cannot be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// All hashers are busy and the queue is full.
    #[error("too many passwords are being hashed")]
    Busy,
    /// Our fault, or a stored hash that cannot be read.
    #[error("password hashing failed")]
    Failed(#[source] BoxError),
}

/// Hashes passwords, slowly on purpose and a few at a time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The hash of the password with a fresh salt, in the PHC string format.
    async fn hash(&self, password: String) -> Result<String, HashError>;
    /// Whether the password is the one of the hash. Without a hash the answer is `false` and takes as long as any other.
    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, HashError>;
}

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// The account (`sub`).
    pub user_id: UserId,
    /// The log-in (`sid`).
    pub session_id: SessionId,
    /// Names the token (`jti`).
    pub token_id: uuid::Uuid,
    /// When it was issued (`iat`), to the second.
    pub issued_at: Timestamp,
    /// From when on it is worthless (`exp`), to the second.
    pub expires_at: Timestamp,
}

/// Why a token is worthless.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It is not one of ours, or not whole.
    #[error("the token is not valid")]
    Invalid,
}

/// Signs and verifies access tokens (RFC 9068, signed with Ed25519).
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait AccessTokens: Send + Sync {
    /// The signed token.
    ///
    /// # Errors
    /// Why it cannot be signed, which is our fault.
    fn issue(&self, claims: &AccessClaims) -> Result<String, BoxError>;
    /// What the token says, if the signature, the issuer, the audience, the type and the time are right.
    ///
    /// # Errors
    /// [`TokenError`].
    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError>;
    /// The public keys as a JSON Web Key Set (RFC 7517).
    fn jwks(&self) -> String;
}

/// Makes tokens that are shown once and kept as a hash.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait OneTimeSecrets: Send + Sync {
    /// A fresh token of 256 random bits as text for people, and its hash.
    fn generate(&self) -> (String, [u8; 32]);
    /// The hash of a token as typed.
    fn hash(&self, token: &str) -> [u8; 32];
    /// Whether two hashes are equal, in constant time.
    fn same(&self, a: &[u8; 32], b: &[u8; 32]) -> bool;
}
