//! The actions on accounts.

use crate::shared::Action;

/// Read your own profile.
pub const READ_PROFILE: Action = Action::account("identity.profile.read");
/// Create an account for another person, with any role.
pub const CREATE_USER: Action = Action::admin("identity.user.create");

/// Every action of this context.
pub const ALL: &[Action] = &[READ_PROFILE, CREATE_USER];
