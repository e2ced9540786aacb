//! The uniqueness rules of identity. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a user.
pub const USER_ID: Constraint = Constraint::new("users_pkey");
/// The e-mail address of a user.
pub const USER_EMAIL: Constraint = Constraint::new("users_email_key");
/// The id of a session.
pub const SESSION_ID: Constraint = Constraint::new("sessions_pkey");
/// At most one set-up token.
pub const SETUP_TOKEN: Constraint = Constraint::new("setup_tokens_pkey");

/// Every rule.
pub const ALL: &[Constraint] = &[USER_ID, USER_EMAIL, SESSION_ID, SETUP_TOKEN];
