//! Who somebody is: accounts, passwords, sessions.

mod password;
mod session;
mod user;

pub use password::{PasswordPolicy, PasswordRefusal};
pub use session::Session;
pub use user::{DISPLAY_NAME_MAX, User};
