//! Roles, and the decision about who may do what.
//!
//! [`decide`] is pure and the only place that decides. The application calls it twice: with [`Resource::Any`] before it
//! reads anything, and with the loaded resource inside the unit of work. Each context declares its actions and their
//! audiences in its `actions.rs`; this module maps the audiences to roles.

mod decision;
mod grant;
mod role;

pub use crate::shared::{Action, Audience};
pub use decision::{Decision, Denial, Resource, Subject, decide};
pub use grant::not_grantable;
pub use role::{Role, UnknownRole};
