//! Clauses of identity: accounts, their known networks, sessions, links and setup tokens.

mod account_links;
mod erasure;
mod groups;
mod known_networks;
mod roles;
mod session_queries;
mod sessions;
mod setup_tokens;
mod user_list;
mod users;

use crate::{
    clause::{Clause, of},
    part::{Whole, part},
    units::opens,
};
use skep_application::{
    identity::{
        AccountLinkRepository, GroupRepository, IdentityStore, IdentityTx, KnownNetworkRepository, RoleQueries,
        RoleRepository, SessionQueries, SessionRepository, SetupTokenRepository, UserQueries, UserRepository,
    },
    kernel::{Begin, Key, StoreError, Transaction, TxMode},
};
use std::sync::Arc;

opens! { IdentityStore: IdentityTx }

part! {
    /// A store of accounts. It does not need to have anything else.
    Users of IdentityStore: UsersUnit of IdentityTx { users: UserRepository }, UserQueries
}

part! {
    /// A store of accounts and their sessions.
    Sessions of IdentityStore: SessionsUnit of IdentityTx { users: UserRepository, sessions: SessionRepository },
        SessionQueries
}

part! {
    /// A store of accounts and the networks that they have logged in from.
    KnownNetworkLists of IdentityStore: KnownNetworkListsUnit of IdentityTx {
        users: UserRepository, known_networks: KnownNetworkRepository
    }, UserQueries
}

part! {
    /// A store of roles and groups, and of the accounts that have them.
    Roles of IdentityStore: RolesUnit of IdentityTx {
        users: UserRepository, roles: RoleRepository, groups: GroupRepository
    }, RoleQueries
}

part! {
    /// A store of the one-time setup token.
    SetupTokens of IdentityStore: SetupTokensUnit of IdentityTx { setup_tokens: SetupTokenRepository }
}

part! {
    /// A store of the links that are mailed to the owners of accounts.
    AccountLinks of IdentityStore: AccountLinksUnit of IdentityTx { account_links: AccountLinkRepository }
}

/// The clauses of `UserRepository` and `UserQueries`.
#[must_use]
pub fn users() -> Vec<Clause<dyn Users>> {
    [users::clauses(), user_list::clauses()].concat()
}

/// The clauses of `SessionRepository` and `SessionQueries`.
#[must_use]
pub fn sessions() -> Vec<Clause<dyn Sessions>> {
    [sessions::clauses(), session_queries::clauses()].concat()
}

/// The clauses of `KnownNetworkRepository`.
#[must_use]
pub fn known_networks() -> Vec<Clause<dyn KnownNetworkLists>> {
    known_networks::clauses()
}

/// The clauses of `AccountLinkRepository`.
#[must_use]
pub fn account_links() -> Vec<Clause<dyn AccountLinks>> {
    account_links::clauses()
}

/// The clauses of `RoleRepository`, `GroupRepository` and `RoleQueries`.
#[must_use]
pub fn roles() -> Vec<Clause<dyn Roles>> {
    [roles::clauses(), groups::clauses()].concat()
}

/// The clauses of `SetupTokenRepository`.
#[must_use]
pub fn setup_tokens() -> Vec<Clause<dyn SetupTokens>> {
    setup_tokens::clauses()
}

/// All clauses of identity.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn IdentityStore>> {
    [
        of(users(), |store| Arc::new(Whole(store))),
        of(sessions(), |store| Arc::new(Whole(store))),
        sessions::whole(),
        erasure::clauses(),
        roles::whole(),
        groups::whole(),
        of(known_networks(), |store| Arc::new(Whole(store))),
        of(account_links(), |store| Arc::new(Whole(store))),
        of(roles(), |store| Arc::new(Whole(store))),
        of(setup_tokens(), |store| Arc::new(Whole(store))),
    ]
    .concat()
}
