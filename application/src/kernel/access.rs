//! Asking for permission, and carrying the proof of it.
//!
//! `permit` comes before anything is read, `authorize` after the load in the same unit of work; the writing half of a
//! use case takes the [`Authorized`] that only this module makes. Lists get a [`Scope`].

use super::{Actor, ErrorKind};
use skep_domain::{
    access::{Action, Denial, Resource, Subject, decide},
    shared::UserId,
};

/// The proof that a role of the actor has the action, for some resource at least.
#[derive(Debug)]
pub struct Permitted(());

/// The proof that the actor may do the action to the resource that was shown.
#[derive(Debug)]
pub struct Authorized(());

/// The action is not allowed. Which rule denied it is for the log; the caller learns 401 or 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is denied: {denial}", action.name())]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
    /// Why not.
    pub denial: Denial,
}

impl Denied {
    /// Whether credentials are missing, or do not suffice.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self.denial {
            Denial::NeedsAccount => ErrorKind::Unauthenticated,
            Denial::Role | Denial::Ownership => ErrorKind::Denied,
        }
    }

    /// `unauthenticated` or `forbidden`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.denial {
            Denial::NeedsAccount => "unauthenticated",
            Denial::Role | Denial::Ownership => "forbidden",
        }
    }
}

/// What a role alone forbids is denied here, before anything is read.
///
/// # Errors
/// [`Denied`].
pub fn permit(actor: &Actor, action: Action) -> Result<Permitted, Denied> {
    decide(actor.subject(), action, Resource::Any).map(|()| Permitted(())).map_err(|denial| Denied { action, denial })
}

/// The whole decision, with the resource at hand.
///
/// # Errors
/// [`Denied`].
pub fn authorize(actor: &Actor, action: Action, resource: Resource) -> Result<Authorized, Denied> {
    decide(actor.subject(), action, resource).map(|()| Authorized(())).map_err(|denial| Denied { action, denial })
}

/// Which rows of a list somebody may see. Every store compiles it into the query, before paging and counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every row.
    All,
    /// The rows that belong to this user.
    OwnedBy(UserId),
    /// No row.
    None,
}

impl Scope {
    /// Whether a row of this owner lies within.
    #[must_use]
    pub fn admits(self, owner: UserId) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(user) => user == owner,
            Self::None => false,
        }
    }
}

/// The rows to which the actor may do `action`.
#[must_use]
pub fn scope(actor: &Actor, action: Action) -> Scope {
    // Nobody is the owner of anything that nobody owns: if that is allowed, ownership does not matter.
    let nobody = UserId::new(uuid::Uuid::max());
    if decide(actor.subject(), action, Resource::OwnedBy(nobody)).is_ok() {
        return Scope::All;
    }
    match actor.subject() {
        Subject::User { id, .. } if decide(actor.subject(), action, Resource::OwnedBy(id)).is_ok() => {
            Scope::OwnedBy(id)
        }
        _ => Scope::None,
    }
}

#[cfg(test)]
mod tests;
