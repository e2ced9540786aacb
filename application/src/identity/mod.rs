//! The use cases and queries of identity.
//!
//! Uses `operations`: logging in counts attempts.

mod authenticate;
pub mod constraints;
mod create_user;
#[cfg(test)]
mod fixtures;
mod get_profile;
mod issue_setup_token;
mod log_in;
mod new_account;
mod ports;
mod register_user;
mod set_up;

pub use authenticate::{Authenticate, AuthenticateError, InvalidToken};
pub use create_user::{CreateUser, CreateUserCommand, CreateUserError};
pub use get_profile::{GetProfile, GetProfileError};
pub use issue_setup_token::{IssueSetupToken, IssueSetupTokenError};
pub use log_in::{InvalidCredentials, LogIn, LogInAnswer, LogInCommand, LogInError, SessionPolicy};
pub use new_account::{AccountCommand, Accounts, EmailTaken, HasherBusy, NewAccountError};
pub use ports::*;
pub use register_user::{RegisterUser, RegisterUserError};
pub use set_up::{SetUp, SetUpCommand, SetUpError, SetupClosed, SetupTokenInvalid};
