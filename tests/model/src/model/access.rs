//! What the accounts of the model may do: everything, or what every account may.

use crate::call::{Failure, Outcome};
use skep_application::kernel::{Actor, ErrorKind, Principal};
use skep_domain::catalog::actions::MANAGE_PRODUCT;

/// The permission that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// For visitors and every user with a role.
    Look,
    /// For every user with a role.
    Shop,
    /// For admins.
    Manage,
}

pub(crate) fn unauthenticated() -> Failure {
    Failure::refusal(ErrorKind::Unauthenticated, "unauthenticated")
}

pub(crate) fn check(actor: &Actor, right: Right) -> Outcome<()> {
    let forbidden = Err(Failure::refusal(ErrorKind::Denied, "forbidden"));
    match &actor.principal {
        Principal::System => Ok(()),
        Principal::Anonymous if right == Right::Look => Ok(()),
        Principal::Anonymous => Err(unauthenticated()),
        Principal::User { permissions, .. } if permissions.are_of_no_role() => forbidden,
        Principal::User { permissions, .. } if right == Right::Manage && !permissions.include(MANAGE_PRODUCT) => {
            forbidden
        }
        Principal::User { .. } => Ok(()),
    }
}

pub(crate) fn has(actor: &Actor, right: Right) -> bool {
    check(actor, right).is_ok()
}
