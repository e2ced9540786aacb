//! The ports of identity.

use super::{ExtraClaims, UserFilter, UserSort};
use crate::jobs::JobRepository;
#[cfg(any(test, feature = "testing"))]
use crate::jobs::MockJobRepository;
use crate::kernel::{BoxError, Guarded, Page, PageRequest, Scope, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::{Group, GroupId, Membership, OwnRole, Policy, PolicyVersion, Resource, Role, RoleName},
    identity::{
        AccountLink, AccountState, AuthEpoch, KnownNetworks, LinkPurpose, PasswordForm, Renewal, Rotation, Session,
        SessionCookie, SessionTerm, User,
    },
    shared::{Email, EmailLookup, Network, SessionId, ShownEmail, Text, Timestamp, UserId, Version},
};

context! {
    /// The repositories that a command of identity may use.
    unit IdentityTx {
        /// Finds and stores accounts.
        users: UserRepository by MockUserRepository,
        /// Finds and stores the roles of the deployment.
        roles: RoleRepository by MockRoleRepository,
        /// Finds and stores the groups of accounts.
        groups: GroupRepository by MockGroupRepository,
        /// Finds, stores and ends sessions.
        sessions: SessionRepository by MockSessionRepository,
        /// Finds and replaces the networks that accounts have logged in from.
        known_networks: KnownNetworkRepository by MockKnownNetworkRepository,
        /// Finds and replaces the one-time token of the setup.
        setup_tokens: SetupTokenRepository by MockSetupTokenRepository,
        /// Finds, replaces and uses up the links that are mailed to the owners of accounts.
        account_links: AccountLinkRepository by MockAccountLinkRepository,
        /// Stores the jobs of mails.
        jobs: JobRepository by MockJobRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockIdentityTx of IdentityMocks
    /// A store of identity.
    store IdentityStore: UserQueries, RoleQueries, SessionQueries
}

/// An account belongs to itself.
impl Guarded for User {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.id)
    }
}

/// A role belongs to the deployment.
impl Guarded for OwnRole {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// A group belongs to the deployment.
impl Guarded for Group {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

impl Guarded for Session {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.user_id)
    }
}

/// Accounts, inside a unit of work.
///
/// 1. `find_by_email` finds the account that `EmailLookup::choose` chooses among all accounts, with one statement.
/// 2. `hold_another_with_role` finds only active accounts. When the unit commits, the account that it found is active and
///    has the role: of units that hold each other's accounts and change them, at most one is stored.
/// 3. `renew_hash` changes only an account whose hash is still the old one, with one statement, and nothing but the hash
///    and its form. If several units renew a hash at the same time, one of them does, and each of the others does not or
///    gets `Retry`.
/// 4. `erase` leaves no row of the account, changes nothing of any other account, and frees the address.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UserRepository: Send {
    /// Finds the user with this id.
    async fn find(&mut self, id: UserId) -> Result<Option<User>, StoreError>;
    /// Finds the user with this address.
    async fn find_by_email(&mut self, email: &EmailLookup) -> Result<Option<User>, StoreError>;
    /// Whether any account has this role.
    async fn any_with_role(&mut self, role: Role) -> Result<bool, StoreError>;
    /// Counts the accounts with this role.
    async fn count_with_role(&mut self, role: Role) -> Result<u64, StoreError>;
    /// Finds an active account with this role that is not `other`, and keeps other units from changing it until this unit
    /// has ended.
    async fn hold_another_with_role(&mut self, role: Role, other: UserId) -> Result<Option<UserId>, StoreError>;
    /// Stores a new user. Returns `Duplicate` of `USER_ID`, `USER_EMAIL` or `USER_EMAIL_KEY` if the id, the address or its
    /// key is taken.
    async fn insert(&mut self, user: &User) -> Result<(), StoreError>;
    /// Stores a changed user over the version that it was read with, and returns the new version. Returns `Stale` if
    /// the stored version has changed, or `Duplicate` of `USER_EMAIL` or `USER_EMAIL_KEY`.
    async fn save(&mut self, user: &User) -> Result<Version, StoreError>;
    /// Deletes the account in the version that it was read with, and its roles, sessions, known networks and links. Returns
    /// `Stale` if the stored version has changed.
    async fn erase(&mut self, user: &User) -> Result<(), StoreError>;
    /// Replaces this hash of the account's password by another hash of the same password in [`PasswordForm::NEW`], and
    /// returns whether this call did it. The version stays, because nothing changes that a caller sees.
    async fn renew_hash(&mut self, id: UserId, old: &str, new: &str) -> Result<bool, StoreError>;
}

/// The roles that the deployment defines, inside a unit of work.
///
/// 1. `insert`, `save` and `delete` raise the version of the policy. If several units call them at the same time, each
///    later one sees what the earlier ones have stored, or gets `Retry`.
/// 2. `hold` keeps other units from changing or deleting the roles until this unit has ended. A unit that deletes one of
///    them afterwards sees what this unit has stored, or gets `Retry`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RoleRepository: Send {
    /// Finds the role with this name.
    async fn find(&mut self, name: &RoleName) -> Result<Option<OwnRole>, StoreError>;
    /// Finds the roles with these names that exist, in any order, and locks them.
    async fn hold(&mut self, names: &[RoleName]) -> Result<Vec<OwnRole>, StoreError>;
    /// Counts the roles.
    async fn count(&mut self) -> Result<u64, StoreError>;
    /// Stores a new role. Returns `Duplicate` of `ROLE_ID` or `ROLE_NAME` if the id or the name is taken.
    async fn insert(&mut self, role: &OwnRole) -> Result<(), StoreError>;
    /// Stores a changed role over the version that it was read with, and returns the new version. Returns `Stale` if the
    /// stored version has changed.
    async fn save(&mut self, role: &OwnRole) -> Result<Version, StoreError>;
    /// Deletes a role in the version that it was read with. Returns `Stale` if the stored version has changed.
    async fn delete(&mut self, role: &OwnRole) -> Result<(), StoreError>;
}

/// The groups of accounts, inside a unit of work.
///
/// 1. `insert`, `save` and `delete` raise the version of the policy. If several units call them at the same time, each
///    later one sees what the earlier ones have stored, or gets `Retry`.
/// 2. `hold` returns every group, and keeps other units from changing a group or a role until this unit has ended. Units
///    that call it at the same time see what the earlier ones have stored, or get `Retry`. Without a group there is
///    nothing to keep.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait GroupRepository: Send {
    /// Finds the group with this id.
    async fn find(&mut self, id: GroupId) -> Result<Option<Group>, StoreError>;
    /// Reads and locks every group, in any order.
    async fn hold(&mut self) -> Result<Vec<Group>, StoreError>;
    /// Stores a new group. Returns `Duplicate` of `GROUP_ID` or `GROUP_NAME` if the id or the name is taken.
    async fn insert(&mut self, group: &Group) -> Result<(), StoreError>;
    /// Stores a changed group over the version that it was read with, and returns the new version. Returns `Stale` if the
    /// stored version has changed, or `Duplicate` of `GROUP_NAME`.
    async fn save(&mut self, group: &Group) -> Result<Version, StoreError>;
    /// Deletes a group in the version that it was read with. Returns `Stale` if the stored version has changed.
    async fn delete(&mut self, group: &Group) -> Result<(), StoreError>;
}

/// Sessions, inside a unit of work.
///
/// 1. `sweep` deletes only sessions that expired or were revoked at or before `until`, and never more than its limit.
/// 2. `keep_newest` deletes only sessions of this user, and never more than its limit. The `keep` sessions that started
///    last stay, and those that were revoked go before the others. If two units call it at the same time, each does its work
///    or gets `Retry`.
/// 3. `revoke_all` revokes only sessions of this user, and leaves those that expired or were revoked as they are. If
///    several units revoke a session at the same time, one of them counts it, and each of the others does not or gets
///    `Retry`.
/// 4. `rotate` changes only a session whose current refresh token is the presented one, and which was not revoked. If
///    several units rotate one token at the same time, one of them does, and each of the others does not or gets
///    `Retry`.
/// 5. `renew` changes only a session with a cookie that goes on at the time of the renewal and was not used later. It
///    never moves the time of the last use backwards, also if several units renew a session at the same time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send {
    /// Finds the session with this id.
    async fn find(&mut self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// Stores a new session. Returns `Duplicate` of `SESSION_ID` if the id is taken.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Replaces the current refresh token of the session, its end and its origin as [`Session::rotated`] does, with one
    /// statement. Returns whether this call did it.
    async fn rotate(&mut self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError>;
    /// Stores a use of a session with a cookie and its new end as [`Session::renewed`] does, with one statement. Returns
    /// whether this call did it.
    async fn renew(&mut self, id: SessionId, renewal: Renewal) -> Result<bool, StoreError>;
    /// Revokes the session, unless it is already revoked. Returns whether this call revoked it.
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Result<bool, StoreError>;
    /// Revokes the sessions of the user that have not ended at `now`, except this one, and returns how many.
    async fn revoke_all(
        &mut self,
        user_id: UserId,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> Result<u64, StoreError>;
    /// Deletes at most `limit` sessions of the user, except the `keep` that started last, and returns how many.
    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Result<u64, StoreError>;
    /// Deletes at most `limit` sessions that expired or were revoked at or before `until`, and returns how many.
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The networks that accounts have logged in from, inside a unit of work.
///
/// 1. If several units `replace` the list of one account at the same time, each is stored or gets `Retry`. The list of
///    the last one remains.
/// 2. `sweep` deletes only lists whose latest login was at or before `until`, and never more than its limit.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait KnownNetworkRepository: Send {
    /// Finds the list of this account, if one is stored.
    async fn find(&mut self, id: UserId) -> Result<Option<KnownNetworks>, StoreError>;
    /// Stores this list in place of any earlier one of the account. An empty list is not stored and changes nothing.
    async fn replace(&mut self, networks: &KnownNetworks) -> Result<(), StoreError>;
    /// Deletes at most `limit` lists whose latest login was at or before `until`, and returns how many.
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The token for creating the first admin. At most one is stored, and only as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupToken {
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
    /// The time from which on the token is not valid.
    pub expires_at: Timestamp,
}

/// The setup token, inside a unit of work.
///
/// 1. If several units `replace` the token at the same time, each is stored or gets `Retry`. The token of the last one
///    remains.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SetupTokenRepository: Send {
    /// Finds the token, if there is one.
    async fn find(&mut self) -> Result<Option<SetupToken>, StoreError>;
    /// Stores this token in place of any earlier one.
    async fn replace(&mut self, token: &SetupToken) -> Result<(), StoreError>;
    /// Deletes the token, if there is one.
    async fn delete(&mut self) -> Result<(), StoreError>;
}

/// The links that are mailed to the owners of accounts, inside a unit of work. A row does not need an account.
///
/// 1. `replace` leaves one link of the account and the purpose. If several units replace it at the same time, each is
///    stored or gets `Retry`, and the link of the last one remains.
/// 2. `consume` deletes only the link with this hash, and only before it expires, with one statement. If several units
///    consume a link at the same time, one of them does, and each of the others does not or gets `Retry`.
/// 3. `sweep` deletes only links that expired at or before `until`, and never more than its limit.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AccountLinkRepository: Send {
    /// Finds the link of this account and purpose, also if it has expired.
    async fn find(&mut self, user_id: UserId, purpose: LinkPurpose) -> Result<Option<AccountLink>, StoreError>;
    /// Finds the link with this hash, also if it has expired.
    async fn find_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<AccountLink>, StoreError>;
    /// Stores this link in place of any earlier one of the account and the purpose.
    async fn replace(&mut self, link: &AccountLink) -> Result<(), StoreError>;
    /// Deletes the link with this hash if it has not expired at `now`. Returns whether this call did it.
    async fn consume(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<bool, StoreError>;
    /// Deletes at most `limit` links that expired at or before `until`, and returns how many.
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// A user, as shown to callers that may see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserView {
    /// The id of the account.
    pub id: UserId,
    /// The address that the user logs in with, as the user typed it.
    pub email: ShownEmail,
    /// The name that other users see.
    pub display_name: Text,
    /// The roles of the account itself, without repetition.
    pub roles: Vec<Role>,
    /// The groups that the account is in. It has their roles, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
    /// The time at which the address was verified; `None` if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified_at: Option<Timestamp>,
    /// The time at which the account was disabled; `None` if it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// The time from which on the account is erased; `None` unless it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_at: Option<Timestamp>,
    /// The time of the invitation that the owner has not accepted; `None` if no invitation waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_at: Option<Timestamp>,
    /// The time at which the account was created.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, for preconditions.
    pub version: Version,
}

impl UserView {
    /// The roles of the account itself, and its memberships.
    #[must_use]
    pub fn all_roles(&self) -> Vec<Role> {
        let memberships = self.groups.iter().map(|group| Role::Group(Membership::of(*group)));
        self.roles.iter().cloned().chain(memberships).collect()
    }

    /// The state of the account.
    #[must_use]
    pub const fn state(&self) -> AccountState {
        AccountState::of(self.erase_at, self.disabled_at, self.invited_at)
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.shown(),
            display_name: user.display_name.clone(),
            roles: user.own_roles().cloned().collect(),
            groups: user.groups().collect(),
            email_verified_at: user.email_verified_at,
            disabled_at: user.disabled_at,
            erase_at: user.erase_at,
            invited_at: user.invited_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

/// The account and the password hash that a login is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The id of the account.
    pub user_id: UserId,
    /// The hash of the account's password, in the PHC string format.
    pub password_hash: String,
    /// The form of the password that was hashed.
    pub password_form: PasswordForm,
    /// The epoch of the account. A new password starts another one.
    pub auth_epoch: AuthEpoch,
    /// The networks that the account has logged in from.
    pub known_networks: KnownNetworks,
    /// Whether the account is active.
    pub is_active: bool,
    /// Whether the address of the account was verified.
    pub is_verified: bool,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Reads accounts.
///
/// 1. `find_credentials` finds the account that `EmailLookup::choose` chooses among all accounts.
/// 2. `list_without_key` returns only accounts without a key that follow `after`, the smallest id first, and never more
///    than its limit. It reads their addresses only, so an account whose other values are broken is listed, too.
/// 3. `list_users` lists and counts exactly the accounts that [`UserFilter::admits`] admits.
/// 4. `list_erasures` returns only accounts that are to be erased at `now` or before and follow `after`, the smallest id
///    first, and never more than its limit.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UserQueries: Send + Sync {
    /// Finds the user with this id, if the scope includes it.
    async fn find_user(&self, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError>;
    /// A page of the accounts that the filter admits. It is empty if the key of the position has another type than the
    /// sort key.
    async fn list_users(
        &self,
        filter: &UserFilter,
        sort: UserSort,
        page: &PageRequest,
    ) -> Result<Page<UserView>, StoreError>;
    /// Finds the credentials of the account with this address, with as many reads as for an address without an account.
    async fn find_credentials(&self, email: &EmailLookup) -> Result<Option<Credentials>, StoreError>;
    /// At most `limit` accounts whose address has no key: another account has it, the address is not valid today, or an
    /// instance of the first versions has stored the account. May read every account.
    async fn list_without_key(&self, after: Option<UserId>, limit: u32) -> Result<Vec<(UserId, Email)>, StoreError>;
    /// At most `limit` accounts whose erasure is due.
    async fn list_erasures(&self, now: Timestamp, after: Option<UserId>, limit: u32)
    -> Result<Vec<UserId>, StoreError>;
}

/// What decides whether a session authenticates, and what its user has. Each request reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The account that is logged in.
    pub user_id: UserId,
    /// The term of the stored session, which may have ended.
    pub term: SessionTerm,
    /// The cookie of the session; `None` for a session with tokens.
    pub cookie: Option<SessionCookie>,
    /// The epoch of its user now.
    pub auth_epoch: AuthEpoch,
    /// The roles that its user has now, and its memberships.
    pub roles: Vec<Role>,
    /// The version of the policy now. Definitions of roles that were read under another one no longer stand.
    pub policy: PolicyVersion,
}

/// Reads the roles and groups that the deployment defines.
///
/// 1. `find_policy` reflects every committed change. Its roles and groups are those of its version, or later ones.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RoleQueries: Send + Sync {
    /// Reads the version of the policy, and then every role and every group.
    async fn find_policy(&self) -> Result<Policy, StoreError>;
}

/// Reads sessions.
///
/// 1. `list_sessions` returns only sessions of this user that hold at `now`, in the present epoch of the user, the newest
///    first, and never more than its limit.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionQueries: Send + Sync {
    /// Finds the session with this id and what its user has, with one indexed read. The result reflects every committed
    /// revocation, every committed epoch of the user, and every committed version of the policy.
    async fn find_session(&self, id: SessionId) -> Result<Option<SessionView>, StoreError>;
    /// Lists at most `limit` sessions of the user that hold at `now`, the newest first.
    async fn list_sessions(&self, user_id: UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError>;
}

/// The reason why a password cannot be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// All hashers are busy and the queue is full.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hasher failed, or a stored hash cannot be read.
    #[error("password hashing failed")]
    Failed(#[source] BoxError),
}

/// Why a hash of another system is not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashRefusal {
    /// Another algorithm, another version, or no hash at all.
    #[error(
        "must be a hash of argon2id or argon2i (with v=19), bcrypt ($2a$, $2b$ or $2y$), scrypt ($scrypt$) or phpass \
         ($P$ or $H$)"
    )]
    Unknown,
    /// The beginning is that of this algorithm, and the rest cannot be read.
    #[error("is not a complete hash of {0}")]
    Incomplete(&'static str),
    /// Each login with it would take too much time or memory.
    #[error("costs too much: {parameter} of {algorithm} must be at most {limit}")]
    TooCostly {
        /// What the operator knows the algorithm as.
        algorithm: &'static str,
        /// The parameter, or what is computed from several.
        parameter: &'static str,
        /// The greatest value that is accepted.
        limit: u64,
    },
}

/// The caller that a password is hashed for. It decides who is next when many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HashCaller {
    /// The network of the caller. Waiting networks take turns.
    pub network: Network,
    /// Whether the account has logged in from this network before. Places in the queue are kept for such callers.
    pub is_known: bool,
}

/// Hashes passwords, deliberately slowly and only a few at a time.
///
/// A hash of another system is taken over in a form that is as hard to guess as a hash of its own, and that verifies the
/// same passwords. It is outdated from the start, so that the first login replaces it.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes the password with a new salt, in the PHC string format.
    async fn hash(&self, caller: HashCaller, password: String) -> Result<String, HashError>;
    /// Checks the password against the hash. Without a hash the answer is `false`, and takes as long as any other.
    async fn verify(&self, caller: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError>;
    /// Whether a new hash would have another cost or algorithm than this one. Needs no hashing.
    fn is_outdated(&self, hash: &str) -> bool;
    /// Checks whether a hash of another system can be taken over. Needs no hashing. A hasher that takes over none does not
    /// implement this.
    ///
    /// # Errors
    /// [`ForeignHashRefusal`].
    fn judge_foreign(&self, _hash: &str) -> Result<(), ForeignHashRefusal> {
        Err(ForeignHashRefusal::Unknown)
    }
    /// Turns a hash of another system into one that can be stored.
    ///
    /// # Errors
    /// `Failed` also if [`PasswordHasher::judge_foreign`] refuses the hash.
    async fn take_over(&self, _caller: HashCaller, _hash: String) -> Result<String, HashError> {
        Err(HashError::Failed(ForeignHashRefusal::Unknown.into()))
    }
}

/// The claims of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// The account that the token stands for (`sub`).
    pub user_id: UserId,
    /// The session that the token belongs to (`sid`).
    pub session_id: SessionId,
    /// The unique id of the token (`jti`).
    pub token_id: uuid::Uuid,
    /// The time of issue (`iat`), in whole seconds.
    pub issued_at: Timestamp,
    /// The time from which on the token is not valid (`exp`), in whole seconds.
    pub expires_at: Timestamp,
}

/// The reason why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The token was valid, and has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is malformed, was changed, or is not for this server.
    #[error("the token is not valid")]
    Invalid,
}

/// Signs and verifies access tokens (RFC 9068, signed with Ed25519).
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait AccessTokens: Send + Sync {
    /// Signs a token with these claims, and with those that the program adds. None of these has the name of another claim.
    ///
    /// # Errors
    /// The reason why it cannot be signed, which is an internal error.
    fn issue(&self, claims: &AccessClaims, extra: &ExtraClaims) -> Result<String, BoxError>;
    /// Returns the claims of the token, if its signature, issuer, audience, type and time are valid.
    ///
    /// # Errors
    /// [`TokenError`].
    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError>;
    /// Returns the public keys as a JSON Web Key Set (RFC 7517).
    fn jwks(&self) -> String;
}

/// Generates tokens that are shown once and stored only as a hash.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait OneTimeSecrets: Send + Sync {
    /// Generates a token of 256 random bits. Returns it as text that people can type, and its hash.
    fn generate(&self) -> (String, [u8; 32]);
    /// Hashes a token as the user typed it.
    fn hash(&self, token: &str) -> [u8; 32];
    /// Compares two hashes in constant time.
    fn same(&self, a: &[u8; 32], b: &[u8; 32]) -> bool;
}
