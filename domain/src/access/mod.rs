//! Who may do what: roles, actions and the decision.
//!
//! The decision is pure and has one place, [`decide`]. The application calls it twice: with [`Resource::Any`] before it
//! reads anything (what a role alone forbids), and with the loaded resource inside the unit of work.

mod decision;
mod role;

pub use decision::{Action, Decision, Denial, Resource, Subject, decide};
pub use role::{Role, UnknownRole};
