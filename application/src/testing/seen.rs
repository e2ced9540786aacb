//! Records the calls that mock units of work receive.

use super::{Ending, MockUnit};
use crate::kernel::{Claimed, IdempotencyClaim, KeptAnswer, MockIdempotencyKeys, OutboxEvent, StoreError};
use skep_domain::shared::Version;
use std::{
    any::Any,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The calls to the units of work of a world, in order, with their arguments. A call is named `repository.method`.
/// Clones share one record.
///
/// Pass the methods that return a closure to `returning` of a mock, as in
/// `categories.expect_insert().returning(seen.stores(…))`.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<(&'static str, Box<dyn Any + Send>)>,
    endings: Vec<Ending>,
    replayed: Option<KeptAnswer>,
}

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call and its arguments.
    pub fn note<T: Clone + Send + 'static>(&self, call: &'static str, values: &[T]) {
        self.state().calls.push((call, Box::new(values.to_vec())));
    }

    pub(super) fn note_ending(&self, ending: Ending) {
        self.state().endings.push(ending);
    }

    /// The names of all calls, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.iter().map(|(call, _)| *call).collect()
    }

    /// The arguments of all calls with this name.
    ///
    /// # Panics
    /// If they are of another type.
    #[must_use]
    pub fn all<T: Clone + 'static>(&self, call: &str) -> Vec<T> {
        let state = self.state();
        let values = state.calls.iter().filter(|(name, _)| *name == call);
        let of_type = |values: &dyn Any| values.downcast_ref::<Vec<T>>().expect("values of this type").clone();
        values.flat_map(|(_, values)| of_type(&**values)).collect()
    }

    /// The only argument of all calls with this name.
    ///
    /// # Panics
    /// If there is not exactly one, or it is of another type.
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

    /// The only event that was appended to the outbox.
    #[must_use]
    pub fn event(&self) -> OutboxEvent {
        self.one("outbox.append")
    }

    /// The payload of the only event.
    ///
    /// # Panics
    /// If there is not exactly one event.
    #[must_use]
    pub fn payload(&self) -> serde_json::Value {
        serde_json::from_str(&self.event().payload).expect("a payload is JSON")
    }

    /// The idempotency keys that were claimed.
    #[must_use]
    pub fn claims(&self) -> Vec<IdempotencyClaim> {
        self.all("claim")
    }

    /// The answers that were stored with idempotency keys.
    ///
    /// # Panics
    /// If one cannot be read.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        let kept = self.all::<KeptAnswer>("fill").into_iter();
        kept.map(|answer| answer.read().expect("an answer that can be read")).collect()
    }

    /// How each unit of work ended, in order.
    #[must_use]
    pub fn endings(&self) -> Vec<Ending> {
        self.state().endings.clone()
    }

    /// Makes each later claim of a key find this answer.
    ///
    /// # Panics
    /// If it is too long to be kept.
    pub fn replay(&self, answer: &str) {
        self.state().replayed = Some(KeptAnswer::of(answer.to_owned()).expect("a short answer"));
    }

    /// A unit of work that can claim keys. Each other call fails the test.
    #[must_use]
    pub fn looking<Mocks: Default>(&self) -> MockUnit<Mocks> {
        let mut unit = MockUnit::noting(self);
        self.claims_find(&mut unit.idempotency, None);
        unit
    }

    /// Sets the result of claims. With `None`, it is the answer of [`Seen::replay`], or else that the key is new.
    pub fn claims_find(&self, keys: &mut MockIdempotencyKeys, found: Option<Claimed>) {
        let seen = self.clone();
        keys.expect_claim().returning(move |claim| {
            seen.note("claim", std::slice::from_ref(claim));
            let replayed = seen.state().replayed.clone();
            Ok(found.clone().unwrap_or_else(|| replayed.map_or(Claimed::New, Claimed::Replay)))
        });
    }

    /// Lets a unit of work store answers with idempotency keys.
    pub fn keeps_answers<Mocks>(&self, unit: &mut MockUnit<Mocks>) {
        let seen = self.clone();
        unit.idempotency.expect_fill().returning(move |_, answer| {
            seen.note("fill", std::slice::from_ref(answer));
            Ok(())
        });
    }

    /// Lets a unit of work store answers and append events.
    pub fn writes<Mocks>(&self, unit: &mut MockUnit<Mocks>) {
        unit.outbox.expect_append().returning(self.stores("outbox.append"));
        self.keeps_answers(unit);
    }

    /// Records the call, and finds the thing with the id.
    pub fn finds<Id: Copy + PartialEq + Send + 'static, T: Clone + Send + 'static>(
        &self,
        call: &'static str,
        things: Vec<T>,
        id: fn(&T) -> Id,
    ) -> impl Fn(Id) -> Result<Option<T>, StoreError> + Send + use<Id, T> {
        let find = self.finds_many(call, things, id);
        move |id| Ok(find(&[id])?.pop())
    }

    /// Records the call, and finds the things with these ids.
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

    /// Records the call with the thing, and succeeds.
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

    /// Records the call with the things, and succeeds.
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

    /// Records the call with the thing, and returns the version after its own.
    pub fn saves<T: Clone + Send + 'static>(
        &self,
        call: &'static str,
        version: fn(&T) -> Version,
    ) -> impl Fn(&T) -> Result<Version, StoreError> + Send + use<T> {
        let stores = self.stores(call);
        move |thing| stores(thing).map(|()| version(thing).next())
    }
}
