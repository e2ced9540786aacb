//! Authorization, and the proof of it.
//!
//! Call [`permit`] before anything is read: it denies what the role alone forbids. Only the command frame
//! ([`super::UseCase`]) judges what a command does to a loaded resource. It makes the [`Authorized`] that
//! [`write`](super::Command::write) takes. Lists take a [`Scope`].

use super::{Actor, Call, ErrorKind, Outbox, OutboxEvent, Refusal, StoreError};
use skep_domain::{
    access::{Denial, Permissions, Resource, Subject, decide},
    shared::{Action, Event, Timestamp, UserId, Version},
};
use std::ops::{Deref, DerefMut};
use uuid::Uuid;

/// A resource that an actor is authorized on. An entity states its owner once, for every command that loads it.
pub trait Guarded: Send {
    /// Returns [`Resource::OwnedBy`] a user, or [`Resource::Any`] if the role alone decides.
    fn resource(&self) -> Resource;
}

/// For a resource that does not exist yet: the role alone decides.
impl Guarded for () {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// For an account, or for a resource that will belong to it.
impl Guarded for UserId {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(*self)
    }
}

/// The proof that the actor of a call may do an action to the target, which is the resource that the command loaded.
/// Only the command frame can make it. A command gets the target, the time and the id of its event only from it.
#[derive(Debug)]
pub struct Authorized<'a, T> {
    action: Action,
    target: T,
    call: &'a Call<'a>,
}

impl<T> Deref for Authorized<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.target
    }
}

impl<T> DerefMut for Authorized<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.target
    }
}

impl<T> Authorized<'_, T> {
    /// The action that is allowed.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Gives up the proof and returns the target, for the answer.
    #[must_use]
    pub fn into_target(self) -> T {
        self.target
    }

    /// The caller, for rules that compare what it may do with what the target may do.
    #[must_use]
    pub fn caller(&self) -> Subject<'_> {
        self.call.actor.subject()
    }

    /// The actor of the call, for jobs that it causes.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        self.call.actor
    }

    /// The time of the call, the same in every attempt.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.call.now
    }

    /// Generates an identifier. Each attempt gets another one. Identifiers that clients use are made in the plan.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.call.new_id()
    }

    /// Generates 64 random bits. Each attempt gets others.
    #[must_use]
    pub fn random_bits(&self) -> u64 {
        self.call.random_bits()
    }

    /// Appends the event of this unit of work. After an unknown outcome, the unit is recognized by its event. A unit
    /// that changes anything therefore appends exactly one.
    ///
    /// # Errors
    /// The store's error.
    pub async fn record<E: Event>(
        &self,
        outbox: &mut dyn Outbox,
        event: &E,
        version: Version,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        outbox.append(&OutboxEvent::of(self.call.event_id, event, version, self.call.actor, at)?).await
    }
}

/// The action is not allowed. The rule that denied it is for the log; the caller learns only 401 or 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is denied: {denial}", action.name())]
pub struct Denied {
    /// The action that was denied.
    pub action: Action,
    /// The rule that denied it.
    pub denial: Denial,
    /// The account that it was denied to; `None` for a visitor.
    pub user: Option<UserId>,
}

impl Denied {
    /// The refusals of a caller without credentials and of a caller without permission.
    pub const REFUSALS: &[Refusal] = &[
        Refusal::new(
            ErrorKind::Unauthenticated,
            "unauthenticated",
            "The request needs an access token (`Authorization: Bearer …`) or a session cookie.",
        ),
        Refusal::new(ErrorKind::Denied, "forbidden", "No role of the account allows the action."),
    ];

    /// Returns the refusal for missing credentials, or the one for insufficient permission.
    pub(super) const fn refusal(&self) -> &'static Refusal {
        match self.denial {
            Denial::NeedsAccount => &Self::REFUSALS[0],
            Denial::Role | Denial::Ownership => &Self::REFUSALS[1],
        }
    }
}

/// Denies an action that the actor may not do to any resource. It is called before anything is read.
///
/// # Errors
/// [`Denied`].
pub fn permit(actor: &Actor, action: Action) -> Result<(), Denied> {
    judge(actor, action, Resource::Any)
}

/// Returns the account of the actor, for an action that only an account can do.
///
/// # Errors
/// [`Denied`] if the actor has none.
pub fn account(actor: &Actor, action: Action) -> Result<UserId, Denied> {
    actor.user_id().ok_or(Denied { action, denial: Denial::NeedsAccount, user: None })
}

/// Decides whether the actor may do the action to this resource.
///
/// # Errors
/// [`Denied`].
pub(super) fn judge(actor: &Actor, action: Action, resource: Resource) -> Result<(), Denied> {
    decide(actor.subject(), action, resource).map_err(|denial| Denied { action, denial, user: actor.user_id() })
}

/// Decides whether the actor may do the action to the target, and returns the proof.
///
/// # Errors
/// [`Denied`].
pub(super) fn authorize<'a, T: Guarded>(
    call: &'a Call<'a>,
    action: Action,
    target: T,
) -> Result<Authorized<'a, T>, Denied> {
    judge(call.actor, action, target.resource())?;
    Ok(Authorized { action, target, call })
}

/// The rows of a list that an actor may see. Every store applies it in the query, before paging and counting.
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
    /// Whether the scope includes the rows of this owner.
    #[must_use]
    pub fn admits(self, owner: UserId) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(user) => user == owner,
            Self::None => false,
        }
    }
}

/// Returns the rows to which the actor may do `action`.
#[must_use]
pub fn scope(actor: &Actor, action: Action) -> Scope {
    scope_of(actor.subject(), action)
}

/// Returns the rows to which an account with these permissions may do `action`, for work on its behalf.
pub(crate) fn account_scope(id: UserId, permissions: &Permissions, action: Action) -> Scope {
    scope_of(Subject::User { id, permissions }, action)
}

fn scope_of(subject: Subject<'_>, action: Action) -> Scope {
    // Ask about a resource whose owner is not a user. If that is allowed, ownership does not matter.
    let stranger = UserId::new(Uuid::max());
    if decide(subject, action, Resource::OwnedBy(stranger)).is_ok() {
        return Scope::All;
    }
    match subject {
        Subject::User { id, .. } if decide(subject, action, Resource::OwnedBy(id)).is_ok() => Scope::OwnedBy(id),
        _ => Scope::None,
    }
}

#[cfg(test)]
mod tests;
