//! The actions on accounts.

use crate::shared::Action;

/// Read your own profile.
pub const READ_PROFILE: Action = Action::account("identity.profile.read");
/// Change your own password.
pub const CHANGE_PASSWORD: Action = Action::account("identity.password.change");
/// See where you are logged in.
pub const READ_SESSION: Action = Action::account("identity.session.read");
/// End your own sessions: the log-out, and the end of one session or of several.
pub const END_SESSION: Action = Action::account("identity.session.end");
/// Create an account for another person, with any role.
pub const CREATE_USER: Action = Action::admin("identity.user.create");
/// Change your own profile.
pub const CHANGE_PROFILE: Action = Action::account("identity.profile.change");
/// Find accounts, and see them and their sessions.
pub const READ_USER: Action = Action::admin("identity.user.read");
/// Change the name and the roles of any account, disable and enable it, and end its sessions.
pub const MANAGE_USER: Action = Action::admin("identity.user.manage");

/// Every action of this context.
pub const ALL: &[Action] =
    &[READ_PROFILE, CHANGE_PASSWORD, READ_SESSION, END_SESSION, CREATE_USER, CHANGE_PROFILE, READ_USER, MANAGE_USER];
