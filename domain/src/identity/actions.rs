//! What can be done with accounts.

use crate::shared::Action;

/// Read one's own profile.
pub const READ_PROFILE: Action = Action::account("identity.profile.read");
/// Create an account for somebody else, with any role.
pub const CREATE_USER: Action = Action::admin("identity.user.create");

/// Every action of this context.
pub const ALL: &[Action] = &[READ_PROFILE, CREATE_USER];
