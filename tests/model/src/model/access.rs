//! Who may do what, as one table.

use super::Step;
use crate::call::Answer;
use skep_application::kernel::{Actor, ErrorKind, Principal};
use skep_domain::{access::Role, shared::UserId};

/// What it takes to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Visitors have it, and everybody with a role.
    Look,
    /// Everybody with a role has it.
    Shop,
    /// Admins have it.
    Manage,
}

pub(super) fn unauthenticated() -> Answer {
    Answer::refusal(ErrorKind::Unauthenticated, "unauthenticated")
}

pub(super) fn check(actor: &Actor, right: Right) -> Step<()> {
    let forbidden = Err(Answer::refusal(ErrorKind::Denied, "forbidden"));
    match &actor.principal {
        Principal::System => Ok(()),
        Principal::Anonymous if right == Right::Look => Ok(()),
        Principal::Anonymous => Err(unauthenticated()),
        Principal::User { roles, .. } if roles.is_empty() => forbidden,
        Principal::User { roles, .. } if right == Right::Manage && !roles.contains(&Role::Admin) => forbidden,
        Principal::User { .. } => Ok(()),
    }
}

pub(super) fn has(actor: &Actor, right: Right) -> bool {
    check(actor, right).is_ok()
}

/// Whether the actor may know of an order of this customer.
pub(super) fn sees_order(actor: &Actor, customer: UserId) -> bool {
    has(actor, Right::Manage) || actor.user_id() == Some(customer)
}
