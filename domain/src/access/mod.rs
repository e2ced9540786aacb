//! Roles, and the decision about who may do what.
//!
//! [`decide`] is pure and the only place that decides. The application calls it twice: with [`Resource::Any`] before it
//! reads anything, and with the loaded resource inside the unit of work. Each context declares its actions in its
//! `actions.rs`, with the built-in roles that have them. A deployment adds roles of its own: a [`Policy`].

mod decision;
mod grant;
mod group;
mod own_role;
mod permissions;
mod role;
#[cfg(test)]
mod samples;

pub use crate::shared::{Action, Audience, BuiltInRole};
pub use decision::{Decision, Denial, Resource, Subject, decide};
pub use grant::{may_pass_on, not_grantable};
pub use group::{Group, GroupFields, GroupId, Membership, Misplaced};
pub use own_role::{OwnRole, Policy, PolicyVersion, RoleId};
pub use permissions::Permissions;
pub use role::{InvalidRoleName, Role, RoleName};
