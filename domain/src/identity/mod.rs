//! Accounts, passwords and sessions.
//!
//! Uses `access`: accounts have roles.

pub mod actions;
pub mod events;
mod password;
mod session;
mod user;

pub use password::{PasswordPolicy, PasswordRefusal};
pub use session::{Session, SessionId};
pub use user::{DISPLAY_NAME_MAX, User, UserId};
