//! The permissions of each role.

use super::Step;
use crate::call::Answer;
use skep_application::kernel::{Actor, ErrorKind, Principal};
use skep_domain::{access::Role, shared::UserId};

/// The permission that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// For visitors and every user with a role.
    Look,
    /// For every user with a role.
    Shop,
    /// For admins.
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

/// Whether the actor may see the orders of this customer.
pub(super) fn sees_order(actor: &Actor, customer: UserId) -> bool {
    has(actor, Right::Manage) || actor.user_id() == Some(customer)
}
