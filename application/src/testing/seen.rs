//! What was done in units of work that are made of mocks.

use super::{Ending, MockUnit};
use crate::kernel::{Claimed, IdempotencyClaim, MockIdempotencyKeys, OutboxEvent, StoreError};
use skep_domain::shared::Version;
use std::{
    any::Any,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The calls of a world's units of work, in order, with the values that they were given. A call is named
/// `repository.method`. Clones share what they have seen.
///
/// The methods that return a closure are for `returning` of a mock: `categories.expect_insert().returning(seen.stores(…))`.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<(&'static str, Box<dyn Any + Send>)>,
    endings: Vec<Ending>,
    replayed: Option<String>,
}

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call and the values that it was given.
    pub fn note<T: Clone + Send + 'static>(&self, call: &'static str, values: &[T]) {
        self.state().calls.push((call, Box::new(values.to_vec())));
    }

    pub(super) fn note_ending(&self, ending: Ending) {
        self.state().endings.push(ending);
    }

    /// The names of all calls.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.iter().map(|(call, _)| *call).collect()
    }

    /// The values that the calls of this name were given.
    ///
    /// # Panics
    /// If they were of another type.
    #[must_use]
    pub fn all<T: Clone + 'static>(&self, call: &str) -> Vec<T> {
        let state = self.state();
        let values = state.calls.iter().filter(|(name, _)| *name == call);
        let of_type = |values: &dyn Any| values.downcast_ref::<Vec<T>>().expect("values of this type").clone();
        values.flat_map(|(_, values)| of_type(&**values)).collect()
    }

    /// The only value that the calls of this name were given.
    ///
    /// # Panics
    /// If there are more or none, or it is of another type.
    #[must_use]
    pub fn one<T: Clone + 'static>(&self, call: &str) -> T {
        let [value] =
            <[T; 1]>::try_from(self.all(call)).unwrap_or_else(|all| panic!("{call} got {} values", all.len()));
        value
    }

    /// The events that were appended to the outbox.
    #[must_use]
    pub fn events(&self) -> Vec<OutboxEvent> {
        self.all("outbox.append")
    }

    /// The only event.
    #[must_use]
    pub fn event(&self) -> OutboxEvent {
        self.one("outbox.append")
    }

    /// The payload of the only event.
    ///
    /// # Panics
    /// If there is another number of events.
    #[must_use]
    pub fn payload(&self) -> serde_json::Value {
        serde_json::from_str(&self.event().payload).expect("a payload is JSON")
    }

    /// The claims of idempotency keys.
    #[must_use]
    pub fn claims(&self) -> Vec<IdempotencyClaim> {
        self.all("claim")
    }

    /// The answers that were kept with idempotency keys.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        self.all("fill")
    }

    /// How units of work were ended.
    #[must_use]
    pub fn endings(&self) -> Vec<Ending> {
        self.state().endings.clone()
    }

    /// From now on each claim of a key finds this answer.
    pub fn replay(&self, answer: &str) {
        self.state().replayed = Some(answer.to_owned());
    }

    /// A unit of work that claims keys, and in which each other call fails the test.
    #[must_use]
    pub fn looking<Mocks: Default>(&self) -> MockUnit<Mocks> {
        let mut unit = MockUnit::noting(self);
        self.claims_find(&mut unit.idempotency, None);
        unit
    }

    /// Claims of keys find this; if nothing is given, what was named by [`Seen::replay`], or that the key is new.
    pub fn claims_find(&self, keys: &mut MockIdempotencyKeys, found: Option<Claimed>) {
        let seen = self.clone();
        keys.expect_claim().returning(move |claim| {
            seen.note("claim", std::slice::from_ref(claim));
            let replayed = seen.state().replayed.clone();
            Ok(found.clone().unwrap_or_else(|| replayed.map_or(Claimed::New, Claimed::Replay)))
        });
    }

    /// Lets a unit of work keep answers with idempotency keys.
    pub fn keeps_answers<Mocks>(&self, unit: &mut MockUnit<Mocks>) {
        let seen = self.clone();
        unit.idempotency.expect_fill().returning(move |_, answer| {
            seen.note("fill", &[answer.to_owned()]);
            Ok(())
        });
    }

    /// Lets a unit of work keep answers and append events.
    pub fn writes<Mocks>(&self, unit: &mut MockUnit<Mocks>) {
        unit.outbox.expect_append().returning(self.stores("outbox.append"));
        self.keeps_answers(unit);
    }

    /// Finds the thing that has the id.
    pub fn finds<Id: Copy + PartialEq + Send + 'static, T: Clone + Send + 'static>(
        &self,
        call: &'static str,
        things: Vec<T>,
        id: fn(&T) -> Id,
    ) -> impl Fn(Id) -> Result<Option<T>, StoreError> + Send + use<Id, T> {
        let find = self.finds_many(call, things, id);
        move |id| Ok(find(&[id])?.pop())
    }

    /// Finds the things that have these ids.
    pub fn finds_many<Id: Copy + PartialEq + Send + 'static, T: Clone + Send + 'static>(
        &self,
        call: &'static str,
        things: Vec<T>,
        id: fn(&T) -> Id,
    ) -> impl Fn(&[Id]) -> Result<Vec<T>, StoreError> + Send + use<Id, T> {
        let seen = self.clone();
        move |ids| {
            seen.note(call, ids);
            Ok(things.iter().filter(|thing| ids.contains(&id(thing))).cloned().collect())
        }
    }

    /// Stores the thing.
    pub fn stores<T: Clone + Send + 'static>(
        &self,
        call: &'static str,
    ) -> impl Fn(&T) -> Result<(), StoreError> + Send + use<T> {
        let seen = self.clone();
        move |thing| {
            seen.note(call, std::slice::from_ref(thing));
            Ok(())
        }
    }

    /// Stores the things.
    pub fn stores_many<T: Clone + Send + 'static>(
        &self,
        call: &'static str,
    ) -> impl Fn(&[T]) -> Result<(), StoreError> + Send + use<T> {
        let seen = self.clone();
        move |things| {
            seen.note(call, things);
            Ok(())
        }
    }

    /// Stores the thing over its version, and answers the next one.
    pub fn saves<T: Clone + Send + 'static>(
        &self,
        call: &'static str,
        version: fn(&T) -> Version,
    ) -> impl Fn(&T) -> Result<Version, StoreError> + Send + use<T> {
        let stores = self.stores(call);
        move |thing| stores(thing).map(|()| version(thing).next())
    }
}
