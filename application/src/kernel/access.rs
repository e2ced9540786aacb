//! Permission, and the proof of it.
//!
//! [`permit`] comes before anything is read: what a role alone forbids is denied there. What a command does to a loaded
//! resource is judged by the frame of commands alone ([`super::UseCase`]), which makes the [`Authorized`] that the
//! writing half of a command takes. Lists get a [`Scope`].

use super::{Actor, Call, ErrorKind, Outbox, OutboxEvent, Refusal, StoreError};
use skep_domain::{
    access::{Denial, Resource, Subject, decide},
    shared::{Action, Event, Timestamp, UserId, Version},
};
use std::ops::{Deref, DerefMut};
use uuid::Uuid;

/// Something that an actor is judged on. An entity says once whose it is, and every command that loads it is judged so.
pub trait Guarded: Send {
    /// The thing as the decision sees it: [`Resource::OwnedBy`] a user, or [`Resource::Any`] if the role alone decides.
    fn resource(&self) -> Resource;
}

/// Nothing that exists yet: the role alone decides.
impl Guarded for () {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// An account, and so whatever is to belong to it.
impl Guarded for UserId {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(*self)
    }
}

/// The proof that the actor of a call may do an action to the target: the thing that the command has loaded. Only the
/// frame of commands makes it, and everything that a command writes comes from it: the target, the time and the event.
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

    /// The target, to be answered.
    #[must_use]
    pub fn into_target(self) -> T {
        self.target
    }

    /// The time of the call, the same in every attempt.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.call.now
    }

    /// A new identifier. Attempts do not share it: an identifier by which others find something is made in the plan.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.call.new_id()
    }

    /// Random bits for a number that the next attempt draws again.
    #[must_use]
    pub fn random_bits(&self) -> u64 {
        self.call.random_bits()
    }

    /// Appends the event of this unit of work. It is the mark by which the unit is recognized after an unknown outcome,
    /// so a unit that changes anything appends exactly one.
    ///
    /// # Errors
    /// The store's.
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
    /// The descriptions of these refusals.
    pub const REFUSALS: &[Refusal] = &[
        Refusal::new(
            ErrorKind::Unauthenticated,
            "unauthenticated",
            "An access token is required: `Authorization: Bearer …`.",
        ),
        Refusal::new(ErrorKind::Denied, "forbidden", "No role of the account allows it."),
    ];

    /// Whether credentials are missing, or do not suffice.
    pub(super) const fn refusal(&self) -> &'static Refusal {
        match self.denial {
            Denial::NeedsAccount => &Self::REFUSALS[0],
            Denial::Role | Denial::Ownership => &Self::REFUSALS[1],
        }
    }
}

/// Denies what no resource could allow, before anything is read.
///
/// # Errors
/// [`Denied`].
pub fn permit(actor: &Actor, action: Action) -> Result<(), Denied> {
    judge(actor, action, Resource::Any)
}

/// The account of the actor, for what only an account can do.
///
/// # Errors
/// [`Denied`] if the actor has none.
pub fn account(actor: &Actor, action: Action) -> Result<UserId, Denied> {
    actor.user_id().ok_or(Denied { action, denial: Denial::NeedsAccount })
}

/// The whole decision, with the resource at hand.
///
/// # Errors
/// [`Denied`].
pub(super) fn judge(actor: &Actor, action: Action, resource: Resource) -> Result<(), Denied> {
    decide(actor.subject(), action, resource).map_err(|denial| Denied { action, denial })
}

/// The whole decision, and the proof of it.
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

/// The rows of a list that an actor may see. Every store compiles it into the query, before paging and counting.
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
    // Asks about a resource whose owner no user is. If that is allowed, ownership does not matter.
    let stranger = UserId::new(Uuid::max());
    if decide(actor.subject(), action, Resource::OwnedBy(stranger)).is_ok() {
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
