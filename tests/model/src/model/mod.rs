//! The application as a plain model: maps in memory, one step per call.

mod access;
mod input;
mod keys;
mod lists;

use crate::{
    call::{Answer, Call, Failure, Fresh, Now},
    context::CONTEXTS,
    item::{Item, Items},
    state::{EndState, Happened},
};
use keys::Kept;
use skep_application::kernel::ErrorKind;
use skep_domain::shared::{Timestamp, UserId, Version};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) use access::{Right, check, has, unauthenticated};
pub(crate) use input::{Faults, allow, require};
pub(crate) use lists::{page, same_kind, skip_first, total};

/// The whole state of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The part that ports show.
    pub(crate) stored: EndState,
    hidden: Items,
    keys: BTreeMap<(Uuid, &'static str, String), Kept>,
}

impl Default for Model {
    fn default() -> Self {
        let hidden = Items::new(CONTEXTS.iter().map(|context| context.hidden()));
        Self { stored: EndState::default(), hidden, keys: BTreeMap::new() }
    }
}

impl Model {
    /// Executes a call at a time and returns the expected answer. Generated values are taken from the answer of the
    /// system, if they are really new.
    pub fn step(&mut self, call: &Call, at: Timestamp, seen: &Answer) -> Answer {
        self.step_with(call, at, &Fresh::of(seen))
    }

    /// Executes a call with these generated values.
    pub fn step_with(&mut self, call: &Call, at: Timestamp, fresh: &Fresh) -> Answer {
        call.command.step(self, &call.now(at, fresh))
    }

    /// The state that the ports of a store would show.
    #[must_use]
    pub fn end_state(&self) -> &EndState {
        &self.stored
    }

    /// How many idempotency keys are stored.
    #[must_use]
    pub fn kept_keys(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn hidden<T: Item>(&self) -> &T {
        self.hidden.get()
    }

    pub(crate) fn hidden_mut<T: Item>(&mut self) -> &mut T {
        self.hidden.get_mut()
    }

    /// Records an event that the actor caused.
    pub(crate) fn tell(
        &mut self,
        now: &Now<'_>,
        name: &str,
        of: (Uuid, Version),
        at: Timestamp,
        payload: &serde_json::Value,
    ) {
        self.tell_of(now.actor.user_id(), name, of, at, payload);
    }

    /// Records an event that this user caused.
    pub(crate) fn tell_of(
        &mut self,
        actor: Option<UserId>,
        name: &str,
        (aggregate, version): (Uuid, Version),
        at: Timestamp,
        payload: &serde_json::Value,
    ) {
        let event = Happened { name: name.to_owned(), aggregate, version, actor, at, payload: payload.to_string() };
        insert_sorted(&mut self.stored.events, event);
    }
}

/// Inserts the item in order, so that the sequence of the calls does not affect the comparison of states.
pub(crate) fn insert_sorted<T: Ord>(sorted: &mut Vec<T>, item: T) {
    let place = sorted.partition_point(|other| *other <= item);
    sorted.insert(place, item);
}

pub(crate) fn not_found() -> Failure {
    Failure::refusal(ErrorKind::NotFound, "not_found")
}
