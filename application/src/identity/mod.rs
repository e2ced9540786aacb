//! The use cases, queries and ports of identity.

mod add_email_keys;
mod authenticate;
pub mod constraints;
mod create_user;
mod get_profile;
mod issue_setup_token;
mod log_in;
mod login_attempts;
mod new_account;
mod ports;
mod register_user;
mod session_policy;
mod set_up;
mod sweep_known_networks;
mod sweep_sessions;

pub use add_email_keys::AddEmailKeys;
pub use authenticate::{Authenticate, AuthenticateError, InvalidToken};
pub use create_user::{CreateUser, CreateUserCommand, CreateUserError};
pub use get_profile::GetProfile;
pub use issue_setup_token::{IssueSetupToken, IssueSetupTokenError};
pub use log_in::{InvalidCredentials, LogIn, LogInAnswer, LogInCommand, LogInError};
pub use new_account::{AccountInput, Accounts, EmailTaken, HasherBusy, NewAccountError};
pub use ports::*;
pub use register_user::{RegisterUser, RegisterUserCommand, RegisterUserError};
pub use session_policy::SessionPolicy;
pub use set_up::{SetUp, SetUpCommand, SetUpError, SetupClosed, SetupTokenInvalid};
pub use sweep_known_networks::SweepKnownNetworks;
pub use sweep_sessions::SweepSessions;

use crate::app::{Policies, Ports};

/// The use cases of identity, for accounts and sessions.
pub struct Identity {
    /// Creates an account with a password, for anyone.
    pub register_user: RegisterUser,
    /// Starts a session and issues an access token.
    pub log_in: LogIn,
    /// Turns an access token into a user.
    pub authenticate: Authenticate,
    /// Shows the profile of the actor.
    pub get_profile: GetProfile,
    /// Creates an account, with roles, for another user.
    pub create_user: CreateUser,
    /// Creates the first admin.
    pub set_up: SetUp,
    /// Issues the token for creating the first admin.
    pub issue_setup_token: IssueSetupToken,
}

impl Identity {
    /// Builds the use cases on these ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        let Ports { store, runtime, hasher, tokens, fingerprints, secrets, limits, .. } = ports.clone();
        let passwords = policies.passwords;
        let accounts = Accounts { hasher, passwords, runtime: runtime.clone() };
        let (users, passwords, sessions) = (store.clone(), accounts.clone(), policies.sessions);
        let log_in = LogIn::new(store.clone(), users, passwords, tokens.clone(), limits, fingerprints, sessions);
        Self {
            register_user: RegisterUser::new(store.clone(), accounts.clone()),
            log_in,
            authenticate: Authenticate::new(tokens, store.clone(), runtime.clone()),
            get_profile: GetProfile::new(store.clone()),
            create_user: CreateUser::new(store.clone(), accounts.clone()),
            set_up: SetUp::new(store.clone(), secrets.clone(), accounts),
            issue_setup_token: IssueSetupToken::new(store, secrets, runtime),
        }
    }
}
