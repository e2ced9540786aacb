//! Accounts, passwords and sessions.
//!
//! Uses `access`: accounts have roles.

pub mod actions;
pub mod events;
mod known_networks;
mod password;
mod session;
mod user;

pub use known_networks::{KnownNetworkPolicy, KnownNetworks, NetworkMark};
pub use password::{PasswordForm, PasswordOwner, PasswordPolicy, PasswordRefusal};
pub use session::{Session, SessionId};
pub use user::{DISPLAY_NAME_MAX, User, UserId};
