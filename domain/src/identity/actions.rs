//! The actions on accounts.

use crate::shared::{
    Action,
    BuiltInRole::{Auditor, Manager, Support},
};

/// Read your own profile.
pub const READ_PROFILE: Action = Action::account("identity.profile.read");
/// Change your own password.
pub const CHANGE_PASSWORD: Action = Action::account("identity.password.change");
/// Change your own e-mail address.
pub const CHANGE_EMAIL: Action = Action::account("identity.email.change");
/// Delete your own account.
pub const DELETE_ACCOUNT: Action = Action::account("identity.account.delete");
/// Export the data of your own account.
pub const EXPORT_ACCOUNT: Action = Action::account("identity.account.export");
/// See where you are logged in.
pub const READ_SESSION: Action = Action::account("identity.session.read");
/// End your own sessions: the log-out, and the end of one session or of several.
pub const END_SESSION: Action = Action::account("identity.session.end");
/// Create an account for another person, with roles whose permissions you have.
pub const CREATE_USER: Action = Action::admin("identity.user.create");
/// Change your own profile.
pub const CHANGE_PROFILE: Action = Action::account("identity.profile.change");
/// Find accounts, and see them and their sessions.
pub const READ_USER: Action = Action::roles("identity.user.read", &[Manager, Support, Auditor]);
/// Change the name, the roles and the groups of any account, disable, enable and delete it, and end its sessions.
pub const MANAGE_USER: Action = Action::admin("identity.user.manage");

/// See the permissions, and the roles and groups with what they allow.
pub const READ_ROLE: Action = Action::roles("identity.role.read", &[Auditor]);
/// Create, change and delete roles and groups, with permissions that you have.
pub const MANAGE_ROLE: Action = Action::admin("identity.role.manage");

/// Every action of this context.
pub const ALL: &[Action] = &[
    READ_PROFILE,
    CHANGE_PASSWORD,
    CHANGE_EMAIL,
    DELETE_ACCOUNT,
    EXPORT_ACCOUNT,
    READ_SESSION,
    END_SESSION,
    CREATE_USER,
    CHANGE_PROFILE,
    READ_USER,
    MANAGE_USER,
    READ_ROLE,
    MANAGE_ROLE,
];
